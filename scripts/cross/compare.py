"""Compares what ferscope wrote on two processors: the same faces, crops, superpixels and classes, and numbers as near as networks' arithmetic allows.

    compare.py explanations REFERENCE OTHER      two folders of `ferscope explain`
    compare.py table REFERENCE.csv OTHER.csv     two tables of `ferscope classify` or `ferscope crop`

Prints the largest differences beside what is allowed, and ends with exit code 1 when one is larger.
"""

import array
import ast
import csv
import json
import math
import pathlib
import sys

# What may differ, by key; the rest of a JSON file must be equal. A network's answers differ by single-precision sums in another order; landmarks
# are shares of a crop of up to some hundred pixels. weights and maps are told as shares of their largest value.
ALLOWED = {
    "box": 0.01,
    "landmarks": 0.01,
    "angle": 0.01,
    "score": 1e-5,
    "log10_nfa": 1e-3,
    "probabilities": 1e-5,
    "intercept": 1e-5,
    "r2": 1e-5,
    "weights": 1e-3,
    "relevance.npy": 1e-3,
    "standardised.npy": 1e-3,
    # In tables, whose last digit may be rounded either way.
    "probability": 2e-5,
    "rounded r2": 2e-4,
    "rounded log10_nfa": 2e-3,
    # Of summary.json: heatmaps of single faces, cut at one of 256 levels, which a digit may move by one.
    "otsu_level": 1,
    "overlap": 5e-3,
    "foreground_area": 300,
}
OVERLAPS = ("iou", "precision", "recall", "f1", "iou_random", "iou_other_masks")
# Of the files of a face: equal to the byte.
SAME_BYTES = ["face.png", "segments.png"]

problems = []
largest = {}


def differ(what):
    problems.append(what)


def note(key, difference):
    # max() would pass over what is no number.
    largest[key] = max(largest.get(key, 0.0), difference if math.isfinite(difference) else math.inf)


def numbers(path):
    """The values of a little-endian single-precision .npy file."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", f"{path}: another version of the format"
    end = 10 + int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:end].decode())
    assert header["descr"] == "<f4", f"{path}: {header['descr']}"
    return array.array("f", data[end:])


def flat(value):
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in flat(value[key])]
    if isinstance(value, list):
        return [number for item in value for number in flat(item)]
    return [value]


def lists(key, reference, other, where):
    """Two lists of numbers, told as a share of the largest where what they mean has no unit."""
    if len(reference) != len(other):
        return differ(f"{where}: {len(other)} numbers in {key} instead of {len(reference)}")
    unit = 1.0
    if key in ("weights", "relevance.npy", "standardised.npy"):
        unit = max(map(abs, reference)) or 1.0
    for a, b in zip(reference, other):
        note(key, abs(a - b) / unit)


def record(reference, other, where):
    if reference.keys() != other.keys():
        return differ(f"{where}: keys differ: {reference.keys() ^ other.keys()}")
    for key, value in reference.items():
        if key == "timings_ms":
            continue
        if key in ALLOWED:
            lists(key, flat(value), flat(other[key]), where)
        elif value != other[key]:
            differ(f"{where}: {key} is {other[key]} instead of {value}")


def explanations(reference, other):
    faces = sorted(path.parent.name for path in reference.glob("*/explanation.json"))
    found = sorted(path.parent.name for path in other.glob("*/explanation.json"))
    if not faces:
        differ(f"{reference}: no explanation")
    if faces != found:
        differ(f"{other}: faces {found} instead of {faces}")
    for face in set(faces) & set(found):
        read = [json.loads((folder / face / "explanation.json").read_text()) for folder in (reference, other)]
        record(*read, face)
        for name in SAME_BYTES:
            if (reference / face / name).read_bytes() != (other / face / name).read_bytes():
                differ(f"{face}: {name} differs")
        for name in ("relevance.npy", "standardised.npy"):
            lists(name, numbers(reference / face / name), numbers(other / face / name), face)
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (reference, other)]
    heatmaps = [summary.pop("heatmaps") for summary in summaries]
    record(*summaries, "summary.json")
    if len(heatmaps[0]) != len(heatmaps[1]):
        differ(f"summary.json: {len(heatmaps[1])} heatmaps instead of {len(heatmaps[0])}")
    for before, after in zip(*heatmaps):
        for name in OVERLAPS:
            note("overlap", abs(before.pop(name) - after.pop(name)))
        record(before, after, f"summary.json, {before['expression']}")
    rows = [list(csv.DictReader((folder / "explanations.csv").open())) for folder in (reference, other)]
    if len(rows[0]) != len(rows[1]):
        differ(f"explanations.csv: {len(rows[1])} rows instead of {len(rows[0])}")
    for before, after in zip(*rows):
        for name, key in (("probability", "probability"), ("r2", "rounded r2"), ("log10_nfa", "rounded log10_nfa")):
            note(key, abs(float(before.pop(name)) - float(after.pop(name))))
        record(before, after, f"explanations.csv, {before['folder']}")
    return f"{len(faces)} explanations: crops and superpixels equal to the byte"


def table(reference, other):
    rows = [list(csv.DictReader(path.open())) for path in (reference, other)]
    names = [[(row["picture"], row["face"], row.get("class")) for row in some] for some in rows]
    if not rows[0]:
        differ(f"{reference}: no face")
    for before, after in zip(*names):
        if before != after:
            differ(f"{other}: {after} instead of {before}")
    if len(names[0]) != len(names[1]):
        differ(f"{other}: {len(names[1])} faces instead of {len(names[0])}")
    for before, after in zip(*rows):
        for key, value in before.items():
            if key not in ("picture", "face", "class"):
                kind = {"x": "box", "y": "box", "width": "box", "height": "box"}.get(key, key)
                note(kind if kind in ALLOWED else "probabilities", abs(float(value) - float(after[key])))
    return f"{len(rows[0])} faces of the same classes"


what, reference, other = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
done = {"explanations": explanations, "table": table}[what](reference, other)
for key, difference in sorted(largest.items()):
    print(f"  {key:<17} differs by {difference:8.1e} at most, {ALLOWED[key]:.0e} allowed")
    if not difference <= ALLOWED[key]:
        differ(f"{key} differs by {difference}")
for problem in problems[:20]:
    print(f"  NOT EQUAL: {problem}")
if problems:
    sys.exit(1)
print(f"  {done}")

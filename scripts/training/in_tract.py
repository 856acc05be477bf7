"""Exported networks in the runtime that ships: tract, through the program ferscope."""

import csv
import functools
import io
import json
import pathlib
import tempfile

import numpy
from PIL import Image

import export
import ferscope
from errors import Failure

# Painted heads that the repository carries.
PICTURES = ferscope.ROOT / "demo"
# Faces compared.
FACES = 6


def largest_difference(path, side, program):
    """The largest difference of a probability between tract and onnxruntime over faces of the demo pictures.

    ferscope writes probabilities with six digits, so differences below 1e-6 cannot be told.
    """
    # Some pictures have no face, which is exit code 1.
    table, _ = ferscope.run(program, "classify", *_pictures(), "--network", path, accepted=(0, 1))
    rows = list(csv.reader(io.StringIO(table)))[1:]
    if not rows:
        raise Failure(f"{PICTURES}: ferscope found no face to compare runtimes with")
    faces = _faces(side, program)
    expected = export.Runner(path).probabilities(
        numpy.stack([faces[f"{pathlib.Path(row[0]).stem}_{row[1]}"] for row in rows])
    )
    found = numpy.array([[float(value) for value in row[8:]] for row in rows])
    return float(numpy.abs(expected - found).max())


def _pictures():
    pictures = sorted(item for item in PICTURES.iterdir() if item.suffix in (".jpg", ".png"))
    return pictures[:: max(len(pictures) // FACES, 1)][:FACES]


@functools.cache
def _faces(side, program):
    """The levelled crops of the demo's faces, cut once for all networks: {picture_face: grey bytes (side, side)}."""
    with tempfile.TemporaryDirectory() as work:
        crops = pathlib.Path(work) / "crops"
        ferscope.run(program, "crop", *_pictures(), "--size", side, "--out", crops, accepted=(0, 1))
        faces = {}
        for crop in crops.glob("*.png"):
            with Image.open(crop) as picture:
                faces[crop.stem] = numpy.asarray(picture.convert("L"))
        return faces


def require_equal(path, side, program):
    """The largest difference; a failure where it is more than `export.LARGEST_DIFFERENCE`."""
    difference = largest_difference(path, side, program)
    if not difference <= export.LARGEST_DIFFERENCE:
        raise Failure(
            f"{path}: tract and onnxruntime differ by {difference:.2g}, at most {export.LARGEST_DIFFERENCE} is "
            "accepted: do not use this network; this is a fault of scripts/training/onnx_graph.py or of tract"
        )
    return difference


def milliseconds(path, program):
    """Of one classification with one thread, median of 5 (the rest of `ferscope bench` takes time); or why it fails."""
    try:
        output, _ = ferscope.run(
            program, "bench", "--json", "--threads", 1, "--repeat", 5, "--samples", 2, "--network", path
        )
    except Failure as failure:
        return {"milliseconds": None, "problem": str(failure)}
    stages = {stage["stage"]: stage["median_ms"] for stage in json.loads(output)["stages"]}
    return {"milliseconds": round(stages["classify"], 3)}


# Of the explanations that heatmaps are compared by; the same design and seed for every form.
SAMPLES = 150


def heatmap_agreement(forms, pictures, program):
    """How much the explanations of each form are like those of "float": {form: figures}.

    `forms` are ONNX files by name, `pictures` files with a face. Per face: the correlation of the signed relevance,
    where both forms explain the same class. Per expression: the correlation of the mean standardised
    relevance (the heatmap).
    """
    explained = {name: explain(path, pictures, program) for name, path in forms.items()}
    reference = explained["float"]
    report = {}
    for name, faces in explained.items():
        same = [key for key in faces if key in reference and faces[key][0] == reference[key][0]]
        by_face = [_correlation(faces[key][1], reference[key][1]) for key in same]
        by_class = {}
        for expression in sorted({reference[key][0] for key in same}):
            of_class = [key for key in same if reference[key][0] == expression]
            means = [numpy.mean([side[key][2] for key in of_class], axis=0) for side in (faces, reference)]
            by_class[expression] = round(_correlation(*means), 4)
        report[name] = {
            "faces": len(reference),
            "faces_of_the_same_class": len(same),
            "correlation_by_face": {"mean": _rounded(by_face, numpy.mean), "lowest": _rounded(by_face, numpy.min)},
            "heatmap_correlation": by_class,
        }
    return report


def explain(path, pictures, program, samples=SAMPLES):
    """{face: (explained class, relevance per crop pixel, relevance on the standard face)}"""
    with tempfile.TemporaryDirectory() as work:
        out = pathlib.Path(work) / "explanations"
        choice = ("--design", "hadamard", "--samples", samples, "--network", path)
        ferscope.run(program, "explain", *pictures, *choice, "--out", out, accepted=(0, 1))
        return {
            record.parent.name: (
                json.loads(record.read_text())["explained_class"],
                numpy.load(record.with_name("relevance.npy")),
                numpy.load(record.with_name("standardised.npy")),
            )
            for record in sorted(out.glob("*/explanation.json"))
        }


def _correlation(a, b):
    if numpy.array_equal(a, b):
        return 1.0  # also where nothing varies
    a, b = a.ravel() - a.mean(), b.ravel() - b.mean()
    length = float(numpy.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length else 0.0


def _rounded(values, function):
    return round(float(function(values)), 4) if values else None

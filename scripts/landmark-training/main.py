#!/usr/bin/env python3
"""Trains the landmark model that ferscope may ship: an ensemble of regression trees (Kazemi & Sullivan 2014) by dlib's trainer.

Faces come from scripts/synthesise, whose 68 points are exact, and from photographs whose points people placed. Their rectangles
are those of ferscope's own detector, so that the trees start where they will start at run time. One person in five is held out
of training, with all pictures of that person; on these the error is measured as ferscope places the points, beside that of the
landmark network, and the time of both.

    cargo build --release
    scripts/synthesise --ict-model FILE.npz --photographs DIR --out SET
    scripts/train-landmarks --synthetic SET --photographs DIR --out landmarks-68-trees.dat

Use the result with `ferscope ... --shape-predictor landmarks-68-trees.dat`. Points: pixels of the picture, origin top left, x
right, y down, pixel centres at whole numbers, numbered 1 to 68.
"""

import argparse
import csv
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "synthesising"))

import dlib
import numpy
from PIL import Image

import template

LARGEST_FILE = 10_000_000
"""Bytes that a model in the repository may have."""


class Problem(Exception):
    """What the user can mend; told without a traceback."""


@dataclass
class Face:
    picture: Path
    person: str
    origin: str
    """Where the points come from: `synthetic` or `hand-placed`."""
    points: numpy.ndarray
    """(68, 2)"""
    rectangle: tuple = ()
    """x, y, width, height as the detector gives them."""


def synthetic_faces(folder):
    """The faces of a set made by scripts/synthesise."""
    table = folder / "faces.csv"
    if not table.exists():
        raise Problem(f"{table}: no such file: --synthetic takes the folder that scripts/synthesise made")
    faces = []
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            points = [[float(row[f"x{number}"]), float(row[f"y{number}"])] for number in range(1, 69)]
            picture = (folder / row["picture"]).resolve()
            faces.append(Face(picture, row["subject"], "synthetic", numpy.array(points)))
    return faces


def hand_placed_faces(folder):
    """The neutral photographs of the London set with the 68 points that its 189 hand-placed ones give."""
    points = folder / "neutral_landmarks_189.json"
    if not points.exists():
        raise Problem(f"{points}: no such file: --photographs takes the folder of the London set")
    return [
        Face((folder / "neutral" / f"{name}.jpg").resolve(), name, "hand-placed", template.landmarks(placed))
        for name, placed in sorted(json.loads(points.read_text()).items())
    ]


def person_number(person):
    """The same for a photographed person and the synthetic faces textured with the photograph: the digits of the name."""
    return re.sub(r"\D", "", person).lstrip("0") or person


def is_held_out(person, seed):
    """One person in five, by a hash: adding people moves nobody from one side to the other."""
    return hashlib.sha256(f"{seed} {person_number(person)}".encode()).digest()[0] % 5 == 0


def read_crops(ferscope, pictures, shape_predictor=None):
    """What `ferscope crop` says of each picture with exactly one face: {picture: (rectangle, (68, 2) points)}."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(ferscope), "crop", "--size", "8", "--out", folder, "--force"]
        command += ["--shape-predictor", str(shape_predictor)] if shape_predictor else []
        command += sorted({str(picture) for picture in pictures})
        # Pictures without a face make exit code 1; they are counted below.
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode > 1:
            raise Problem(f"`ferscope crop` failed: {done.stderr.strip()}")
        found = {}
        with (Path(folder) / "faces.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                rectangle = tuple(float(row[side]) for side in ("x", "y", "width", "height"))
                points = [[float(row[f"x{number}"]), float(row[f"y{number}"])] for number in range(1, 69)]
                found.setdefault(Path(row["picture"]), []).append((rectangle, numpy.array(points)))
    return {picture: faces[0] for picture, faces in found.items() if len(faces) == 1}


def crops_by_batches(ferscope, pictures, shape_predictor=None, batch=2000):
    """As read_crops, however many pictures there are: a command line has a longest length."""
    pictures = sorted(set(pictures))
    found = {}
    for start in range(0, len(pictures), batch):
        found.update(read_crops(ferscope, pictures[start : start + batch], shape_predictor))
        print(f"  {min(start + batch, len(pictures))} of {len(pictures)} pictures", file=sys.stderr)
    return found


def train(faces, options, out):
    """Writes the model. dlib's rectangle includes its last column and row."""
    pictures, detections = [], []
    for face in faces:
        x, y, width, height = face.rectangle
        rectangle = dlib.rectangle(round(x), round(y), round(x + width) - 1, round(y + height) - 1)
        points = [dlib.point(round(px), round(py)) for px, py in face.points]
        pictures.append(numpy.asarray(Image.open(face.picture).convert("L")))
        detections.append([dlib.full_object_detection(rectangle, points)])
    dlib.train_shape_predictor(pictures, detections, options).save(str(out))


def errors(faces, found):
    """Per face, the mean distance of the 68 points from the true ones over that between the eye centres, in percent."""
    result = []
    for face in faces:
        if face.picture in found:
            _, points = found[face.picture]
            eyes = face.points[36:42].mean(axis=0) - face.points[42:48].mean(axis=0)
            result.append(100 * numpy.linalg.norm(points - face.points, axis=1).mean() / numpy.linalg.norm(eyes))
    return numpy.array(result)


def landmark_milliseconds(ferscope, picture, shape_predictor=None):
    command = [str(ferscope), "bench", str(picture), "--json", "--samples", "2", "--repeat", "50", "--threads", "1"]
    command += ["--shape-predictor", str(shape_predictor)] if shape_predictor else []
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return next(stage["median_ms"] for stage in report["stages"] if stage["stage"] == "landmarks")


def report(ferscope, held_out, out):
    """The errors of the trees and of the network on held-out people, by origin, and the time of both."""
    result = {"bytes": out.stat().st_size, "sha256": hashlib.sha256(out.read_bytes()).hexdigest(), "held_out": []}
    pictures = [face.picture for face in held_out]
    models = {"regression trees": out, "landmark network": None}
    for name, predictor in models.items():
        found = crops_by_batches(ferscope, pictures, predictor)
        for origin in sorted({face.origin for face in held_out}):
            of_origin = errors([face for face in held_out if face.origin == origin], found)
            if len(of_origin):
                result["held_out"].append(
                    {
                        "model": name,
                        "points": origin,
                        "faces": len(of_origin),
                        "mean_error_percent": round(float(of_origin.mean()), 3),
                        "median_error_percent": round(float(numpy.median(of_origin)), 3),
                        "share_above_10_percent": round(float((of_origin > 10).mean()), 4),
                    }
                )
        result[f"{name.replace(' ', '_')}_ms"] = landmark_milliseconds(ferscope, pictures[0], predictor)
    return result


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthetic", type=Path, metavar="SET", help="a folder that scripts/synthesise made")
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="the London set, with its 189 hand-placed points")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.dat", help="the model; FILE.json beside it tells the errors")
    parser.add_argument("--ferscope", type=Path, default=Path(__file__).parents[2] / "target/release/ferscope")
    parser.add_argument("--most", type=int, default=4000, metavar="N", help="train on at most N synthetic faces (default 4000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="who is held out, which faces, the trees (default 0)")
    parser.add_argument("--stages", type=int, default=12, help="stages of the cascade (default 12)")
    parser.add_argument("--trees", type=int, default=120, help="trees per stage (default 120)")
    parser.add_argument("--depth", type=int, default=3, help="splits from root to leaf (default 3: 8 leaves)")
    parser.add_argument("--oversampling", type=int, default=20, help="starting shapes per face (default 20)")
    parser.add_argument("--shrinkage", type=float, default=0.1, help="how far each tree goes, dlib's nu (default 0.1)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing model")
    return parser.parse_args()


def trainer_options(chosen):
    options = dlib.shape_predictor_training_options()
    options.cascade_depth = chosen.stages
    options.num_trees_per_cascade_level = chosen.trees
    options.tree_depth = chosen.depth
    options.oversampling_amount = chosen.oversampling
    options.oversampling_translation_jitter = 0.05
    options.nu = chosen.shrinkage
    options.feature_pool_size = 500
    options.num_test_splits = 100
    options.random_seed = str(chosen.seed)
    options.num_threads = os.cpu_count() or 1
    options.be_verbose = True
    return options


def run(chosen):
    if not chosen.synthetic and not chosen.photographs:
        raise Problem("nothing to learn from: give --synthetic, --photographs or both")
    if chosen.out.exists() and not chosen.force:
        raise Problem(f"{chosen.out} exists already: choose another --out, or say --force")
    if not chosen.ferscope.exists():
        raise Problem(f"{chosen.ferscope}: no such program: run `cargo build --release`, or name it with --ferscope")
    faces = synthetic_faces(chosen.synthetic) if chosen.synthetic else []
    faces += hand_placed_faces(chosen.photographs) if chosen.photographs else []
    missing = [face.picture for face in faces if not face.picture.exists()]
    if missing:
        raise Problem(f"{missing[0]}: no such picture ({len(missing)} are missing)")
    print(f"finding the faces of {len(faces)} pictures", file=sys.stderr)
    found = crops_by_batches(chosen.ferscope, [face.picture for face in faces])
    for face in faces:
        face.rectangle = found.get(face.picture, ((),))[0]
    usable = [face for face in faces if face.rectangle]
    print(f"{len(faces) - len(usable)} pictures have no face or several and are left out", file=sys.stderr)
    training = [face for face in usable if not is_held_out(face.person, chosen.seed)]
    held_out = [face for face in usable if is_held_out(face.person, chosen.seed)]
    if not training or not held_out:
        raise Problem("too few people: one in five is held out, and none is left on one side")
    random = numpy.random.default_rng(chosen.seed)
    synthetic = [face for face in training if face.origin == "synthetic"]
    photographed = [face for face in training if face.origin != "synthetic"]
    chosen_ones = sorted(random.permutation(len(synthetic))[: chosen.most].tolist())
    training = [synthetic[index] for index in chosen_ones] + photographed
    people = len({person_number(face.person) for face in training})
    print(f"training on {len(training)} faces of {people} people", file=sys.stderr)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    partial = chosen.out.with_name(chosen.out.name + ".partial")
    train(training, trainer_options(chosen), partial)
    partial.replace(chosen.out)
    result = {
        "trained_on": {
            "synthetic faces": len(chosen_ones),
            "photographs": len(photographed),
            "people": people,
        },
        "stages": chosen.stages,
        "trees_per_stage": chosen.trees,
        "depth": chosen.depth,
        "seed": chosen.seed,
        "error": "mean distance of the 68 points over the distance between the eye centres, in percent",
    } | report(chosen.ferscope, held_out, chosen.out)
    text = json.dumps(result, indent=2) + "\n"
    chosen.out.with_suffix(".json").write_text(text)
    print(text, end="")
    if result["bytes"] > LARGEST_FILE:
        print(f"note: more than {LARGEST_FILE} bytes: fewer --stages or --trees, or less --depth", file=sys.stderr)


def main():
    try:
        run(arguments())
    except (Problem, OSError) as problem:
        print(f"train-landmarks: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Trains the landmark model that ferscope may ship: an ensemble of regression trees (Kazemi & Sullivan 2014) by dlib's trainer.

Faces come from scripts/synthesise, whose 68 points are exact, and from photographs whose points people placed. Their rectangles
are those of ferscope's own detector, so that the trees start where they will start at run time. One person in five is held out
of training, with all pictures of that person; on these the error is measured as ferscope places the points, beside that of the
landmark network, and the time of both.

Half of the synthetic faces are mirrored, and each photograph is used both ways: faces have no preferred side. Photographs are
few and real, and count several times.

    cargo build --release
    scripts/synthesise --ict-model FILE.npz --photographs DIR --out SET
    scripts/train-landmarks --synthetic SET --photographs DIR --out landmarks-68-trees.dat

Use the result with `ferscope ... --shape-predictor landmarks-68-trees.dat`. Points: pixels of the picture, origin top left, x
right, y down, pixel centres at whole numbers, numbered 1 to 68.
"""

import argparse
import contextlib
import csv
import hashlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parents[1] / other) for other in ("synthesising", "training")]

import dlib
import numpy
from PIL import Image

import ferscope
import template
from errors import Failure
from progress import Progress

LARGEST_FILE = 10_000_000
"""Bytes that a model in the repository may have."""

SMALLEST_SIDE = 128
"""Pixels: faces with rectangles of twice this side or more are thinned out, never below it, where points in whole pixels get coarse."""

LOT = 500
"""Pictures handed to `ferscope` at once: a command line has a longest length."""

MIRRORED = [number - 1 for number in (
    *range(17, 0, -1), *range(27, 17, -1), 28, 29, 30, 31, 36, 35, 34, 33, 32, 46, 45, 44, 43, 48, 47, 40, 39, 38, 37, 42, 41,
    *range(55, 48, -1), *range(60, 55, -1), *range(65, 60, -1), 68, 67, 66,
)]  # fmt: skip
"""Which point, from 0, a mirrored face has in place of each."""


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
        raise Failure(f"{table}: no such file: --synthetic takes the folder that scripts/synthesise made")
    faces = []
    with table.open(newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            try:
                faces.append(Face((folder / row["picture"]).resolve(), row["subject"], "synthetic", points_of(row)))
            except (KeyError, TypeError, ValueError) as problem:
                columns = "picture, subject, x1, y1 to x68, y68"
                raise Failure(f"{table}: line {rows.line_num}: the columns {columns} are needed: {problem}") from problem
    return faces


def points_of(row):
    """The columns x1, y1 to x68, y68 of a table's row."""
    return numpy.array([[float(row[f"{axis}{number}"]) for axis in "xy"] for number in range(1, 69)])


def hand_placed_faces(folder):
    """The neutral photographs of the London set with the 68 points that its 189 hand-placed ones give."""
    points = folder / "neutral_landmarks_189.json"
    if not points.exists():
        raise Failure(f"{points}: no such file: --photographs takes the folder of the London set")
    try:
        placed = sorted(json.loads(points.read_text()).items())
        return [
            Face((folder / "neutral" / f"{name}.jpg").resolve(), name, "hand-placed", template.landmarks(of_one))
            for name, of_one in placed
        ]
    except (AttributeError, IndexError, ValueError) as problem:
        raise Failure(f"{points}: expected {template.POINTS} points of each photograph: {problem}") from problem


def person_number(person):
    """The same for a photographed person and the synthetic faces textured with the photograph: the digits of the name."""
    digits = re.sub(r"\D", "", person)
    return str(int(digits)) if digits else person


def is_held_out(person, seed):
    """One person in five, by a hash: adding people moves nobody from one side to the other."""
    return hashlib.sha256(f"{seed} {person_number(person)}".encode()).digest()[0] % 5 == 0


def find_faces(program, pictures, shape_predictor=None):
    """What `ferscope crop` says of each picture with exactly one face: {picture: (rectangle, (68, 2) points)}."""
    pictures = sorted({str(picture) for picture in pictures})
    progress = Progress("finding faces", len(pictures))
    found = {}
    for start in range(0, len(pictures), LOT):
        lot = pictures[start : start + LOT]
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "crops" / "faces.csv"
            words = ["crop", "--size", 8, "--out", table.parent, *lot]
            words += ["--shape-predictor", shape_predictor] if shape_predictor else []
            # 1: some picture had no face, or something else was wrong; where none had, there is no table.
            _, told = ferscope.run(program, *words, accepted=(0, 1))
            for picture, problem in ferscope.problems(told, lot).items():
                if problem != ferscope.NO_FACE:
                    print(f"ferscope: {picture}: {problem}: left out", file=sys.stderr)
            if table.exists():
                with table.open(newline="") as file:
                    for row in csv.DictReader(file):
                        rectangle = tuple(float(row[side]) for side in ("x", "y", "width", "height"))
                        found.setdefault(Path(row["picture"]), []).append((rectangle, points_of(row)))
        progress.advance(len(lot))
    alone = {picture: faces[0] for picture, faces in found.items() if len(faces) == 1}
    progress.finish(f"pictures, {len(alone)} of them with one face,")
    return alone


def is_found(face, found):
    """Is the one face of the picture this one? Then the middle of its points lies in the rectangle."""
    if face.picture not in found:
        return False
    x, y, width, height = found[face.picture][0]
    middle = face.points.mean(axis=0)
    return bool(x <= middle[0] <= x + width and y <= middle[1] <= y + height)


def surroundings(face):
    """The grey picture around a face, and there its rectangle (left, top, right, bottom, the last ones inside) and points.

    Beyond half a rectangle's side, no tree looks. Of large faces every second, third, ... pixel is taken and none
    averaged, since at run time too trees read single pixels. Thus a face holds about 100 kB, however large its picture.
    """
    x, y, width, height = face.rectangle
    step = max(1, int(min(width, height) // SMALLEST_SIDE))
    try:
        with Image.open(face.picture) as picture:
            grey = picture.convert("L")
    except OSError as problem:
        raise Failure(f"{face.picture}: not a picture that can be read: {problem}") from problem
    left, top = max(0, int(x - width / 2)), max(0, int(y - height / 2))
    right, bottom = min(grey.width, int(x + 1.5 * width)), min(grey.height, int(y + 1.5 * height))
    first = step // 2
    pixels = numpy.asarray(grey.crop((left, top, right, bottom)))[first::step, first::step]
    origin = numpy.array([left + first, top + first])
    corners = numpy.array([[x, y], [x + width - 1, y + height - 1]])
    return numpy.ascontiguousarray(pixels), ((corners - origin) / step).ravel(), (face.points - origin) / step


def mirrored(pixels, corners, points):
    """The same, the right side on the left."""
    last = pixels.shape[1] - 1
    left, top, right, bottom = corners
    turned = numpy.stack([last - points[:, 0], points[:, 1]], axis=1)[MIRRORED]
    return numpy.ascontiguousarray(pixels[:, ::-1]), numpy.array([last - right, top, last - left, bottom]), turned


def views(faces, weight):
    """What is trained on: of every second synthetic face its mirror image, of each photograph both, `weight` times."""
    for number, face in enumerate(faces):
        view = surroundings(face)
        if face.origin != "synthetic":
            yield from [view, mirrored(*view)] * weight
        else:
            yield mirrored(*view) if number % 2 else view


@contextlib.contextmanager
def dlib_at_work():
    """dlib tells its progress on standard output, which is for the result, and would let Ctrl-C wait until it is done."""
    sys.stdout.flush()
    standard_output = os.dup(1)
    interruption = signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(standard_output, 1)
        os.close(standard_output)
        signal.signal(signal.SIGINT, interruption)


def train(faces, weight, options, out):
    """Writes the model. Photographs count `weight` times."""
    pictures, detections = [], []
    for pixels, corners, points in views(faces, weight):
        rectangle = dlib.rectangle(*(round(corner) for corner in corners))
        pictures.append(pixels)
        detections.append([dlib.full_object_detection(rectangle, [dlib.point(round(x), round(y)) for x, y in points])])
    with dlib_at_work():
        model = dlib.train_shape_predictor(pictures, detections, options)
        model.save(str(out))


def errors(faces, found, points=slice(None)):
    """Per face, the mean distance of the points from the true ones over that between the eye centres, in percent."""
    result = []
    for face in faces:
        if face.picture in found:
            distances = numpy.linalg.norm(found[face.picture][1] - face.points, axis=1)
            eyes = face.points[36:42].mean(axis=0) - face.points[42:48].mean(axis=0)
            result.append(100 * distances[points].mean() / numpy.linalg.norm(eyes))
    return numpy.array(result)


def landmark_milliseconds(program, picture, shape_predictor=None):
    words = ["bench", picture, "--json", "--samples", 2, "--repeat", 20, "--threads", 1]
    words += ["--shape-predictor", shape_predictor] if shape_predictor else []
    result = json.loads(ferscope.run(program, *words)[0])
    return next(stage["median_ms"] for stage in result["stages"] if stage["stage"] == "landmarks")


def report(program, held_out, found, out):
    """The errors of the trees and of the network on held-out people, by origin, and the time of both.

    `found` holds where the network places the points. It learnt another notion of them, above all of the jaw, than that
    which synthetic and hand-placed points share with the trees: part of the difference is that.
    """
    result = {"bytes": out.stat().st_size, "sha256": hashlib.sha256(out.read_bytes()).hexdigest(), "held_out": []}
    pictures = [face.picture for face in held_out]
    models = {"regression trees": (find_faces(program, pictures, out), out), "landmark network": (found, None)}
    for name, (placed, predictor) in models.items():
        for origin in sorted({face.origin for face in held_out}):
            of_origin = [face for face in held_out if face.origin == origin]
            all_points, without_jaw = errors(of_origin, placed), errors(of_origin, placed, slice(17, None))
            result["held_out"].append(
                {
                    "model": name,
                    "points": origin,
                    "faces": len(of_origin),
                    "mean_error_percent": round(float(all_points.mean()), 3),
                    "median_error_percent": round(float(numpy.median(all_points)), 3),
                    "share_above_10_percent": round(float((all_points > 10).mean()), 4),
                    "mean_error_without_jaw_percent": round(float(without_jaw.mean()), 3),
                }
            )
        result[f"{name.replace(' ', '_')}_ms"] = landmark_milliseconds(program, pictures[0], predictor)
    return result


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return number


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthetic", type=Path, metavar="SET", help="a folder that scripts/synthesise made")
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="the London set, with its 189 hand-placed points")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.dat", help="the model; FILE.json beside it tells the errors")
    parser.add_argument("--ferscope", metavar="PATH", help="the program (default: $FERSCOPE, target/release/ferscope, the PATH)")
    parser.add_argument("--most", type=int, default=4000, metavar="N", help="train on at most N synthetic faces (default 4000)")
    parser.add_argument("--photograph-weight", type=positive, default=6, metavar="N", help="count photographs N times (default 6)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="who is held out, which faces, the trees (default 0)")
    parser.add_argument("--stages", type=positive, default=12, metavar="N", help="stages of the cascade (default 12)")
    parser.add_argument("--trees", type=positive, default=120, metavar="N", help="trees per stage (default 120)")
    parser.add_argument("--depth", type=positive, default=3, metavar="N", help="splits from root to leaf (default 3: 8 leaves)")
    parser.add_argument("--oversampling", type=positive, default=20, metavar="N", help="starting shapes per face (default 20)")
    parser.add_argument("--splits", type=positive, default=100, metavar="N", help="splits tried for each that is taken (default 100)")
    parser.add_argument("--shrinkage", type=float, default=0.1, help="how far each tree goes, dlib's nu (default 0.1)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing model")
    return parser.parse_args(words)


def trainer_options(chosen):
    options = dlib.shape_predictor_training_options()
    options.cascade_depth = chosen.stages
    options.num_trees_per_cascade_level = chosen.trees
    options.tree_depth = chosen.depth
    options.oversampling_amount = chosen.oversampling
    options.oversampling_translation_jitter = 0.05
    options.nu = chosen.shrinkage
    options.feature_pool_size = 500
    options.num_test_splits = chosen.splits
    options.random_seed = str(chosen.seed)
    # Not one for each core: dlib sums by thread, and another number makes other trees.
    options.num_threads = 4
    options.be_verbose = True
    return options


def train_and_report(chosen):
    program = prepare(chosen)
    faces = synthetic_faces(chosen.synthetic) if chosen.synthetic else []
    faces += hand_placed_faces(chosen.photographs) if chosen.photographs else []
    missing = [face.picture for face in faces if not face.picture.exists()]
    if missing:
        raise Failure(f"{missing[0]}: no such picture ({len(missing)} are missing)")
    training, held_out = split(faces, chosen.most, chosen.seed)
    found = find_faces(program, [face.picture for face in training + held_out])
    training, held_out = ([face for face in side if is_found(face, found)] for side in (training, held_out))
    if not training or not held_out:
        raise Failure("too few faces: one person in five is held out, and none is found on one side")
    for face in training:
        face.rectangle = found[face.picture][0]
    synthetic = sum(face.origin == "synthetic" for face in training)
    people = len({person_number(face.person) for face in training})
    print(f"training on {len(training)} faces of {people} people", file=sys.stderr)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    partial = chosen.out.with_name(chosen.out.name + ".partial")
    start = time.monotonic()
    train(training, chosen.photograph_weight, trainer_options(chosen), partial)
    seconds = time.monotonic() - start
    partial.replace(chosen.out)
    result = {
        "trained_on": {"synthetic faces": synthetic, "photographs": len(training) - synthetic, "people": people},
        "photograph_weight": chosen.photograph_weight,
        "stages": chosen.stages,
        "trees_per_stage": chosen.trees,
        "depth": chosen.depth,
        "oversampling": chosen.oversampling,
        "splits_tried": chosen.splits,
        "shrinkage": chosen.shrinkage,
        "seed": chosen.seed,
        "training_seconds": round(seconds, 1),
        "people_held_out": len({person_number(face.person) for face in held_out}),
        "error": "mean distance of the points over the distance between the eye centres, in percent",
    } | report(program, held_out, found, chosen.out)
    text = json.dumps(result, indent=2) + "\n"
    chosen.out.with_suffix(".json").write_text(text)
    print(text, end="")
    if result["bytes"] > LARGEST_FILE:
        print(f"note: more than {LARGEST_FILE} bytes: fewer --stages or --trees, or less --depth", file=sys.stderr)


def prepare(chosen):
    """The program, once it is sure that it is there and that nothing will be overwritten."""
    if not chosen.synthetic and not chosen.photographs:
        raise Failure("nothing to learn from: give --synthetic, --photographs or both")
    if chosen.out.suffix == ".json":
        raise Failure(f"{chosen.out}: the model's name must not end in .json, where its errors are told")
    for path in (chosen.out, chosen.out.with_suffix(".json")):
        if path.exists() and not chosen.force:
            raise Failure(f"{path} exists already: choose another --out, or say --force")
    return ferscope.require(chosen.ferscope)


def split(faces, most, seed):
    """The faces to train on, of which at most `most` are synthetic, and those of held-out people."""
    held_out = [face for face in faces if is_held_out(face.person, seed)]
    training = [face for face in faces if not is_held_out(face.person, seed)]
    synthetic = [face for face in training if face.origin == "synthetic"]
    photographs = [face for face in training if face.origin != "synthetic"]
    order = numpy.random.default_rng(seed).permutation(len(synthetic))
    return [synthetic[index] for index in sorted(order[:most].tolist())] + photographs, held_out


def main():
    try:
        train_and_report(arguments())
    except (Failure, OSError) as problem:
        print(f"train-landmarks: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train-landmarks: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

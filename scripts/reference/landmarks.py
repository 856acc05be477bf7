#!/usr/bin/env python3
"""Where dlib's 68-point predictor places the points of faces: the reference of tests/regression_trees.rs.

Cuts each face out of its picture, saves it without loss as PNG (JPEG decoders differ by a few grey levels, and that
alone moves dlib's own points by several pixels), and writes faces.json beside it:

    [{"picture": file name, "rectangle": [x, y, width, height], "truth": [[x, y], ...], "points": [[x, y], ...]}, ...]

`rectangle` bounds the true points, `points` are dlib's, rounded to whole pixels by dlib; pixel centres are at whole
numbers, origin top left. True points are given as the demo's truth.csv, or as a JSON object of picture name (without
ending) -> [[x, y], ...].

    landmarks.py --predictor target/reference/shape_predictor_68_face_landmarks.dat \\
        --pictures demo --truth demo/truth.csv --every 10 --size 128 --grey --out tests/data/painted_faces
    landmarks.py --predictor target/reference/shape_predictor_68_face_landmarks.dat \\
        --pictures london/neutral --truth london/neutral_landmarks_189.json \\
        --out target/reference/london
"""

import argparse
import csv
import json
from pathlib import Path

import dlib
import numpy
from PIL import Image

MARGIN = 0.3
"""Room left around the true points, as a share of their bounding box's longer side."""


def true_points(truth):
    """(name of the picture, name of the face, its points) of every face."""
    if truth.suffix == ".json":
        return [(name, name, points) for name, points in sorted(json.loads(truth.read_text()).items())]
    faces = []
    for row in csv.DictReader(truth.open()):
        picture = f"frame-{int(row['frame']):03}"
        points = [[float(row[f"x{number}"]), float(row[f"y{number}"])] for number in range(1, 69)]
        faces.append((picture, f"{picture}-{row['face']}", points))
    return faces


def cut(picture, points, size):
    """The face with its margin, its longer side `size` pixels or as it is, and its points there."""
    points = numpy.array(points)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = MARGIN * (high - low).max()
    corner = numpy.floor(low - margin).astype(int)
    width, height = (numpy.ceil(high + margin).astype(int) - corner).tolist()
    face = picture.crop((*corner, corner[0] + width, corner[1] + height))
    scale = size / max(width, height) if size else 1.0
    if size:
        face = face.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    return face, (points - corner + 0.5) * scale - 0.5


def bounding_box(points):
    """(x, y, width, height) of the pixels that hold the points."""
    low, high = numpy.floor(points.min(axis=0)).astype(int), numpy.ceil(points.max(axis=0)).astype(int)
    return [*low.tolist(), *(high - low + 1).tolist()]


def place(predictor, pixels, box):
    """dlib's points. Its rectangle includes the last column and row."""
    x, y, width, height = box
    shape = predictor(pixels, dlib.rectangle(x, y, x + width - 1, y + height - 1))
    return [[point.x, point.y] for point in shape.parts()]


def write(path, entries):
    """One entry a line."""
    path.write_text("[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries) + "\n]\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictor", required=True, metavar="FILE.dat")
    parser.add_argument("--pictures", required=True, type=Path, metavar="DIR")
    parser.add_argument("--truth", required=True, type=Path, metavar="FILE")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="longer side of what is saved (default: as it is)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th face")
    parser.add_argument("--grey", action="store_true", help="save grey pictures")
    chosen = parser.parse_args()

    predictor = dlib.shape_predictor(chosen.predictor)
    chosen.out.mkdir(parents=True, exist_ok=True)
    faces = []
    for picture, name, points in true_points(chosen.truth)[:: chosen.every]:
        whole = Image.open(chosen.pictures / f"{picture}.jpg").convert("L" if chosen.grey else "RGB")
        face, truth = cut(whole, points, chosen.size)
        face.save(chosen.out / f"{name}.png")
        box = bounding_box(truth)
        faces.append(
            {
                "picture": f"{name}.png",
                "rectangle": box,
                "truth": truth.round(1).tolist(),
                "points": place(predictor, numpy.asarray(face), box),
            }
        )
    write(chosen.out / "faces.json", faces)
    print(f"{len(faces)} faces in {chosen.out}")


if __name__ == "__main__":
    main()

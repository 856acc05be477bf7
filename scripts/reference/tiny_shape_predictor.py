#!/usr/bin/env python3
"""Lets dlib's own trainer write a predictor that is small enough to commit, and dlib place points with it.

Trains on the painted faces that landmarks.py saved (their true points), and writes tiny_shape_predictor.dat and
tiny_shape_predictor.json, a list as landmarks.py writes it, with rectangles that fit, are shifted, and reach out of the
picture. Test data of the file format and the arithmetic; useless for faces.

    tiny_shape_predictor.py tests/data/painted_faces tests/data
"""

import json
import sys
from pathlib import Path

import dlib
import numpy
from landmarks import place, write
from PIL import Image


def example(face):
    x, y, width, height = face["rectangle"]
    points = dlib.points([dlib.point(round(x), round(y)) for x, y in face["truth"]])
    return dlib.full_object_detection(dlib.rectangle(x, y, x + width - 1, y + height - 1), points)


def main():
    folder, out = map(Path, sys.argv[1:])
    faces = json.loads((folder / "faces.json").read_text())
    pictures = [numpy.asarray(Image.open(folder / face["picture"])) for face in faces]

    options = dlib.shape_predictor_training_options()
    options.cascade_depth = 3
    options.num_trees_per_cascade_level = 5
    options.tree_depth = 3
    options.feature_pool_size = 60
    options.oversampling_amount = 20
    options.nu = 0.5
    options.num_threads = 1
    predictor = dlib.train_shape_predictor(pictures, [[example(face)] for face in faces], options)
    predictor.save(str(out / "tiny_shape_predictor.dat"))

    cases = []
    for face, picture in list(zip(faces, pictures))[:2]:
        x, y, width, height = face["rectangle"]
        boxes = [
            [x, y, width, height],
            [x + 7, y - 5, width - 12, height + 9],
            [x - width // 2, y + height // 2, width, height],
            [x - 400, y - 300, 3 * width + 401, 2 * height + 301],
        ]
        cases += [{"picture": face["picture"], "rectangle": box, "points": place(predictor, picture, box)} for box in boxes]
    write(out / "tiny_shape_predictor.json", cases)


if __name__ == "__main__":
    main()

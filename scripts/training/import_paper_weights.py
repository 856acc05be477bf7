"""Turns the HDF5 weights that the paper's authors published into networks ferscope runs: --help."""

import quiet  # noqa: F401, I001 - first

import argparse
import pathlib
import re
import sys

import export
import expressions
import ferscope
import in_tract
import keras
import networks
import weights
from errors import Failure, run_command

DESCRIPTION = """\
Turns the weights of the paper's authors into networks that ferscope runs.

DIR holds files named <Network>_CV<k>_weights.h5, as they publish them, with networks spelled
SilNet WeiNet AlexNet SongNet InceptionV3 VGG19 VGG16 ResNet50 ResNet101V2 Xception MobileNetV3Large EfficientNetV2B0.
Each becomes OUT/<network>-6-fold-<k>.onnx with a description beside it. A file that cannot be used is told and the rest
goes on; the exit code is then 1.
"""

_NAME = re.compile(r"(?P<network>\w+)_CV(?P<fold>\d+)_weights\.h(df)?5$")


def main(words=None):
    parser = argparse.ArgumentParser(
        prog="scripts/import-paper-weights",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=pathlib.Path, metavar="DIR", help="where the .h5 files lie")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR", help="where the networks go")
    parser.add_argument(
        "--classes", type=int, choices=(6, 7), default=6, help="six as published, or seven with neutral [6]"
    )
    parser.add_argument(
        "--scaling", choices=("built-in", "none"), default="built-in",
        help="whether MobileNetV3 and EfficientNetV2 have Keras' own scaling of bytes, as the authors' have [built-in]",
    )  # fmt: skip
    parser.add_argument(
        "--ferscope", metavar="PROGRAM", help="also runs each network in it [target/release/ferscope, or the one on the PATH]"
    )
    options = parser.parse_args(words)
    program = ferscope.find(options.ferscope)
    if program is None:
        print("ferscope: note: the program ferscope was not found, so that no network is run in it", file=sys.stderr)
    if not options.folder.is_dir():
        raise Failure(f"{options.folder}: is no folder: give the one with the .h5 files")
    found = sorted(path for path in options.folder.iterdir() if path.suffix in (".h5", ".hdf5"))
    if not found:
        raise Failure(f"{options.folder}: holds no .h5 file; expected <Network>_CV<k>_weights.h5")
    failures = 0
    for path in found:
        try:
            print(_import(path, options, program))
        except Failure as failure:
            failures += 1
            print(f"ferscope: {failure}", file=sys.stderr)
    done = len(found) - failures
    missing = [architecture.paper_name for architecture in networks.ARCHITECTURES.values()
               if not any(path.name.startswith(f"{architecture.paper_name}_CV") for path in found)]  # fmt: skip
    if missing:
        print(f"ferscope: note: no file of {', '.join(missing)}", file=sys.stderr)
    print(f"{done} of {len(found)} files imported: {options.out}")
    return 1 if failures else 0


def _import(path, options, program):
    """Imports one file; returns a line to print."""
    match = _NAME.match(path.name)
    if match is None:
        raise Failure(f"{path}: is not named <Network>_CV<k>_weights.h5")
    spellings = {architecture.paper_name: architecture for architecture in networks.ARCHITECTURES.values()}
    architecture = spellings.get(match["network"])
    if architecture is None:
        raise Failure(f"{path}: `{match['network']}` is none of the paper's networks: {', '.join(spellings)}")

    keras.backend.clear_session()
    network = architecture.build(options.classes, built_in_scaling=options.scaling == "built-in")
    weights.load(network, path, architecture.paper_name)
    name = f"{architecture.name}-{options.classes}-fold-{match['fold']}"
    source = f"{path.name} of the authors of doi 10.1007/s11042-024-20090-5"
    target, difference = export.export(network, name, options.out, expressions.classes(options.classes), source=source)
    told = f"largest difference between Keras and onnxruntime {difference:.1g}"
    if program is not None:
        told += f", between onnxruntime and tract {in_tract.require_equal(target, architecture.side, program):.1g}"
    return f"{path.name} -> {target} ({told})"


if __name__ == "__main__":
    run_command(main)

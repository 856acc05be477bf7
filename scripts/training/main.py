"""Trains the paper's networks on labelled faces and writes networks that ferscope runs: scripts/train --help."""

import quiet  # noqa: F401, I001 - first

import argparse
import os
import sys

import data
import evaluation
import expressions
import ferscope
import folds
import networks
import runs
from argument_types import positive, positive_integer, seed, share_below_one
from errors import Failure, run_command

DESCRIPTION = """\
Trains the paper's networks on labelled faces, fold by fold, and writes each as ONNX with the description ferscope
needs.

DATA are folders as CK+, BU-4DFE, JAFFE, WSEFEP and FEGA are distributed, of scripts/synthesise, or
<person>/<expression>/*.jpg; which it is is found out, or said before the folder, as in `fega:FOLDER`.

Epochs, optimiser, learning rate and batch are the paper's for each network unless given. The same command after an
interruption goes on after the last whole epoch. Results lie in OUT/<network>-<classes>/fold-<k>/.
"""


def arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="scripts/train", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("data", nargs="+", metavar="DATA", help="folders of labelled faces")
    add("--network", default="weinet", metavar="NAMES", help="names, separated by commas, or `all`: "
        + ", ".join(networks.ARCHITECTURES))  # fmt: skip
    add("--classes", type=int, choices=(6, 7), default=6, help="six (the paper's) or seven with neutral [6]")
    add("--folds", default="all", help="which folds to train, such as 1,2, or `all` [all]")
    add("--fold-count", type=int, choices=range(2, 1001), metavar="N", default=5,
        help="how many folds the people are divided into, at least 2 [5]")  # fmt: skip
    add("--hold-out-families", default="none", metavar="WHICH",
        help="synthetic recipes kept out of training: `none`, `auto` (one per expression, another in each fold), or a "
        "list such as anger/shout,fear/gasp [none]")  # fmt: skip
    add("--weights", default=None, metavar="imagenet|none|FILE",
        help="what to start from; {fold} in a file's path is the number of the fold [the paper's: imagenet for the eight "
        "Keras applications, else none]")  # fmt: skip
    add("--epochs", type=positive_integer, help="[the paper's; from random weights the eight need more]")
    add("--half-size-epochs", type=int, default=0, metavar="N",
        help="train the first N of the epochs on pictures of half the side and without dropout, at a quarter of the time; "
        "not for AlexNet and SilNet [0]")  # fmt: skip
    add("--initialisation", choices=("glorot", "he"), default="glorot",
        help="of convolutions and hidden dense layers that start from random weights: Keras' own, or He's, which SongNet "
        "needs to start and AlexNet starts sooner with [glorot]")  # fmt: skip
    add("--dropout", type=share_below_one, metavar="SHARE",
        help="in place of the architecture's own; 0 for a network that is too small to learn its training pictures by "
        "heart, as SongNet with some thousands of them [the architecture's]")  # fmt: skip
    add("--optimiser", choices=("adam", "adamw", "rmsprop", "sgd"), help="[the paper's]")
    add("--learning-rate", type=positive, help="[the paper's]")
    add("--whole-size-learning-rate", type=positive, metavar="RATE",
        help="after --half-size-epochs; lower for networks without batch normalisation, which diverge [--learning-rate]")
    add("--schedule", choices=("constant", "cosine"), default="constant", help="of the learning rate [constant]")
    add("--batch", type=positive_integer, default=128, help="pictures per update [128]")
    add("--micro-batch", type=positive_integer,
        help="pictures in memory at once, a divisor of --batch [the largest up to 32: fastest; 2 to 3 GB]")  # fmt: skip
    add(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="what layers compute in while training; bfloat16 was twice as fast for WeiNet and SongNet on one processor with "
        "AVX512-BF16, 1.6 times slower for SongNet on one that has it without AMX, and slower for MobileNetV3 [float32]",
    )
    add("--augmentation", choices=("paper", "strong"), default="paper", help="[paper]")
    add("--gentle-epochs", type=int, default=0, metavar="N",
        help="change pictures in the first N epochs only as `paper` does: with `strong` from the start MobileNetV3 stayed at "
        "chance for 4 to 10 epochs, or for good [0]")  # fmt: skip
    add("--label-smoothing", type=float, default=0.0, help="0 to 0.5 [0]")
    add("--seed", type=seed, default=0,
        help="divides the people into folds and draws weights, order and changes of pictures [0]")  # fmt: skip
    add(
        "--evaluate-on",
        action="append",
        default=[],
        metavar="DIR",
        help="other faces, never trained on, as real photographs: <expression>/* or any layout of DATA; repeatable",
    )
    add("--groups", metavar="FILE.csv", help="people's groups for --evaluate-on: a line per picture, first column its "
        "name without ending; recall is reported for each value of the other columns, of ages in spans of 15 years")  # fmt: skip
    add("--quantise", action="store_true", help="also write the int8 forms and compare them with float")
    add(
        "--calibration",
        default=str(ferscope.ROOT / "calib" / "faces"),
        metavar="DIR",
        help="pictures of faces that activations' ranges are measured on, for --quantise [the painted ones of calib/faces]",
    )
    add("--compare-heatmaps", type=int, default=0, metavar="N",
        help="compare the forms' explanations of N faces too, with --quantise; takes minutes [0]")  # fmt: skip
    add("--out", default="runs", metavar="DIR", help="where results go [runs]")
    add("--ferscope", metavar="PROGRAM", help="[target/release/ferscope, or the one on the PATH]")
    return parser.parse_args(words)


def main(words=None):
    options = arguments(words)
    architectures = networks.find_all(options.network)
    chosen_folds = _folds(options)
    micro_batch = options.micro_batch or max(n for n in range(1, 33) if options.batch % n == 0)
    if options.batch % micro_batch:
        raise Failure(f"--micro-batch {micro_batch} is no divisor of --batch {options.batch}")
    for architecture in architectures:
        if options.weights == "imagenet" and not architecture.pretrained:
            raise Failure(f"{architecture.name} has no ImageNet weights (nor had it in the paper): use --weights none")
        epochs = options.epochs or architecture.epochs
        if not 0 <= options.half_size_epochs < epochs:
            raise Failure(f"--half-size-epochs {options.half_size_epochs}: the last of {epochs} epochs needs whole pictures")
        if not 0 <= options.gentle_epochs <= epochs:
            raise Failure(f"--gentle-epochs {options.gentle_epochs}: there are {epochs} epochs")
    if not 0 <= options.label_smoothing <= 0.5:
        raise Failure("--label-smoothing needs a number from 0 to 0.5")
    if options.weights not in (None, "imagenet", "none"):
        for path in (options.weights.replace("{fold}", str(fold)) for fold in chosen_folds):
            if not os.path.isfile(path):
                raise Failure(f"{path}: no such file: --weights takes `imagenet`, `none` or a file")
    # Not when the first fold has been trained.
    names = [os.path.basename(os.path.realpath(place)) for place in options.evaluate_on]
    if len(set(names)) < len(names):
        raise Failure("--evaluate-on: two folders have the same name, which their results are called by: rename one")
    for place in options.evaluate_on:
        evaluation.read_labelled(place)
    if options.groups:
        evaluation.read_groups(options.groups)
    if options.quantise and not os.path.isdir(options.calibration):
        raise Failure(f"{options.calibration}: is no folder: --calibration needs pictures of faces")
    classes = expressions.classes(options.classes)
    samples = [sample for sample in data.read_all(options.data) if sample.expression in classes]
    absent = [name for name in classes if not any(sample.expression == name for sample in samples)]
    if absent:
        raise Failure(f"the data have no picture of {', '.join(absent)}: bring more data, or other --classes")
    fold_by_subject = folds.fold_of_subjects((sample.subject for sample in samples), options.fold_count, options.seed)
    _describe(samples, classes, fold_by_subject)
    program = ferscope.find(options.ferscope)

    for architecture in architectures:
        settings = _settings(architecture, options, classes, micro_batch)
        runs.train_network(architecture, settings, samples, chosen_folds, fold_by_subject, options, program)
    return 0


def _folds(options):
    everything = range(1, options.fold_count + 1)
    if options.folds == "all":
        return list(everything)
    words = options.folds.split(",")
    if not all(word.strip().isdigit() and int(word) in everything for word in words):
        raise Failure(f"--folds {options.folds}: give numbers from 1 to {options.fold_count}, such as 1,2, or `all`")
    return sorted({int(word) for word in words})


def _settings(architecture, options, classes, micro_batch):
    """Everything that decides a run's result beside the data; the fold is added later."""
    weights = options.weights or ("imagenet" if architecture.pretrained else "none")
    if weights == "none" and architecture.pretrained and options.epochs is None:
        print(
            f"ferscope: note: {architecture.name} starts from random weights but trains only the paper's "
            f"{architecture.epochs} epochs, which were meant for ImageNet weights: see --epochs, --learning-rate",
            file=sys.stderr,
        )
    return {
        "classes": list(classes),
        "weights": weights,
        "epochs": options.epochs or architecture.epochs,
        "initialisation": options.initialisation,
        "half_size_epochs": options.half_size_epochs,
        "dropout": options.dropout,
        "optimiser": options.optimiser or architecture.optimiser,
        "learning_rate": options.learning_rate or architecture.learning_rate,
        "whole_size_learning_rate": options.whole_size_learning_rate,
        "schedule": options.schedule,
        "batch": options.batch,
        "micro_batch": micro_batch,
        "precision": options.precision,
        "augmentation": options.augmentation,
        "gentle_epochs": options.gentle_epochs,
        "label_smoothing": options.label_smoothing,
        "seed": options.seed,
        "fold_count": options.fold_count,
        "hold_out_families": options.hold_out_families,
    }


def _describe(samples, classes, fold_by_subject):
    counts = {name: sum(sample.expression == name for sample in samples) for name in classes}
    listed = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"{len(samples)} pictures of {len(fold_by_subject)} people: {listed}", file=sys.stderr)


if __name__ == "__main__":
    run_command(main, "; the same command goes on after the last whole epoch")

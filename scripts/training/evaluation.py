"""How an exported network does on faces that have nothing to do with its training, such as real photographs."""

import csv
import hashlib
import io
import math
import os
import pathlib
import sys

import numpy

import crops
import data
import export
import expressions
import files
import metrics
from data.sample import Sample, folders, pictures
from errors import Failure


def read_labelled(folder):
    """Samples of a folder with a folder per expression, or in any layout of `data`."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise Failure(f"{folder}: is no folder: --evaluate-on needs pictures in folders named after expressions")
    named = [(inner, expressions.named(inner.name)) for inner in folders(folder)]
    samples = [
        Sample(path, path.stem, expression) for inner, expression in named if expression for path in pictures(inner)
    ]
    return samples or data.read(str(folder))


def evaluate(path, folder, side, classes, report, trained_on, options, program):
    """Writes `report` (JSON) and a CSV beside it with a line per picture, unless it is there and of the same pictures and groups.

    Who is in `trained_on` (names of people) is left out: synthetic faces have the skin of photographed people.
    """
    labelled = read_labelled(folder)
    groups = read_groups(options.groups) if options.groups else {}
    asked = {"pictures": _digest([(_name(s.picture, folder), s.expression) for s in labelled]), "groups": _digest(groups)}
    if files.answers(report, asked):
        return
    # Sets name people by their own folder as well, as in synthetic/001. Where there are only files, these are the people.
    known = {*trained_on, *(subject.rpartition("/")[2] for subject in trained_on)}
    samples = [sample for sample in labelled if sample.subject not in known]
    left_out = len(labelled) - len(samples)
    if left_out:
        print(
            f"ferscope: note: {folder}: {left_out} of {len(labelled)} pictures are named as people trained on, and left out; "
            "where they are other people, give the files other names",
            file=sys.stderr,
        )
    faces, kept = crops.load(samples, side, pathlib.Path(options.out) / "crops", program)
    left = set(range(len(samples))).difference(kept.tolist())
    without_face = [_name(samples[index].picture, folder) for index in sorted(left)]
    samples = [samples[index] for index in kept]
    if not samples:
        raise Failure(f"{folder}: no face found in any picture of a person not trained on")
    probabilities = export.Runner(path).probabilities(faces)
    about = {
        "folder": pathlib.Path(folder).resolve().name,
        "network": path.name,
        "left_out": left_out,
        "without_face": without_face,
    }
    files.write_json(report, {**about, **summarise(samples, probabilities, classes, groups), "asked": asked})
    files.write_text(report.with_suffix(".csv"), _table(samples, probabilities, classes, folder))


def _name(picture, folder):
    return pathlib.Path(os.path.relpath(picture, folder)).as_posix()


def _digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def pool(reports, classes, groups):
    """The figures of several folds' reports on one folder together: each picture once, answered by the mean of the networks
    that do not know its person."""
    answers = {}
    for report in reports:
        with open(report.with_suffix(".csv"), newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                answer = [float(row[name]) for name in classes]
                answers.setdefault((row["picture"], row["label"]), []).append(answer)
    samples = [Sample(pathlib.Path(picture), "", label) for picture, label in answers]
    probabilities = [numpy.mean(of_picture, axis=0) for of_picture in answers.values()]
    read = [files.read_json(report) for report in reports]
    about = {
        "folder": read[0]["folder"],
        "networks": len(reports),
        "without_face": sorted({name for report in read for name in report.get("without_face", [])}),
    }
    return {**about, **summarise(samples, numpy.array(probabilities), classes, groups)}


def summarise(samples, probabilities, classes, groups):
    """Figures for one network: accuracy over the classes it has, happiness recall, false expressions on neutral faces.

    `groups` gives for a picture's name {column: value}; figures are repeated for each value.
    """
    predicted = [classes[index] for index in numpy.argmax(probabilities, axis=1)]
    result = _figures(samples, predicted, classes)
    known = [index for index, sample in enumerate(samples) if sample.expression in classes]
    labels = numpy.array([classes.index(samples[index].expression) for index in known], int)
    result["all"] = metrics.measure(labels, probabilities[known], classes)
    by_group = {}
    for column in sorted({column for values in groups.values() for column in values}):
        values = [groups.get(sample.picture.stem, {}).get(column) for sample in samples]
        by_group[column] = {
            value: _figures(
                [sample for sample, own in zip(samples, values) if own == value],
                [word for word, own in zip(predicted, values) if own == value],
                classes,
            )
            for value in sorted(set(filter(None, values)))
        }
    if by_group:
        result["groups"] = by_group
    return result


def _figures(samples, predicted, classes):
    def share(label, condition):
        answers = [word for sample, word in zip(samples, predicted) if sample.expression == label]
        return round(sum(map(condition, answers)) / len(answers), 4) if answers else None

    neutral = [word for sample, word in zip(samples, predicted) if sample.expression == expressions.NEUTRAL]
    figures = {
        "pictures": len(samples),
        "happiness_recall": share("happiness", lambda word: word == "happiness"),
        # A network of six classes calls every calm face an expression.
        "false_expression_rate": share(expressions.NEUTRAL, lambda word: word != expressions.NEUTRAL)
        if expressions.NEUTRAL in classes
        else None,
    }
    if neutral:
        figures["neutral_read_as"] = {word: neutral.count(word) for word in classes if word in neutral}
    return figures


# Ages, as all numbers that lie so far apart, are reported in spans of this many; those closer together are codes.
SPAN = 15


def read_groups(path):
    """{picture's name: {column: value}} of a CSV file; ages become spans such as 15-29."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: cannot be read: {error}") from None
    if not rows or len(rows[0]) < 2:
        raise Failure(f"{path}: expected a header and a line per picture: its name, then its groups")
    if any(None in row for row in rows):
        raise Failure(f"{path}: a line has more fields than the header")
    key, *columns = rows[0]
    in_spans = {column for column in columns if _range(row[column] for row in rows) >= SPAN}
    return {
        pathlib.Path(row[key]).stem: {
            column: _span(row[column]) if column in in_spans else row[column] for column in columns if row[column]
        }
        for row in rows
    }


def _range(values):
    """How far the numbers among the values lie apart."""
    numbers = [number for number in map(_number, values) if number is not None]
    return max(numbers, default=0.0) - min(numbers, default=0.0)


def _number(value):
    try:
        number = float(value or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _span(value):
    number = _number(value)
    if number is None:
        return value
    low = int(number) // SPAN * SPAN
    return f"{low}-{low + SPAN - 1}"


def _table(samples, probabilities, classes, folder):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["picture", "label", "predicted", *classes])
    for sample, row in zip(samples, probabilities):
        writer.writerow(
            [_name(sample.picture, folder), sample.expression, classes[int(numpy.argmax(row))], *(f"{p:.6f}" for p in row)]
        )
    return buffer.getvalue()

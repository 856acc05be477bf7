"""All folds of one network: crops, training, export, evaluation, summary."""

import csv
import io
import os
import pathlib

import keras
import numpy

import card
import crops
import evaluation
import export
import figures
import files
import folds
import in_tract
import metrics
import quantise
import training
from errors import Failure


def train_network(architecture, settings, samples, chosen_folds, fold_by_subject, options, program):
    """Trains the chosen folds of one network; everything is written below `options.out`."""
    out = pathlib.Path(options.out)
    faces, kept = crops.load(samples, architecture.side, out / "crops", program)
    samples = [samples[index] for index in kept]
    classes = settings["classes"]
    labels = numpy.array([classes.index(sample.expression) for sample in samples], int)
    base = out / f"{architecture.name}-{len(classes)}"
    _require_same_division(base / "faces.csv", fold_by_subject)
    every_fold = range(1, settings["fold_count"] + 1)
    divisions = {fold: _fold(settings, fold, samples, fold_by_subject) for fold in every_fold}
    started_from = {}
    for fold in chosen_folds:
        fold_settings, (training_set, test_set, _) = divisions[fold]
        started_from[fold] = _people_learnt(fold_settings, {samples[index].subject for index in test_set})
        if not len(training_set) or not len(test_set):
            raise Failure(f"fold {fold}: no face to train on, or none to test on: give fewer --fold-count, or another --seed")
    files.write_text(base / "faces.csv", _faces_table(samples, fold_by_subject, base))
    for fold in chosen_folds:
        fold_settings, sets = divisions[fold]
        folder = base / f"fold-{fold}"
        learnt = {samples[index].subject for index in sets[0]} | started_from[fold]
        result = training.train_fold(architecture, fold_settings, faces, labels, sets, folder, learnt)
        title = f"{architecture.name}, fold {fold}: accuracy {result['test']['accuracy']:.3f}"
        figures.draw_confusion(result["test"], folder / "confusion.png", title)
        if "test_held_out_families" in result:
            strange = result["test_held_out_families"]
            title = f"{architecture.name}, fold {fold}, unseen families: accuracy {strange['accuracy']:.3f}"
            figures.draw_confusion(strange, folder / "confusion_held_out_families.png", title)
        _finish_fold(architecture, result, samples, faces, sets, labels, learnt, folder, options, program)
    results = {}
    for fold, division in divisions.items():
        result = _finished(*division, faces, labels, base / f"fold-{fold}")
        if result is not None:
            results[fold] = result
    evaluations = _pool_evaluations(classes, base, results, options)
    _summarise(architecture, results, base)
    files.write_text(base / f"{base.name}.md", card.text_of_folds(base.name, results, evaluations, base))


def _fold(settings, fold, samples, fold_by_subject):
    """Settings of a fold, and which samples it trains on, is tested on, and is tested on as of strange families."""
    held = folds.held_out_families(samples, settings["hold_out_families"], fold, settings["seed"])
    weights = settings["weights"].replace("{fold}", str(fold))
    fold_settings = {**settings, "weights": weights, "fold": fold, "held_out": sorted("/".join(pair) for pair in held)}
    return fold_settings, folds.split(samples, fold, fold_by_subject, held)


def _require_same_division(table, fold_by_subject):
    """The table says which networks do not know a person: those that are there must have been told the same."""
    if not table.exists():
        return
    with open(table, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            fold = fold_by_subject.get(row["subject"])
            if fold is not None and str(fold) != row["fold"]:
                raise Failure(
                    f"{table.parent}: holds networks of people divided in another way ({row['subject']} is in fold "
                    f"{row['fold']} there, {fold} now): give another --out, or the --seed and --fold-count of that time"
                )


def _people_learnt(settings, tested):
    """Whom the weights to start from have learnt, as far as the run they are of has left word of it beside them.

    A failure where these are among the people the fold is tested on, or where they know recipes that are to be kept out.
    """
    origin = pathlib.Path(settings["weights"]).with_name("result.json")
    if settings["weights"] in ("imagenet", "none") or not origin.exists():
        return set()
    theirs = files.read_json(origin)
    remedy = "start each fold from its own, as in --weights 'runs/weinet-6/fold-{fold}/network.keras', and with the same data"
    learnt = set(theirs.get("people_learnt", []))
    # Runs of earlier versions did not name them.
    is_other = not learnt and any(theirs["settings"].get(key) != settings[key] for key in ("seed", "fold_count", "fold"))
    if learnt & tested or is_other:
        who = f" ({', '.join(sorted(learnt & tested)[:3])}, ...)" if learnt else ""
        raise Failure(
            f"{settings['weights']}: has learnt people that fold {settings['fold']} is tested on{who}: {remedy}"
        )
    known = set(settings["held_out"]) - set(theirs["settings"].get("held_out", []))
    if known:
        raise Failure(
            f"{settings['weights']}: has learnt {', '.join(sorted(known))}, which --hold-out-families keeps out: train without "
            "these weights, or let other families be known"
        )
    return learnt


def _faces_table(samples, fold_by_subject, base):
    """The pictures with the fold whose networks did not train on them: what `ferscope study` takes in place of a folder."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["picture", "expression", "subject", "fold", "moved"])

    def relative(path):
        return "" if path is None else pathlib.Path(os.path.relpath(path, base)).as_posix()

    for sample in samples:
        fold = fold_by_subject[sample.subject]
        writer.writerow(
            [relative(sample.picture), sample.expression, sample.subject, fold, relative(sample.moved)]
        )
    return buffer.getvalue()


def _finish_fold(architecture, result, samples, faces, sets, labels, learnt, folder, options, program):
    """Exports and evaluates a trained fold, on faces of people whom it has not learnt; what is there already is left alone."""
    classes = result["settings"]["classes"]
    name = network_name(architecture.name, len(classes), result["settings"]["fold"])
    path = folder / f"{name}.onnx"
    exported = folder / "export.json"
    if not exported.exists():
        network = keras.saving.load_model(folder / "network.keras", compile=False)
        source = f"scripts/train, fold {result['settings']['fold']} of {result['settings']['fold_count']}"
        _, difference = export.export(network, name, folder, classes, source=source)
        files.write_json(exported, {"onnxruntime_to_keras": difference})
    report = files.read_json(exported)
    if program is not None and "tract_to_onnxruntime" not in report:
        report["tract_to_onnxruntime"] = in_tract.require_equal(path, architecture.side, program)
        files.write_json(exported, report)
    for place in options.evaluate_on:
        report = folder / f"evaluation-{pathlib.Path(place).resolve().name}.json"
        evaluation.evaluate(path, place, architecture.side, classes, report, learnt, options, program)
    if options.quantise:
        _quantise(path, classes, samples, faces, sets[1], labels, options, program)
    card.write(folder)


def _quantise(path, classes, samples, faces, test, labels, options, program):
    report = path.with_name("quantisation.json")
    asked = {
        "calibration": pathlib.Path(options.calibration).resolve().name,
        "compare_heatmaps": options.compare_heatmaps,
        "in_tract": program is not None,
    }
    if files.answers(report, asked):
        return
    # Evenly over the classes and people.
    chosen = numpy.random.default_rng(0).permutation(test)[: options.compare_heatmaps]
    pictures = [samples[index].picture for index in chosen]
    found = quantise.quantise(path, classes, faces[test], labels[test], pictures, options.calibration, options.out, program)
    files.write_json(report, {**found, "asked": asked})


def network_name(name, class_count, fold):
    """As in file names: songnet-7-fold-1."""
    return f"{name}-{class_count}-fold-{fold}"


def _finished(settings, sets, faces, labels, folder):
    """The result of a fold with these settings and pictures, also of an earlier command; none where there is none."""
    path = folder / "result.json"
    result = files.read_json(path) if path.exists() else None
    is_same = result and result["fingerprint"] == training.fingerprint(settings, faces, labels, sets)
    return result if is_same else None


def _summarise(architecture, results, base):
    summary = {"network": architecture.name, "test": metrics.summarise([result["test"] for result in results.values()])}
    strange = [result["test_held_out_families"] for result in results.values() if "test_held_out_families" in result]
    if strange:
        summary["test_held_out_families"] = metrics.summarise(strange)
    files.write_json(base / "summary.json", summary)
    pooled = summary["test"]["pooled"]
    title = f"{architecture.name}, {card.counted(len(results), 'fold')}: accuracy {summary['test']['accuracy']['mean']:.3f}"
    figures.draw_confusion(pooled, base / "confusion.png", title)
    print(f"{title}: {base / 'summary.json'}")


def _pool_evaluations(classes, base, results, options):
    """What the folds' networks say of photographs together, also written to `base/evaluation-<folder>.json`."""
    groups = evaluation.read_groups(options.groups) if options.groups else {}
    evaluations = []
    for place in options.evaluate_on:
        name = f"evaluation-{pathlib.Path(place).resolve().name}.json"
        reports = [base / f"fold-{fold}" / name for fold in results]
        pooled = evaluation.pool([report for report in reports if report.exists()], classes, groups)
        files.write_json(base / name, pooled)
        evaluations.append(pooled)
    return evaluations

"""The model card of an exported network, in Markdown, from what its run left behind."""

import pathlib

import files
import metrics
import networks

MUST_NOT = """\
It names what a face looks like to it; it does not know what a person feels. It must not be used to judge a person: not
for hiring, schooling, policing, insurance, medical or credit decisions, not to infer emotions at work or in schools,
not for surveillance, and not on people who were not told.
"""


def write(folder):
    """Writes `folder/NAME.md` for the network in a fold's folder; what was not measured is said to be missing."""
    folder = pathlib.Path(folder)
    result = files.read_json(folder / "result.json")
    onnx_files = sorted(path for path in folder.glob("*.onnx") if "-int8" not in path.stem)
    name = onnx_files[0].stem
    files.write_text(folder / f"{name}.md", text(name, result, folder))


def text(name, result, folder):
    settings = result["settings"]
    architecture = networks.find(result["network"])
    lines = [
        f"# {name}",
        "",
        f"{architecture.paper_name}, {len(settings['classes'])} classes: {', '.join(settings['classes'])}. Input: a "
        f"levelled grey face of {architecture.side} x {architecture.side} pixels, 0 to 1.",
        "",
        "## Training",
        "",
        f"Fold {settings['fold']} of {settings['fold_count']}, people divided by seed {settings['seed']}; no person is "
        f"in both parts. {result['training_pictures']} training pictures, {_recipe(settings, architecture)}.",
    ]
    if settings["held_out"]:
        lines += ["", f"Recipe families kept out of training: {', '.join(settings['held_out'])}."]
    lines += ["", "## On people it has not seen", "", *_measures("Held-out people", result["test"])]
    if "test_six_classes" in result:
        lines += ["", *_measures("The same without neutral faces, among the six only", result["test_six_classes"])]
    if "test_held_out_families" in result:
        lines += ["", *_measures("Held-out people and recipe families", result["test_held_out_families"])]
    evaluations = sorted(folder.glob("evaluation-*.json"))
    for path in evaluations:
        lines += ["", *_evaluation(files.read_json(path))]
    if not evaluations:
        lines += ["", "Not measured on real photographs: what it does on them is unknown."]
    quantisation = folder / "quantisation.json"
    if quantisation.exists():
        lines += ["", "## Forms", "", *_forms(files.read_json(quantisation))]
    lines += ["", "## What it must not be used for", "", MUST_NOT.rstrip(), ""]
    return "\n".join(lines)


def _recipe(settings, architecture):
    """How a network was trained, in words."""
    half = settings["half_size_epochs"]
    gentle = settings.get("gentle_epochs", 0)
    starts = {"none": f"random weights ({settings['initialisation']})", "imagenet": "ImageNet weights"}
    start = starts.get(
        settings["weights"],
        f"the weights of {pathlib.Path(settings['weights']).name} (whom those had learnt, who gave them must say)",
    )
    return (
        f"from {start}, {settings['epochs']} epochs (the paper: {architecture.epochs})"
        + (f", the first {half} on pictures of half the side, without dropout" if half else "")
        + f", {settings['optimiser']} with learning rate {settings['learning_rate']:g}"
        + (f", then {settings['whole_size_learning_rate']:g}" if settings["whole_size_learning_rate"] else "")
        + f" ({settings['schedule']}), batch {settings['batch']}"
        # What batch normalisation sees.
        + (f" in parts of {settings['micro_batch']}" if settings["micro_batch"] < settings["batch"] else "")
        + f", augmentation `{settings['augmentation']}`"
        + (f" after {counted(gentle, 'epoch')} with `paper`" if gentle else "")
        + (f", label smoothing {settings['label_smoothing']}" if settings["label_smoothing"] else "")
        + (f", dropout {settings['dropout']:g}" if settings["dropout"] is not None else "")
        + (f", computed in {settings['precision']}" if settings["precision"] != "float32" else "")
    )


def text_of_folds(name, results, evaluations, base):
    """The card of all trained folds of a network: `results` by fold, `evaluations` pooled over folds.

    Every figure is of people whom the network that answered was not trained on.
    """
    first = next(iter(results.values()))
    settings, architecture = first["settings"], networks.find(first["network"])
    six = all("test_six_classes" in result for result in results.values())
    places = [report["folder"] for report in evaluations]
    header = ["fold", "pictures", "accuracy", "macro F1", *(["among the six"] if six else [])]
    for place in places:
        header += [f"{place}: happiness recall", f"{place}: neutral read as an expression"]
    rows = []
    for fold, result in results.items():
        row = [fold, result["test"]["pictures"], *(_percent(result["test"][key]) for key in ("accuracy", "macro_f1"))]
        row += [_percent(result["test_six_classes"]["accuracy"])] if six else []
        for place in places:
            path = base / f"fold-{fold}" / f"evaluation-{place}.json"
            report = files.read_json(path) if path.exists() else {}
            row += [_percent(report.get(key)) for key in ("happiness_recall", "false_expression_rate")]
        rows.append(row)
    summary = metrics.summarise([result["test"] for result in results.values()])
    pooled = summary["pooled"]
    classes = pooled["classes"]
    lines = [
        f"# {name}: {len(results)} of {settings['fold_count']} folds",
        "",
        f"{architecture.paper_name}, a network per fold (people divided by seed {settings['seed']}); each answers for the "
        f"people of its fold, whom it was not trained on. Trained {_recipe(settings, architecture)}. Accuracy "
        f"{_percent(summary['accuracy']['mean'])} on average"
        + (f", standard deviation over folds {100 * summary['accuracy']['deviation']:.1f} points." if len(results) > 1 else "."),
        "",
        *_table(header, rows),
        "",
        *_measures("All folds together", pooled),
        "",
        "Pictures by label (row) and answer (column):",
        "",
        *_table(["", *classes], [[label, *row] for label, row in zip(classes, pooled["confusion"])]),
    ]
    strange = [result for result in results.values() if "test_held_out_families" in result]
    if strange:
        of_folds = (f"{own['settings']['fold']}: {', '.join(own['settings']['held_out'])}" for own in strange)
        together = metrics.summarise([result["test_held_out_families"] for result in strange])["pooled"]
        lines += ["", f"Recipe families kept out of training, and out of the figures above (fold {'; fold '.join(of_folds)}).", ""]
        lines += _measures("Held-out people and recipe families", together)
    for report in evaluations:
        lines += ["", *_evaluation(report)]
    return "\n".join([*lines, "", "## What it must not be used for", "", MUST_NOT])


def _table(header, rows):
    lines = [f"| {' | '.join(map(str, row))} |" for row in (header, *rows)]
    return [lines[0], "|" + "---|" * len(header), *lines[1:]]


def counted(number, noun):
    """1 fold, 2 folds."""
    return f"{number} {noun}" + "s" * (number != 1)


def _percent(share):
    return "-" if share is None else f"{100 * share:.1f} %"


def _measures(title, measures):
    recall = ", ".join(f"{name} {_percent(value)}" for name, value in measures["recall"].items())
    return [
        f"{title}, {measures['pictures']} pictures: accuracy {_percent(measures['accuracy'])}, macro precision "
        f"{_percent(measures['macro_precision'])}, recall {_percent(measures['macro_recall'])}, F1 "
        f"{_percent(measures['macro_f1'])}.",
        "",
        f"Recall by class: {recall}.",
    ]


def _evaluation(report):
    lines = [
        f"### On `{report['folder']}`",
        "",
        f"{report['pictures']} pictures ({_who(report)}{_unseen(report)}): happiness recall {_percent(report['happiness_recall'])}, "
        "neutral faces read "
        f"as an expression {_percent(report['false_expression_rate'])}.",
    ]
    if report["all"]["pictures"] and len(report["all"]["recall"]) > 2:
        lines += ["", *_measures("All labelled classes", report["all"])]
    for column, values in report.get("groups", {}).items():
        rows = [
            [value, figures["pictures"], *(_percent(figures[key]) for key in ("happiness_recall", "false_expression_rate"))]
            for value, figures in values.items()
        ]
        lines += ["", *_table([column, "pictures", "happiness recall", "neutral read as an expression"], rows)]
    return lines


def _who(report):
    if "networks" in report:
        return f"answered by {counted(report['networks'], 'network')}, each of people whose skin it was not trained on"
    return f"{report['left_out']} more are of people whose skin is in the training pictures, and left out"


def _unseen(report):
    count = len(report.get("without_face", []))
    return f"; from {count} more no face could be cut" if count else ""


def _forms(report):
    rows = []
    for name, entry in report["forms"].items():
        time = entry.get("milliseconds")
        time = f"{time:.1f}" if time else entry.get("problem", "not measured").splitlines()[0]
        shares = [_percent(entry[key]) for key in ("accuracy", "same_class_as_float")]
        rows.append([name, f"{entry['bytes']:,}", *shares, time])
    lines = _table(["form", "bytes", "accuracy", "same class as float", "ms in tract"], rows)
    for name, entry in report["forms"].items():
        explanations = entry.get("explanations")
        if explanations and name != "float":
            heatmaps = ", ".join(f"{key} {value:.3f}" for key, value in explanations["heatmap_correlation"].items())
            lines += [
                "",
                f"Explanations of `{name}` correlate with those of float by "
                f"{explanations['correlation_by_face']['mean']} on average over "
                f"{explanations['faces_of_the_same_class']} of {explanations['faces']} faces; "
                f"heatmaps: {heatmaps}.",
            ]
    lines += [
        "",
        "`weights` is widened to float when it is loaded: the same arithmetic, so a difference of its milliseconds to those "
        "of `float` is the noise of this measurement (five repetitions).",
    ]
    passed_over = "".join(f" `{name}` {words}." for name, words in report.get("passed_over", {}).items())
    return [
        *lines,
        "",
        f"The better form is `{report['better']}` ({report['forms'][report['better']]['file']}).{passed_over}",
    ]

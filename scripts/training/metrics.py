"""What is measured on people a network has not seen."""

import numpy


def measure(labels, probabilities, classes):
    """Accuracy, macro precision, recall and F1, and the confusion matrix (rows: label, columns: prediction).

    `labels` (n) are indices into `classes`; `probabilities` is (n, classes). Means over classes leave out classes
    without a picture. A class never predicted counts with precision 0, as usual.
    """
    count = len(classes)
    predictions = numpy.argmax(probabilities, axis=1) if len(labels) else numpy.zeros(0, int)
    confusion = numpy.zeros((count, count), int)
    numpy.add.at(confusion, (labels, predictions), 1)
    return from_confusion(confusion, classes)


def measure_without(name, labels, probabilities, classes):
    """As `measure`, as if the class `name` did not exist: its pictures and its column are left out."""
    left_out = classes.index(name)
    kept = [index for index in range(len(classes)) if index != left_out]
    chosen = numpy.isin(labels, kept)
    place = numpy.searchsorted(kept, labels[chosen])
    return measure(place, probabilities[chosen][:, kept], [classes[index] for index in kept])


def from_confusion(confusion, classes):
    confusion = numpy.asarray(confusion)
    right = numpy.diag(confusion)
    labelled, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    present = labelled > 0
    recall = right / numpy.maximum(labelled, 1)
    precision = right / numpy.maximum(predicted, 1)
    f1 = 2 * right / numpy.maximum(labelled + predicted, 1)

    def mean(values):
        return round(float(values[present].mean()), 4) if present.any() else None

    total = int(confusion.sum())
    return {
        "pictures": total,
        "accuracy": round(float(right.sum() / total), 4) if total else None,
        "macro_precision": mean(precision),
        "macro_recall": mean(recall),
        "macro_f1": mean(f1),
        "recall": {name: round(float(value), 4) for name, value, has in zip(classes, recall, present) if has},
        "classes": list(classes),
        "confusion": confusion.tolist(),
    }


def summarise(results):
    """Mean and standard deviation over folds, and the pooled confusion matrix; `results` are those of `measure`."""
    summary = {"folds": len(results)}
    for key in ("accuracy", "macro_precision", "macro_recall", "macro_f1"):
        values = [result[key] for result in results if result[key] is not None]
        if values:
            deviation = float(numpy.std(values, ddof=1)) if len(values) > 1 else 0.0
            summary[key] = {"mean": round(float(numpy.mean(values)), 4), "deviation": round(deviation, 4)}
    pooled = numpy.sum([result["confusion"] for result in results], axis=0)
    summary["pooled"] = from_confusion(pooled, results[0]["classes"])
    return summary

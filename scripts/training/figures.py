"""The confusion matrix as a picture, in the form of the paper's Fig. 5."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy  # noqa: E402


def draw_confusion(result, path, title):
    """Writes a PNG: rows are labels, columns predictions, each row in shares of its pictures."""
    confusion = numpy.array(result["confusion"], float)
    shares = confusion / numpy.maximum(confusion.sum(axis=1, keepdims=True), 1)
    names = [name.capitalize() for name in result["classes"]]
    figure, axes = plt.subplots(figsize=(5.4, 4.8), dpi=120)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    axes.set_title(title, fontsize=10)
    for row in range(len(names)):
        for column in range(len(names)):
            share = shares[row, column]
            colour = "white" if share > 0.55 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(picture, fraction=0.046)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)

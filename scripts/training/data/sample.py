"""One labelled picture, and what adapters share."""

import dataclasses
import pathlib
import re

import expressions

# What `ferscope` reads from folders.
PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pnm"}


@dataclasses.dataclass(frozen=True)
class Sample:
    """A picture of a face with its label."""

    picture: pathlib.Path
    subject: str  # unique over all data sets: the person, for folds
    expression: str  # one of expressions.SEVEN
    family: str | None = None  # the recipe of a synthetic expression
    moved: pathlib.Path | None = None  # a picture of how far each pixel of a synthetic face moved


def is_picture(path):
    """By its name's ending; hidden files, as macOS leaves beside each (`._x.jpg`), are none."""
    return path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".")


def pictures(folder):
    """The pictures directly in `folder`, sorted by name."""
    return sorted(path for path in folder.iterdir() if is_picture(path))


def pictures_below(folder):
    """The pictures at any depth, sorted by path, but for hidden folders."""
    return sorted(
        path
        for path in folder.rglob("*")
        if is_picture(path) and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def folders(folder):
    """The folders directly in `folder`, sorted by name, hidden ones left out."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def expression_in(name):
    """The expression that one of the words of a file's name means, or None."""
    words = re.split(r"[^A-Za-z]+", name)
    return next(filter(None, map(expressions.named, words)), None)

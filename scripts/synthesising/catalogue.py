"""A set on disk: pictures, what moved, the table of faces, the description, a contact sheet."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

import expression_families
from expression_families import EXPRESSIONS


class SetError(Exception):
    """Something is not as it was expected; the text is for the person at the keyboard."""


ROW_KEY = "row"  # where a moved picture carries its row of the table, so that a stopped run can go on

README = """# A synthetic set of facial expressions

Rendered by ferscope's `scripts/synthesise`: {count} pictures of {subjects} subjects,
{classes}.

{commands}

Seed {seed}. The same seed and inputs give the same pictures.

**These are not real expressions.** A head model was posed by recipe after descriptions of action units (EMFACS);
nobody felt or acted anything here. Say so beside every number measured on this set.

- `pictures/<subject>/<expression>/<variant>.jpg`: {size} x {size} pixels, RGB.
- `moved/<subject>/<expression>/<variant>.png`: how far the surface moved against the same face at rest in the same
  pose; 255 is `moved_scale_pixels` of the picture's row in `faces.csv`.
- `faces.csv`: a row per picture. Landmarks x1,y1 to x68,y68 are the projected points of the head model in pixels,
  origin top left, pixel centres at whole numbers, numbered as iBUG prints them; hidden ones are projected all the
  same. Then the weight of each ICT-FaceKit shape, and the strength of each action unit of FACS on the face's left and
  right, which is the weight of its shape where that is above 0: au1_L, au1_R and so on. `family` names the kind of
  expression within its class: hold out families as well as subjects when testing. Angles are in degrees, relative to
  the photograph: yaw positive turns the nose to the right of the picture, pitch positive looks up, roll positive tilts
  clockwise.

## Licence

{licence}
The head model is ICT-FaceKit (MIT licence, copyright 2020 USC Institute for Creative Technologies).
"""
LONDON = """The photographs are the Face Research Lab London Set (DeBruine & Jones 2017,
doi 10.6084/m9.figshare.5047666.v5), CC BY 4.0: https://creativecommons.org/licenses/by/4.0/. They were changed:
expression, pose, light and background are synthetic. The pictures show real, recognisable people, who consented to
use in research; treat them accordingly.
"""
PAINTED = "No photograph was used: the heads are random identities of the model with painted skin.\n"


def picture_path(subject, expression, variant):
    return f"pictures/{subject}/{expression}/{variant}.jpg"


def moved_path(subject, expression, variant):
    return f"moved/{subject}/{expression}/{variant}.png"


def is_rendered(folder, subject, expression, variant):
    return (Path(folder) / picture_path(subject, expression, variant)).exists()


def refuse_another_set(folder, seed, size):
    """A set has one seed and one size: pictures of another are not mixed in."""
    first = next(Path(folder).glob("pictures/*/*/*.jpg"), None)
    if first is None:
        return
    row = rows(folder, [(first.parts[-3], first.parts[-2], first.stem)])[0]
    with Image.open(first) as picture:
        there = picture.width
    if (int(row["seed"]), there) != (seed, size):
        raise SetError(
            f"{folder} holds pictures of seed {row['seed']} and size {there}, not of seed {seed} and size {size}:"
            " name another folder, or go on with the same values"
        )


def save(folder, rendered):
    """Write what moved, then the picture; each appears whole or not at all, and a picture is a promise of both."""
    row = rendered.row
    key = row["subject"], row["expression"], row["variant"]
    row = {"picture": picture_path(*key), "moved": moved_path(*key), **row}
    scale = float(row["moved_scale_pixels"])
    grey = np.rint(rendered.moved * (255 / scale if scale > 0 else 0)).clip(0, 255).astype(np.uint8)
    about = PngInfo()
    about.add_text(ROW_KEY, json.dumps(row))
    _write(Path(folder) / row["moved"], lambda file: Image.fromarray(grey).save(file, "PNG", pnginfo=about))
    _write(
        Path(folder) / row["picture"],
        lambda file: rendered.image.save(
            file, "JPEG", quality=rendered.quality, subsampling=2 if rendered.quality < 85 else 0
        ),
    )


def _write(path, write):
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".half-{os.getpid()}")
    try:
        with open(half, "wb") as file:
            write(file)
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def remove_halves(folder):
    """What a killed run left half written."""
    for half in Path(folder).glob("*/*/*/*.half-*"):
        half.unlink(missing_ok=True)


def rows(folder, keys):
    """Rows of the given (subject, expression, variant), from the moved pictures."""
    found = []
    for key in keys:
        path = Path(folder) / moved_path(*key)
        try:
            with Image.open(path) as image:
                found.append(json.loads(image.text[ROW_KEY]))
        except (OSError, KeyError, ValueError) as problem:
            raise SetError(
                f"{path}: not a moved picture of this set ({problem}); delete the picture of the same name, and it is"
                " rendered again"
            ) from problem
    return found


def all_keys(folder):
    """Every finished picture of a set, in a fixed order."""
    keys = []
    for path in Path(folder).glob("pictures/*/*/*.jpg"):
        keys.append((path.parts[-3], path.parts[-2], int(path.stem)))
    return sorted(keys, key=lambda key: (key[0], EXPRESSIONS.index(key[1]), key[2]))


def write_table(folder, found):
    """`faces.csv`; the strengths of action units follow from the weights of the head's shapes."""
    strengths = [expression_families.action_units(row) for row in found]
    found = [{**row, **{unit: f"{value:.4f}" for unit, value in own.items()}} for row, own in zip(found, strengths)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    _write(Path(folder) / "faces.csv", lambda file: file.write(text.getvalue().encode()))


def write_readme(folder, found, command, seed, size, london):
    classes = ", ".join(
        expression for expression in EXPRESSIONS if any(row["expression"] == expression for row in found)
    )
    path = Path(folder) / "README.md"
    # A set that was enlarged took more than one command.
    earlier = path.read_text().splitlines() if path.exists() else []
    commands = [line for line in earlier if line.startswith("    scripts/synthesise ")]
    if f"    {command}" not in commands:
        commands.append(f"    {command}")
    text = README.format(
        count=len(found),
        subjects=len({row["subject"] for row in found}),
        classes=classes,
        commands="\n".join(commands),
        seed=seed,
        size=size,
        licence=LONDON if london else PAINTED,
    )
    _write(path, lambda file: file.write(text.encode()))


def contact_sheet(folder, found, path, columns=10, rows_per_class=2, seed=0):
    """A sample of the set as one picture: a band per class, family and strength below each face."""
    random = np.random.default_rng(seed)
    tile, caption = 224, 14
    bands = []
    for expression in EXPRESSIONS:
        of_class = [row for row in found if row["expression"] == expression]
        order = random.permutation(len(of_class))[: columns * rows_per_class]
        bands.append([of_class[k] for k in sorted(order)])
    lines = sum(-(-len(band) // columns) for band in bands)
    sheet = Image.new("RGB", (columns * tile, lines * (tile + caption)), (20, 20, 20))
    draw = ImageDraw.Draw(sheet)
    line = 0
    for band in bands:
        for start in range(0, len(band), columns):
            for column, row in enumerate(band[start : start + columns]):
                with Image.open(Path(folder) / row["picture"]) as picture:
                    sheet.paste(picture.resize((tile, tile), Image.LANCZOS), (column * tile, line * (tile + caption)))
                words = f"{row['expression']} {row['family']} {float(row['strength']):.2f}"
                draw.text((column * tile + 3, line * (tile + caption) + tile + 1), words, fill=(230, 230, 230))
            line += 1
    sheet.save(path)

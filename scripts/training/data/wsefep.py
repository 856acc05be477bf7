"""WSEFEP, the Warsaw set (Olszanowski et al. 2015): 30 people, 210 pictures."""

import re

from data.sample import Sample, expression_in, pictures
from errors import Failure

NAME = "wsefep"
LAYOUT = "MK_anger_1234.jpg, ... (subject, expression, number), all in one folder or in its sub-folder WSEFEP*"

_NAME = re.compile(r"([A-Za-z]{1,3})[_\- ]([A-Za-z]+)[_\- ]?\d*\.jpe?g$", re.IGNORECASE)


def _folder(folder):
    inner = sorted(path for path in folder.glob("WSEFEP*") if path.is_dir())
    return inner[0] if inner and not pictures(folder) else folder


def recognises(folder):
    found = pictures(_folder(folder))
    return bool(found) and all(_NAME.match(path.name) for path in found)


def read(folder):
    for path in pictures(_folder(folder)):
        match = _NAME.match(path.name)
        expression = match and expression_in(match[2])
        if not expression:
            raise Failure(f"{path}: is not named as WSEFEP names its pictures: {LAYOUT}")
        yield Sample(path, f"{NAME}/{match[1].upper()}", expression)

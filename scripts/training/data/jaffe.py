"""JAFFE (Lyons et al. 1998): ten women, 213 pictures."""

import re

from data.sample import Sample, pictures
from errors import Failure

NAME = "jaffe"
LAYOUT = (
    "KA.AN1.39.tiff, ... (subject, expression AN DI FE HA SA SU NE with a number, running number), all in one folder"
)

EXPRESSIONS = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "SA": "sadness",
    "SU": "surprise",
    "NE": "neutral",
}
# One published file lacks the dot between its numbers, some have two.
_NAME = re.compile(r"([A-Z]{2})\.([A-Z]{2})\d?\.*\d+\.tiff?$", re.IGNORECASE)


def recognises(folder):
    return any(_NAME.match(path.name) for path in pictures(folder))


def read(folder):
    for path in pictures(folder):
        match = _NAME.match(path.name)
        if match is None or match[2].upper() not in EXPRESSIONS:
            raise Failure(f"{path}: is not named as JAFFE names its pictures: {LAYOUT}")
        yield Sample(path, f"{NAME}/{match[1].upper()}", EXPRESSIONS[match[2].upper()])

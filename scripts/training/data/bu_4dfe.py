"""BU-4DFE (Yin et al. 2008): 101 people, six sequences each, from neutral over the apex back."""

import re

from data.sample import Sample, folders, pictures
from errors import Failure

NAME = "bu-4dfe"
LAYOUT = "F001/Angry/000.jpg, 001.jpg, ... (F001 to F058, M001 to M043; Angry, Disgust, Fear, Happy, Sad, Surprise)"

EXPRESSIONS = {
    "Angry": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Sad": "sadness",
    "Surprise": "surprise",
}
_SUBJECT = re.compile(r"[FM]\d{3}$")


def recognises(folder):
    subjects = [path for path in folders(folder) if _SUBJECT.match(path.name)]
    return any((subject / name).is_dir() for subject in subjects for name in EXPRESSIONS)


def read(folder):
    """The middle frame of every sequence (the apex) and its first as neutral; the 3-D scans are not used."""
    for subject in folders(folder):
        if not _SUBJECT.match(subject.name):
            continue
        present = [name for name in EXPRESSIONS if (subject / name).is_dir()]
        if not present:
            raise Failure(f"{subject}: has none of the folders {', '.join(EXPRESSIONS)}: unpack this person again")
        for name in present:
            frames = pictures(subject / name)
            if len(frames) < 3:
                raise Failure(f"{subject / name}: has {len(frames)} pictures, expected a sequence of about 100")
            yield Sample(frames[len(frames) // 2], f"{NAME}/{subject.name}", EXPRESSIONS[name])
            yield Sample(frames[0], f"{NAME}/{subject.name}", "neutral")

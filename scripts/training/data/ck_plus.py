"""The Extended Cohn-Kanade set (CK+; Lucey et al. 2010): sequences from neutral to the apex, 327 with a label."""

from data.sample import Sample, folders, pictures
from errors import Failure

NAME = "ck+"
IMAGES = "cohn-kanade-images"
LABELS = "Emotion"
LAYOUT = f"{IMAGES}/S005/001/S005_001_00000011.png with {LABELS}/S005/001/S005_001_00000011_emotion.txt"

# The numbers of the label files. Contempt (2) is none of the six expressions.
EXPRESSIONS = {1: "anger", 3: "disgust", 4: "fear", 5: "happiness", 6: "sadness", 7: "surprise"}
CONTEMPT = 2


def recognises(folder):
    return (folder / IMAGES).is_dir() or (folder / LABELS).is_dir()


def read(folder):
    """The apex (last frame) of every labelled sequence, and its first frame as neutral."""
    for part in (IMAGES, LABELS):
        if not (folder / part).is_dir():
            raise Failure(f"{folder}: looks like CK+ but has no folder {part}: unpack all of its archives side by side")
    for subject in folders(folder / IMAGES):
        for sequence in folders(subject):
            labels = folder / LABELS / subject.name / sequence.name
            files = sorted(labels.glob("[!.]*_emotion.txt")) if labels.is_dir() else []
            if not files:
                continue  # as its documentation says: no file, no label
            frames = pictures(sequence)
            if len(frames) < 2:
                raise Failure(f"{sequence}: has a label but {len(frames)} pictures: unpack {IMAGES} again")
            number = _number(files[0])
            if number == CONTEMPT:
                continue
            if number not in EXPRESSIONS:
                raise Failure(f"{files[0]}: holds {number}, expected a number from 1 to 7")
            yield Sample(frames[-1], f"{NAME}/{subject.name}", EXPRESSIONS[number])
            yield Sample(frames[0], f"{NAME}/{subject.name}", "neutral")


def _number(path):
    try:
        return int(float(path.read_text()))
    except ValueError:
        raise Failure(f"{path}: expected one number such as 3.0000000e+00, found {path.read_text()[:40]!r}") from None

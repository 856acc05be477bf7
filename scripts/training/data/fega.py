"""FEGA (University of the Balearic Islands): 51 people, several recordings of each expression.

Its distribution is not public; read is what its description says: a folder per person whose pictures name the
expression, either by the folder they lie in, at any depth, or by their own name.
"""

from data.sample import Sample, expression_in, folders, pictures_below
from errors import Failure

NAME = "fega"
LAYOUT = (
    "FEGA/<person>/.../<expression>/*.jpg, or FEGA/<person>/.../*<expression>*.jpg (the folder's name begins with FEGA)"
)


def recognises(folder):
    return folder.name.upper().startswith("FEGA")


def read(folder):
    people = folders(folder)
    if not people:
        raise Failure(f"{folder}: expected a folder per person, found none: {LAYOUT}")
    for person in people:
        for path in pictures_below(person):
            words = [path.stem, *reversed(path.relative_to(person).parts[:-1])]
            expression = next(filter(None, map(expression_in, words)), None)
            if expression is None:
                raise Failure(f"{path}: neither its name nor its folders name an expression: {LAYOUT}")
            yield Sample(path, f"{NAME}/{person.name}", expression)

"""Any pictures in a folder per person with a folder per expression."""

import expressions
from data.sample import Sample, folders, pictures
from errors import Failure

NAME = "plain"
LAYOUT = f"<person>/<expression>/*.jpg (expressions: {', '.join(expressions.SEVEN)})"


def recognises(folder):
    return any(expressions.named(inner.name) for person in folders(folder) for inner in folders(person))


def read(folder):
    # Two folders of the same name, from different places, are different people.
    place = folder.resolve().name
    for person in folders(folder):
        for inner in folders(person):
            expression = expressions.named(inner.name)
            if expression is None:
                raise Failure(f"{inner}: is named after no expression; expected {LAYOUT}")
            for path in pictures(inner):
                yield Sample(path, f"{place}/{person.name}", expression)

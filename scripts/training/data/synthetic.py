"""What `scripts/synthesise` makes: SET/pictures/<subject>/<expression>/<variant>.jpg, and SET/faces.csv."""

import csv

import expressions
from data.sample import Sample
from errors import Failure

NAME = "synthetic"
TABLE = "faces.csv"
LAYOUT = (
    f"{TABLE} (with columns picture, subject, expression, family) beside pictures/<subject>/<expression>/<variant>.jpg"
)
_COLUMNS = ("picture", "subject", "expression", "family")


def recognises(folder):
    return (folder / TABLE).is_file()


def read(folder):
    table = folder / TABLE
    with open(table, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise Failure(f"{table}: lacks the columns {', '.join(missing)}; expected what scripts/synthesise writes")
        for number, row in enumerate(reader, start=2):
            path = folder / row["picture"]
            if not path.is_file():
                raise Failure(f"{table}, line {number}: the picture {path} is not there: make the set again")
            expression = expressions.require(row["expression"], f"{table}, line {number}")
            moved = folder / row["moved"] if row.get("moved") else None
            yield Sample(path, f"{NAME}/{row['subject']}", expression, row["family"] or None, moved)

"""Writes the table of a rendered set's pictures of the people whom networks of fold 1 have not seen: held_out.py set.

The people are those of scripts/train --folds 1 with seed 0 (scripts/training/folds.py).
"""

import csv
import pathlib
import sys

import numpy

folder = pathlib.Path(sys.argv[1])
rows = list(csv.DictReader((folder / "faces.csv").open(newline="")))
people = sorted({row["subject"] for row in rows})
order = numpy.random.default_rng([0, 0xF01D]).permutation(len(people))
held_out = {people[person] for place, person in enumerate(order) if place % 5 == 0}
with (folder / "held-out-fold-1.csv").open("w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["picture", "expression", "subject", "fold", "moved"])
    for row in rows:
        if row["subject"] in held_out:
            table.writerow([row["picture"], row["expression"], row["subject"], 1, row["moved"]])

#!/usr/bin/env python3
"""Write tests/data/linkage.json: SciPy's average linkage and dendrogram leaves of random distances, many of them tied.

    scripts/reference/linkage.py tests/data/linkage.json

Needs NumPy and SciPy. Seeded, so it writes the same file again with the same SciPy.
"""
import json
import sys

import numpy as np
import scipy
from scipy.cluster.hierarchy import dendrogram, linkage

random = np.random.default_rng(20240520)
cases = []
for number in range(60):
    n = int(random.integers(2, 14))
    pairs = n * (n - 1) // 2
    # A third without ties, a third on a coarse grid, a third with two values only.
    levels = [None, 6, 2][number % 3]
    distances = random.random(pairs).round(6) if levels is None else random.integers(1, levels + 1, pairs) / 4
    merges = linkage(distances, "average")
    leaves = dendrogram(merges, no_plot=True)["leaves"]
    cases.append({"leaves": n, "condensed": distances.tolist(), "linkage": merges.tolist(), "order": leaves})
rows = ",\n".join(json.dumps(case) for case in cases)
with open(sys.argv[1], "w", encoding="utf-8") as file:
    file.write(f'{{"source": "scripts/reference/linkage.py, SciPy {scipy.__version__}", "cases": [\n{rows}\n]}}\n')

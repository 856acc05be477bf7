"""The London set's 189 hand-placed points, and the 68 landmarks they stand for (numbers as iBUG prints them)."""

import numpy as np

# Upper edges, from the right temple to the left; the points are not evenly spaced, iBUG's are.
BROWS = ((71, 72, 73, 74, 75, 76), (77, 78, 79, 80, 81, 82))
EYES = ((18,), (19, 20), (20, 21), (22,), (29, 30), (28, 29), (23,), (24, 25), (25, 26), (27,), (32, 33), (31, 32))
OUTER_LIP = (87, 88, 89, 90, 91, 92, 93, 108, 107, 106, 105, 104)
INNER_LIP = ((87, 94), (95,), (96,), (97,), (93, 98), (102,), (101,), (100,))
NOSE_BASE = ((64,), (64, 180), (55,), (181, 69), (69,))
JAW = (109, 110, 111, 125, 126, 127, 128, 129, 130, 131, 132, 133, 114, 113, 112)

# Closed outlines of the visible eyeball, the rims of the irises, the pupils.
EYE_OUTLINES = ((18, 19, 20, 21, 22, 30, 29, 28), (23, 24, 25, 26, 27, 33, 32, 31))
IRIS_RIMS = (tuple(range(2, 10)), tuple(range(10, 18)))
ABOVE_EYES = ((35, 36, 37), (40, 41, 42))

POINTS = 189


def landmarks(points):
    """points (189, 2) -> the 68 landmarks (68, 2), pixels. Those of the jaw are only spaced like iBUG's."""
    points = np.asarray(points, dtype=np.float64)

    def mean(numbers):
        return points[list(numbers)].mean(axis=0)

    bridge, tip = mean((51, 57)), mean((54, 60))
    nose = [bridge + share * (tip - bridge) for share in (0, 1 / 3, 2 / 3, 1)]
    return np.array(
        [
            *_along(points[list(JAW)], 17),
            *_along(points[list(BROWS[0])], 5),
            *_along(points[list(BROWS[1])], 5),
            *nose,
            *(mean(numbers) for numbers in NOSE_BASE),
            *(mean(numbers) for numbers in EYES),
            *(points[number] for number in OUTER_LIP),
            *(mean(numbers) for numbers in INNER_LIP),
        ]
    )


def _along(line, count):
    """`count` points evenly along a polyline."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    places = np.linspace(0, length[-1], count)
    return np.stack([np.interp(places, length, line[:, axis]) for axis in (0, 1)], axis=1)

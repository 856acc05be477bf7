"""A small z-buffer rasteriser: triangles in, for every pixel the nearest triangle and the place inside it."""

from dataclasses import dataclass

import numpy as np

NOTHING = -1
CANDIDATES_AT_ONCE = 250_000  # few enough to stay in the cache


@dataclass
class Coverage:
    """What each covered pixel sees; the arrays are parallel, one entry per covered pixel, in row order."""

    pixel: np.ndarray  # (P,) flat pixel index
    triangle: np.ndarray  # (P,) index into the triangle list
    weights: np.ndarray  # (P, 3) barycentric weights of the triangle's corners
    nearness: np.ndarray  # (H, W) nearness of the surface, -inf where nothing is


def rasterise(points, triangles, width, height):
    """Find the nearest triangle of every pixel.

    points: (N, 3) pixel x, pixel y and nearness (larger is nearer the eye).
    triangles: (T, 3) vertex numbers, any winding.
    """
    corners = points[triangles].astype(np.float64)
    low = np.floor(corners[:, :, :2].min(axis=1) - 0.5).astype(np.int64)
    high = np.ceil(corners[:, :, :2].max(axis=1) - 0.5).astype(np.int64)
    low = np.maximum(low, 0)
    high = np.minimum(high, [width - 1, height - 1])
    extent = (high - low).max(axis=1) + 1
    area = _twice_area(corners)
    usable = (high >= low).all(axis=1) & (np.abs(area) > 1e-9)

    nearest = np.full(width * height, -np.inf)
    found = []
    size_before, size = 0, 2
    # Triangles of like size share one square of candidate pixels, so that numpy tests them all at once.
    while size_before < max(width, height):
        group = np.flatnonzero(usable & (extent > size_before) & (extent <= size))
        step = max(1, CANDIDATES_AT_ONCE // (size * size))
        for start in range(0, len(group), step):
            chosen = group[start : start + step]
            hits = _hits(corners[chosen], area[chosen], low[chosen], high[chosen], size, width)
            pixel, nearness, weights, which = hits
            np.maximum.at(nearest, pixel, nearness)
            found.append((pixel, nearness, weights, chosen[which]))
        size_before, size = size, size * 2
    return _winners(found, nearest, width, height)


def _twice_area(corners):
    first, second, third = corners[:, 0], corners[:, 1], corners[:, 2]
    return (second[:, 0] - first[:, 0]) * (third[:, 1] - first[:, 1]) - (second[:, 1] - first[:, 1]) * (
        third[:, 0] - first[:, 0]
    )


def _hits(corners, area, low, high, size, width):
    step_y, step_x = np.divmod(np.arange(size * size), size)
    x = low[:, 0, None] + step_x
    y = low[:, 1, None] + step_y
    at_x, at_y = x + 0.5, y + 0.5
    (first, second, third) = (corners[:, k, :, None] for k in range(3))

    def edge(a, b):
        return (b[:, 0] - a[:, 0]) * (at_y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (at_x - a[:, 0])

    third_weight = edge(first, second) / area[:, None]
    first_weight = edge(second, third) / area[:, None]
    second_weight = 1.0 - first_weight - third_weight
    # A hair's breadth of tolerance keeps shared edges free of pinholes.
    inside = (np.minimum(np.minimum(first_weight, second_weight), third_weight) >= -1e-6) & (
        (x <= high[:, 0, None]) & (y <= high[:, 1, None])
    )
    which, candidate = np.nonzero(inside)
    weights = np.stack([w[which, candidate] for w in (first_weight, second_weight, third_weight)], axis=1)
    nearness = np.einsum("pk,pk->p", weights, corners[which, :, 2])
    return (y * width + x)[which, candidate], nearness, weights, which


def _winners(found, nearest, width, height):
    if not found:
        empty = np.zeros(0, np.int64)
        return Coverage(empty, empty, np.zeros((0, 3)), nearest.reshape(height, width))
    pixel, nearness, weights, triangle = (np.concatenate(parts) for parts in zip(*found))
    wins = np.flatnonzero(nearness == nearest[pixel])
    _, first = np.unique(pixel[wins], return_index=True)
    wins = wins[first]
    return Coverage(pixel[wins], triangle[wins], weights[wins], nearest.reshape(height, width))

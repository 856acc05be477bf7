"""A z-buffer rasteriser and samplers, compiled: triangles in, for every pixel the nearest triangle and the place in it.

Pixels, origin top left, x right, y down, pixel centres at whole numbers; the third coordinate grows towards the eye.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def rasterise(points, triangles, width, height):
    """Nearest triangle of every pixel.

    points (N, 3) float32, triangles (T, 3) int32. Returns triangle (H, W) int32, -1 where nothing is; weights
    (H, W, 3) float32 barycentric; nearness (H, W) float32, -1e30 where nothing is.
    """
    triangle = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3), np.float32)
    nearness = np.full((height, width), np.float32(-1e30), np.float32)
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx))))
        right = min(width - 1, int(np.floor(max(ax, bx, cx))))
        top = max(0, int(np.ceil(min(ay, by, cy))))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                third = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                first = ((cx - bx) * (y - by) - (cy - by) * (x - bx)) / area
                second = 1.0 - first - third
                # A hair's breadth of tolerance keeps shared edges free of pinholes.
                if first < -1e-4 or second < -1e-4 or third < -1e-4:
                    continue
                z = first * az + second * bz + third * cz
                if z > nearness[y, x]:
                    nearness[y, x] = z
                    triangle[y, x] = t
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = first, second, third
    return triangle, weights, nearness


@njit(cache=True)
def interpolate(triangle, weights, triangles, values):
    """values (N, K) float32 at the corners -> (H, W, K) float32, 0 where no triangle is."""
    height, width = triangle.shape
    count = values.shape[1]
    out = np.zeros((height, width, count), np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            u, v, w = weights[y, x, 0], weights[y, x, 1], weights[y, x, 2]
            for k in range(count):
                out[y, x, k] = u * values[a, k] + v * values[b, k] + w * values[c, k]
    return out


def sample(picture, places):
    """Bilinear sample of picture (H, W, K) at places (..., 2) as (x, y) -> (P, K); outside, the edge's value."""
    flat = np.ascontiguousarray(places, np.float32).reshape(-1, 2)
    return _sample(np.ascontiguousarray(picture, np.float32), flat)


@njit(cache=True)
def _sample(picture, places):
    height, width, count = picture.shape
    out = np.empty((len(places), count), np.float32)
    for n in range(len(places)):
        x = min(max(places[n, 0], np.float32(0)), np.float32(width - 1.001))
        y = min(max(places[n, 1], np.float32(0)), np.float32(height - 1.001))
        i, j = int(x), int(y)
        u, v = x - i, y - j
        for k in range(count):
            top = picture[j, i, k] * (1 - u) + picture[j, i + 1, k] * u
            bottom = picture[j + 1, i, k] * (1 - u) + picture[j + 1, i + 1, k] * u
            out[n, k] = top * (1 - v) + bottom * v
    return out


@njit(cache=True)
def vertex_normals(points, triangles):
    """(N, 3) unit normals, each the area-weighted mean of its triangles'."""
    normals = np.zeros((len(points), 3), np.float32)
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for n in range(len(points)):
        length = np.sqrt(normals[n, 0] ** 2 + normals[n, 1] ** 2 + normals[n, 2] ** 2)
        if length > 1e-12:
            normals[n] /= length
    return normals

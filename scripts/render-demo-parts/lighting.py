"""Light on a painted surface: a key light with soft shadows, a fill, sky and floor, and ambient occlusion."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from rasteriser import rasterise

TO_EYE = np.array([0.0, 0.0, 1.0])
SHADOW_PIXELS_PER_UNIT = 14
SHADOW_EXTENT = 34.0  # units either side of the head's middle
SHADOW_BIAS = 0.30
SHADOW_TAPS = 14


@dataclass(frozen=True)
class Lights:
    """Directions point from the face to the light; colours are linear."""

    key_direction: tuple
    key: tuple
    fill_direction: tuple
    fill: tuple
    sky: tuple
    floor: tuple
    softness: float = 0.55  # radius of the shadow's edge, in head units


def unit(vector):
    vector = np.asarray(vector, dtype=np.float64)
    return vector / np.linalg.norm(vector)


def lit(surface, normals, shadow, occlusion, lights):
    key_direction, fill_direction = unit(lights.key_direction), unit(lights.fill_direction)
    # Light that leaks through the edge of a shadow on skin is red, because the skin lets red through.
    leak = np.clip(1 - surface.wrap * 1.3, 0.4, 1)
    open_to_key = np.power(shadow[:, None], leak)
    key = _wrapped(normals @ key_direction, surface.wrap) * open_to_key * np.sqrt(occlusion)[:, None]
    fill = _wrapped(normals @ fill_direction, surface.wrap) * occlusion[:, None]
    up = (0.5 + 0.5 * normals[:, 1])[:, None]
    ambient = (up * np.array(lights.sky) + (1 - up) * np.array(lights.floor)) * occlusion[:, None]
    diffuse = surface.colour * (key * np.array(lights.key) + fill * np.array(lights.fill) + ambient)
    highlight = (
        _highlight(normals, key_direction, surface)[:, None] * (shadow * occlusion)[:, None] * np.array(lights.key)
        + 0.7 * _highlight(normals, fill_direction, surface)[:, None] * occlusion[:, None] * np.array(lights.fill)
    )
    rim = np.clip(1 - normals[:, 2], 0, 1) ** 3 * np.clip(normals[:, 1] + 0.3, 0, 1) * occlusion
    return diffuse + highlight * 0.22 + 0.05 * rim[:, None] * np.array(lights.sky)


def _wrapped(cosine, wrap):
    return np.clip((cosine[:, None] + wrap) / (1 + wrap), 0, None) / (1 + 0.5 * wrap)


def _highlight(normals, direction, surface):
    half = unit(direction + TO_EYE)
    return surface.gloss * np.clip(normals @ half, 0, 1) ** surface.sharpness * np.sqrt(surface.sharpness / 16)


def shadow_of(figure, places, normals, lights):
    """0 in full shadow, 1 in full light, for places in the figure's camera space."""
    direction = unit(lights.key_direction)
    side = unit(np.cross([0.0, 1.0, 0.0], direction))
    upward = np.cross(direction, side)
    basis = np.stack([side, upward, direction])
    size = int(2 * SHADOW_EXTENT * SHADOW_PIXELS_PER_UNIT)

    def to_light(points):
        seen = (points - figure.middle) @ basis.T
        seen[:, :2] = seen[:, :2] * SHADOW_PIXELS_PER_UNIT + size / 2
        return seen

    nearest = rasterise(to_light(figure.points), figure.triangles, size, size).nearness
    seen = to_light(places + 0.25 * normals)
    turn = np.arange(SHADOW_TAPS) * 2.39996
    reach = lights.softness * SHADOW_PIXELS_PER_UNIT * np.sqrt((np.arange(SHADOW_TAPS) + 0.5) / SHADOW_TAPS)
    light = np.zeros(len(places))
    for angle, radius in zip(turn, reach):
        column = np.clip((seen[:, 0] + radius * np.cos(angle)).astype(int), 0, size - 1)
        row = np.clip((seen[:, 1] + radius * np.sin(angle)).astype(int), 0, size - 1)
        light += nearest[row, column] < seen[:, 2] + SHADOW_BIAS
    return light / SHADOW_TAPS


def occlusion_of(nearness, pixels_per_unit, oversampling):
    """Darken what lies deeper than its surroundings: eye sockets, nose sides, lips, mouth, collar.

    Compares the depth picture with blurred copies of itself at three sizes; 1 is open, 0 closed. The copies are made at
    the finished picture's size: a blur needs no oversampling.
    """
    covered = np.isfinite(nearness)
    filled = np.where(covered, nearness, 0.0).astype(np.float32)
    height, width = filled.shape
    blocks = (height // oversampling, oversampling, width // oversampling, oversampling)
    small = filled.reshape(blocks).mean(axis=(1, 3))
    share = covered.astype(np.float32).reshape(blocks).mean(axis=(1, 3))
    open_sky = np.ones_like(filled)
    for radius, reach, strength in ((0.22, 0.5, 0.75), (0.7, 1.0, 0.50), (2.2, 2.2, 0.24)):
        sigma = radius * pixels_per_unit
        around = gaussian_filter(small, sigma, truncate=2.5) / np.maximum(gaussian_filter(share, sigma, truncate=2.5), 1e-3)
        around = np.repeat(np.repeat(around, oversampling, axis=0), oversampling, axis=1)
        deeper = np.clip(around - filled, 0, reach)
        open_sky *= np.exp(-strength * deeper)
    return np.where(covered, np.clip(open_sky, 0.05, 1), 1.0)

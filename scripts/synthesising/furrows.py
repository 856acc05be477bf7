"""Furrows of the skin: a height map over the resting face, deeper the harder its muscles pull.

The map lies in the plane of the resting model (x to the person's left, y up, model units; a face is about 15 wide), so
that furrows move with the skin. A crease is a valley between two soft bulges; the light then decides what is seen.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from noise import layered_noise
from paint import distance_to_line, smooth_curve

PER_UNIT = 20  # pixels of the map per model unit
LEFT, TOP = -9.0, 12.0  # model coordinates of the map's first pixel
WIDTH, HEIGHT = 18 * PER_UNIT, 22 * PER_UNIT


@dataclass(frozen=True)
class Furrow:
    line: tuple  # on the side x > 0, mirrored for the other
    width: float  # half width of the valley
    muscles: dict  # depth per weight of a shape
    at_rest: float = 0.0
    from_age: float = 0.0  # more at rest, per year above 25


# fmt: off
FURROWS = (
    # Nasolabial fold: 6, 10, 12, 9
    Furrow(((1.75, 0.4), (2.5, -0.6), (3.2, -2.0), (3.55, -3.4)), 0.24,
           {"mouthSmile": 0.4, "mouthUpperUp": 0.28, "noseSneer": 0.25, "cheekSquint": 0.15, "mouthStretch": 0.2},
           0.05, 0.006),
    # Between the brows: 4
    Furrow(((0.55, 4.9), (0.66, 5.6), (0.85, 6.6)), 0.13, {"browDown": 0.46, "noseSneer": 0.1}, 0.0, 0.004),
    Furrow(((0.12, 5.0), (0.08, 5.6), (0.14, 6.3)), 0.11, {"browDown": 0.12}),
    Furrow(((1.25, 5.3), (1.4, 5.9), (1.5, 6.5)), 0.13, {"browDown": 0.14, "browInnerUp": 0.08}),
    # Root of the nose: 9, 4
    Furrow(((0.0, 4.3), (0.6, 4.4), (1.05, 4.7)), 0.14, {"noseSneer": 0.45, "browDown": 0.12}),
    Furrow(((0.0, 3.75), (0.5, 3.8), (0.9, 4.0)), 0.11, {"noseSneer": 0.4}),
    # Side of the nose: 9
    Furrow(((0.55, 3.3), (1.0, 2.8), (1.3, 2.0)), 0.12, {"noseSneer": 0.5}),
    Furrow(((0.6, 2.7), (1.0, 2.2), (1.3, 1.4)), 0.12, {"noseSneer": 0.45}),
    Furrow(((0.5, 3.7), (1.1, 3.3), (1.5, 2.6)), 0.11, {"noseSneer": 0.35}),
    # Forehead: 1 and 2, the middle ones from 1 alone
    Furrow(((0.0, 7.5), (1.5, 7.75), (3.2, 7.8), (4.6, 7.3)), 0.16,
           {"browOuterUp": 0.42, "browInnerUp": 0.2}, 0.0, 0.003),
    Furrow(((0.0, 8.35), (1.6, 8.6), (3.2, 8.6), (4.6, 8.1)), 0.16,
           {"browOuterUp": 0.45, "browInnerUp": 0.22}, 0.0, 0.003),
    Furrow(((0.0, 9.2), (1.5, 9.4), (3.0, 9.3)), 0.15, {"browOuterUp": 0.3, "browInnerUp": 0.2}),
    Furrow(((0.0, 7.2), (0.8, 7.5), (1.9, 7.2)), 0.15, {"browInnerUp": 0.38}),
    Furrow(((0.0, 7.9), (0.7, 8.1), (1.5, 7.95)), 0.14, {"browInnerUp": 0.3}),
    # Crow's feet: 6, 7
    Furrow(((5.05, 3.6), (5.6, 4.0), (6.1, 4.3)), 0.10, {"eyeSquint": 0.2, "cheekSquint": 0.3}, 0.0, 0.004),
    Furrow(((5.1, 3.25), (5.7, 3.3), (6.3, 3.2)), 0.10, {"eyeSquint": 0.2, "cheekSquint": 0.32}, 0.0, 0.004),
    Furrow(((5.0, 2.9), (5.5, 2.6), (6.0, 2.2)), 0.10, {"eyeSquint": 0.15, "cheekSquint": 0.32}, 0.0, 0.003),
    # Under the eye: 6, 7
    Furrow(((1.9, 2.65), (2.8, 2.25), (4.0, 2.3), (4.8, 2.75)), 0.16,
           {"cheekSquint": 0.3, "eyeSquint": 0.3}, 0.02, 0.005),
    Furrow(((1.7, 2.2), (2.7, 1.5), (3.9, 1.35)), 0.22, {"cheekSquint": 0.22, "noseSneer": 0.12}, 0.0, 0.004),
    # Beside and below the mouth: 12 and 14, 15, 20
    Furrow(((2.95, -2.9), (3.15, -3.5), (3.0, -4.1)), 0.18,
           {"mouthDimple": 0.4, "mouthSmile": 0.22, "mouthPress": 0.2}),
    Furrow(((2.7, -3.8), (3.1, -4.5), (3.2, -5.4)), 0.18, {"mouthFrown": 0.45, "mouthPress": 0.15, "mouthStretch": 0.2},
           0.0, 0.005),
    Furrow(((0.0, -5.2), (0.9, -5.25), (1.7, -5.6)), 0.22,
           {"mouthShrugLower": 0.45, "mouthFrown": 0.2, "mouthPress": 0.2}),
    # The lid's own fold deepens when the lid is pulled up.
    Furrow(((1.7, 4.35), (2.8, 4.75), (4.0, 4.65), (4.7, 4.1)), 0.09, {"eyeWide": 0.12}),
)
# fmt: on
DIMPLED_CHIN = {"mouthShrugLower": 0.55, "mouthFrown": 0.15}  # 17
PUCKERED_BROW = {"browDown": 0.10, "noseSneer": 0.08}  # the skin over the nose bunches up as a whole


@dataclass
class Patch:
    box: tuple  # slices of the map
    height: np.ndarray
    muscles: dict
    side: str
    at_rest: float


class Relief:
    """One person's furrows: the same lines, a little displaced, deeper with age."""

    def __init__(self, age, random):
        self.patches = []
        self.depth = float(np.clip(0.55 + age / 70 + random.normal(0, 0.15), 0.5, 1.6))
        seed = int(random.integers(1 << 18))
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        places = np.stack([LEFT + x / PER_UNIT, TOP - y / PER_UNIT], axis=-1)
        flat = np.concatenate([places, np.zeros_like(places[..., :1])], axis=-1).reshape(-1, 3)
        wander = np.stack([layered_noise(flat * 0.55 + k * 37, seed + k, 2) for k in (0, 1)], axis=-1)
        wander = wander.reshape(HEIGHT, WIDTH, 2) * 0.22
        fade = 0.75 + 0.5 * layered_noise(flat * 0.7, seed + 5, 2).reshape(HEIGHT, WIDTH)
        for furrow in FURROWS:
            prominence = random.uniform(0.5, 1.3)
            for side in "LR":
                self._add(
                    furrow,
                    side,
                    places + wander,
                    fade * prominence,
                    furrow.at_rest + furrow.from_age * max(age - 25, 0),
                )
        bumps = gaussian_filter(np.random.default_rng(seed).normal(0, 1, (HEIGHT, WIDTH)), 0.13 * PER_UNIT)
        bumps /= bumps.std()
        self._add_bumps(bumps, places, (0.0, -6.2), (1.5, 0.9), DIMPLED_CHIN, 0.09)
        self._add_bumps(bumps, places, (0.0, 5.3), (0.7, 0.9), PUCKERED_BROW, 0.05)

    def _add(self, furrow, side, places, fade, at_rest):
        line = np.array(furrow.line)
        if side == "R":
            line = line * [-1, 1]
        margin = 4.5 * furrow.width + 0.3
        box = _box(line.min(axis=0) - margin, line.max(axis=0) + margin)
        distance, along = distance_to_line(places[box].reshape(-1, 2), smooth_curve(line, 5))
        starts_in_middle = line[0, 0] == 0
        taper = np.minimum(along if not starts_in_middle else 1.0, 1 - along) * 4 + 0.05
        taper = np.clip(taper, 0, 1) ** 0.7
        valley = np.exp(-((distance / furrow.width) ** 2))
        bulge = np.exp(-(((distance - 2.3 * furrow.width) / (1.3 * furrow.width)) ** 2))
        height = (0.3 * bulge - valley) * furrow.width * taper * fade[box].ravel()
        if starts_in_middle:
            # The two halves meet in the middle; each keeps to its own side.
            x = places[box].reshape(-1, 2)[:, 0] * (1 if side == "L" else -1)
            height *= np.clip(x * 4 + 0.5, 0, 1)
        shape = places[box].shape[:2]
        self.patches.append(Patch(box, height.reshape(shape).astype(np.float32), furrow.muscles, side, at_rest))

    def _add_bumps(self, bumps, places, middle, reach, muscles, size):
        box = _box(np.array(middle) - 2 * np.array(reach), np.array(middle) + 2 * np.array(reach))
        offset = (places[box] - middle) / reach
        height = bumps[box] * size * np.exp(-(offset**2).sum(axis=-1))
        self.patches.append(Patch(box, height.astype(np.float32), muscles, "", 0.0))

    def slopes(self, weights):
        """(HEIGHT, WIDTH, 3) float32: slope to the right, slope upward, depth of the valley."""
        height = np.zeros((HEIGHT, WIDTH), np.float32)
        for patch in self.patches:
            pull = sum(share * _pull(weights, name, patch.side) for name, share in patch.muscles.items())
            # At rest the photograph shows the furrows itself; muscles deepen those that are there already.
            depth = self.depth * np.clip(pull, 0, 1.2) * (1 + 2 * patch.at_rest)
            if depth > 0.01:
                height[patch.box] += depth * patch.height
        slope_y, slope_x = np.gradient(height, 1 / PER_UNIT)
        return np.dstack([slope_x, -slope_y, np.maximum(-height, 0)])


def map_places(rest):
    """Resting places (N, 2 or 3) -> pixel of the map (N, 2) as x, y."""
    return np.stack([(rest[:, 0] - LEFT) * PER_UNIT, (TOP - rest[:, 1]) * PER_UNIT], axis=1).astype(np.float32)


def _box(low, high):
    left, right = (np.clip((np.array([low[0], high[0]]) - LEFT) * PER_UNIT, 0, WIDTH)).astype(int)
    top, bottom = (np.clip((TOP - np.array([high[1], low[1]])) * PER_UNIT, 0, HEIGHT)).astype(int)
    return slice(top, bottom), slice(left, right)


def _pull(weights, name, side):
    if side:
        return weights.get(f"{name}_{side}", weights.get(name, 0.0))
    halves = [weights.get(f"{name}_{half}", weights.get(name, 0.0)) for half in "LR"]
    return sum(halves) / 2

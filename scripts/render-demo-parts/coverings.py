"""Hair and clothes: the meshes that keep a head from looking bald and from floating."""

from dataclasses import dataclass

import numpy as np

from head_model import FACE, SCALP_AND_NECK
from noise import layered_noise

# Height of the hairline (rest-head units) by azimuth: 0 degrees is the middle of the forehead, 180 the nape.
HAIRLINE = np.array(
    [(0, 10.1), (20, 10.5), (33, 10.7), (43, 9.5), (52, 7.9), (60, 6.7), (68, 4.9), (73, 3.5), (78, 3.7), (83, 5.3),
     (92, 5.7), (104, 5.4), (112, 3.5), (122, 0.0), (140, -4.5), (180, -6.0)]
)


@dataclass(frozen=True)
class HairStyle:
    thickness: float  # how far the hair stands off the scalp
    lumps: float = 0.25  # how uneven its surface is
    hairline: float = 0.0  # how far the hairline moves up the forehead
    curtain: float | None = None  # height where long hair ends; None for short hair
    curls: float = 0.0  # 0 straight, 1 tight curls
    top: float = 0.0  # extra volume over the forehead
    parting: float = 0.0  # where the parting lies, in units from the middle


HAIR_STYLES = {
    "crop": HairStyle(thickness=0.28, lumps=0.05, hairline=0.1),
    "short": HairStyle(thickness=0.9, lumps=0.25, top=0.7),
    "swept": HairStyle(thickness=1.1, lumps=0.3, top=1.4, hairline=0.4),
    "receding": HairStyle(thickness=0.5, lumps=0.15, hairline=1.2),
    "afro": HairStyle(thickness=2.7, lumps=0.55, curls=1.0, hairline=0.2),
    "curly": HairStyle(thickness=1.6, lumps=0.6, curls=0.8, curtain=-5.5),
    "bob": HairStyle(thickness=1.1, lumps=0.2, curtain=-6.0),
    "long": HairStyle(thickness=1.0, lumps=0.25, curtain=-17.0),
    "tied": HairStyle(thickness=0.55, lumps=0.1, hairline=0.2),
}


def azimuth(places):
    return np.degrees(np.arctan2(np.abs(places[:, 0]), places[:, 2] - 1.0))


def height_over_hairline(places, style):
    """Positive inside the hair, negative on bare skin; in rest-head units."""
    angle = azimuth(places)
    line = np.interp(angle, HAIRLINE[:, 0], HAIRLINE[:, 1])
    return places[:, 1] - line - style.hairline * np.clip(1 - angle / 60, 0, 1)


def hair_cap(model, shape, style, seed):
    """A shell over the scalp that sinks below the skin at the hairline.

    Returns points and rest places of all head vertices, and the triangles that lie in the hair.
    """
    rest = model.rest
    inside = height_over_hairline(rest, style) + 0.45 * layered_noise(rest * 0.8, seed + 3)
    outward = rest - [0.0, 4.5, 0.0]
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    # Over the forehead hair rises slowly, or it looks like a helmet.
    rise = np.interp(azimuth(rest), [0, 45, 80], [3.6, 3.0, 2.2])
    grown = np.clip((inside + 0.2) / rise, 0, 1)
    grown = grown * grown * (3 - 2 * grown)
    front = np.clip((rest[:, 2] - 1) / 6, 0, 1) * np.clip((rest[:, 1] - 8) / 4, 0, 1)
    lumps = layered_noise(rest * (0.9 if style.curls > 0.5 else 0.45), seed)
    parting = np.exp(-(((rest[:, 0] - style.parting) / 0.5) ** 2)) * (rest[:, 2] > -2) * (style.curtain is not None)
    # Hair lies closer to the head over the ears than on top.
    sides = np.clip((rest[:, 1] - 4) / 6, 0, 1)
    thickness = style.thickness * (0.3 + 0.7 * sides) * (1 + style.lumps * lumps) + style.top * front - 0.35 * parting
    points = shape + outward * (thickness * grown - 0.12 * (inside < 0.15))[:, None]
    skin = np.isin(model.part, (FACE, SCALP_AND_NECK))
    hairy = skin & (inside > -0.6) & (rest[:, 1] > -8)
    triangles = model.triangles[hairy[model.triangles].all(axis=1)]
    return points, triangles


def hair_curtain(style, seed):
    """Long hair: a sheet from the temples round the back of the head, down to the style's length."""
    around = np.radians(np.linspace(52, 308, 190))
    height = np.linspace(10.5, style.curtain, 70)
    angle, y = np.meshgrid(around, height)
    places = np.stack([np.sin(angle) * 8, y * 0.25, np.cos(angle) * 8], axis=-1).reshape(-1, 3)
    locks = layered_noise(places * 0.42, seed + 5).reshape(angle.shape)
    fine = np.sin(angle * 38 + 4 * locks + 0.18 * y) * 0.17 + np.sin(angle * 17 + 0.1 * y + 2 * locks) * 0.2
    top = np.clip((10.5 - y) / 8, 0, 1)
    fullness = np.sqrt(top * (2 - top))
    edge = np.clip(np.minimum(angle - around[0], around[-1] - angle) / 0.3, 0, 1)
    below = np.clip((-y - 2) / 12, 0, 1)
    stand_off = style.thickness * (0.4 + 0.6 * np.sqrt(edge)) + locks * (0.7 + 0.5 * style.curls) + fine
    across = (6.0 + 2.6 * fullness + stand_off) * (1 + 0.02 * below)
    deep = (6.0 + 3.0 * fullness + stand_off) * (1 - 0.12 * below)
    # Waves grow towards the tips.
    wave = 0.35 * np.sin(0.55 * y + 3 * locks + 2 * angle) * np.clip((4 - y) / 12, 0, 1)
    x = np.sin(angle) * (across + wave)
    z = 0.2 + np.cos(angle) * deep
    hem = layered_noise(np.stack([angle * 9, 0 * angle, 0 * angle], axis=-1).reshape(-1, 3), seed + 9)
    y = y + hem.reshape(angle.shape) * 0.7 * np.linspace(0, 1, len(height))[:, None]
    return np.stack([x, y, z], axis=-1).reshape(-1, 3), _grid_triangles(*angle.shape)


# The torso from collar to hip: height, half width, half depth, depth of the middle.
TORSO = np.array(
    [(-9.2, 6.5, 5.5, -2.4), (-10.7, 7.1, 6.2, -2.4), (-11.9, 9.0, 7.4, -2.6), (-13.0, 12.0, 8.2, -2.8),
     (-14.2, 15.8, 8.8, -2.6), (-16.0, 18.6, 9.3, -2.2), (-18.5, 20.3, 9.8, -1.8), (-22.0, 21.3, 10.4, -1.2),
     (-30.0, 21.6, 11.2, -0.6), (-45.0, 22.5, 11.5, -0.5), (-75.0, 24.0, 13.0, 0.0)]
)


def torso(neckline):
    """Shoulders and chest as one sheet; `neckline` lowers the collar in front (0 is a turtleneck)."""
    steps = np.linspace(0, len(TORSO) - 1, 110)
    rings = np.stack([np.interp(steps, np.arange(len(TORSO)), TORSO[:, k]) for k in range(4)], axis=1)
    rings[1:-1] = (rings[:-2] + rings[1:-1] + rings[2:]) / 3
    around = np.linspace(0, 2 * np.pi, 160)
    cosine, sine = np.cos(around), np.sin(around)
    # A superellipse: shoulders are squarer than a plain ellipse.
    x = np.sign(sine) * np.abs(sine) ** 0.85 * rings[:, 1:2]
    z = rings[:, 3:4] + np.sign(cosine) * np.abs(cosine) ** 0.85 * rings[:, 2:3]
    front = np.clip(cosine, 0, 1) ** 2
    y = rings[:, 0:1] - neckline * front * np.clip(1 - steps / 4, 0, 1)[:, None]
    z = z + front * 1.6 * np.clip(steps / 4, 0, 1)[:, None]
    return np.stack([x, np.broadcast_to(y, x.shape), z], axis=-1).reshape(-1, 3), _grid_triangles(*x.shape)


def _grid_triangles(rows, columns):
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])


"""Paint: the colour of every visible point, as a function of its place on the resting head.

The resting place travels with the skin, so brows, lips and furrows move with the expression. Colours are linear light.
"""

from dataclasses import dataclass

import numpy as np

from coverings import height_over_hairline
from noise import layered_noise, value_noise

EYE_CENTRE = np.array([3.09, 3.61])
IRIS_RADIUS, PUPIL_RADIUS = 0.62, 0.24


@dataclass
class Surface:
    colour: np.ndarray  # (N, 3) linear
    gloss: np.ndarray  # (N,) strength of the highlight
    sharpness: np.ndarray  # (N,) exponent of the highlight
    wrap: np.ndarray  # (N, 3) how far light creeps round the edge, by colour (blood scatters red furthest)


def linear(colour):
    return (np.asarray(colour, dtype=np.float64) / 255.0) ** 2.2


def blob(places, x, y, radius_x, radius_y):
    """A soft spot on both halves of the face."""
    return np.exp(-(((np.abs(places[:, 0]) - x) / radius_x) ** 2) - ((places[:, 1] - y) / radius_y) ** 2)


def mix(first, second, share):
    return first + (second - first) * np.clip(share, 0, 1)[:, None]


def distance_to_line(places, line):
    """Distance of 2-D places to a polyline, and how far along it (0..1) the nearest point lies."""
    best = np.full(len(places), np.inf)
    along = np.zeros(len(places))
    pieces = len(line) - 1
    for number, (start, end) in enumerate(zip(line[:-1], line[1:])):
        direction = end - start
        share = np.clip((places - start) @ direction / (direction @ direction), 0, 1)
        distance = np.linalg.norm(places - start - share[:, None] * direction, axis=1)
        nearer = distance < best
        best[nearer] = distance[nearer]
        along[nearer] = (number + share[nearer]) / pieces
    return best, along


def smooth_curve(points, steps):
    """Catmull-Rom curve through the points."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:]):
        pieces.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    return np.vstack(pieces + [points[-1:]])


def inside_outline(places, outline):
    """Signed distance to a closed outline: positive inside."""
    closed = np.vstack([outline, outline[:1]])
    distance, _ = distance_to_line(places, closed)
    inside = np.zeros(len(places), bool)
    for (x1, y1), (x2, y2) in zip(closed[:-1], closed[1:]):
        crosses = (y1 > places[:, 1]) != (y2 > places[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (places[:, 0] < (x2 - x1) * (places[:, 1] - y1) / (y2 - y1) + x1)
    return np.where(inside, distance, -distance)


# ---------------------------------------------------------------------------------------------------------------- skin


def skin(rest, person, weights, landmarks, is_face):
    base = linear(person.skin)
    darkness = 1 - base.mean() ** 0.5
    count = len(rest)
    colour = np.tile(base, (count, 1))

    mottle = layered_noise(rest * 1.3, person.seed + 11)
    pores = value_noise(rest * 9.0, person.seed + 12)
    colour *= (1 + 0.05 * mottle + 0.035 * pores)[:, None]

    front = rest[:, 2] > 3.0
    red = colour * [1.12, 0.80, 0.78]
    blush = 0.75 * blob(rest, 4.6, 0.2, 2.0, 1.7) + 0.8 * blob(rest, 0, 0.4, 1.2, 1.0) * front
    blush += 0.35 * blob(rest, 0, -6.6, 1.6, 1.0) * front + 0.5 * (np.abs(rest[:, 0]) > 8.0)
    blush *= 1 + 0.6 * weights.get("cheekSquint_L", 0)
    colour = mix(colour, red, 0.7 * blush)
    under_eye = blob(rest, 3.0, 2.5, 1.2, 0.45) * front
    colour = mix(colour, colour * [0.80, 0.72, 0.76], 0.7 * under_eye)
    lids = blob(rest, 3.1, 4.35, 1.3, 0.4) * front
    colour = mix(colour, colour * [0.82, 0.72, 0.70], 0.6 * lids)
    if person.freckles:
        spots = value_noise(rest * 4.5, person.seed + 14) > 0.62
        colour = mix(colour, colour * [0.70, 0.55, 0.45], person.freckles * spots * (blush > 0.12))

    gloss = 0.16 + 0.22 * blob(rest, 0, 2, 0.9, 3.5) * front + 0.10 * blob(rest, 0, 8.5, 4, 1.5) * front
    gloss += 0.10 * blob(rest, 4.4, 1.6, 1.2, 1.0) + 0.12 * darkness
    sharpness = np.full(count, 16.0)

    if person.stubble:
        colour = _stubble(colour, rest, person)
    colour = _hair_roots(colour, rest, person)
    face = np.flatnonzero(is_face & (rest[:, 2] > 2.5))
    if len(face):
        places = rest[face]
        colour[face] = _furrows(colour[face], places, weights)
        colour[face] = _lash_line(colour[face], places, landmarks, person)
        colour[face] = _brows(colour[face], places, landmarks, person)
        colour[face], gloss[face], sharpness[face] = _lips(
            colour[face], gloss[face], sharpness[face], places, landmarks, person
        )
    # Nostrils are holes: no light comes back out of them.
    nostril = np.exp(
        -(((np.abs(rest[:, 0]) - 0.78) / 0.42) ** 2) - ((rest[:, 1] + 0.80) / 0.30) ** 2 - ((rest[:, 2] - 11.0) / 0.8) ** 2
    )
    colour = mix(colour, base * 0.08, 0.9 * nostril * is_face)
    wrap = np.tile([0.32, 0.16, 0.10], (count, 1)) * (1 - 0.4 * darkness)
    return Surface(colour, gloss, sharpness, wrap)


def _stubble(colour, rest, person):
    beard = np.clip((-0.6 - rest[:, 1]) / 1.2, 0, 1) * np.clip((rest[:, 1] + 9.5) / 2.0, 0, 1)
    beard *= np.clip((np.abs(rest[:, 0]) - 0.4 + np.maximum(0, -2.0 - rest[:, 1]) * 2) / 0.8, 0, 1)
    cheek = np.clip((rest[:, 1] + 0.3 - 0.55 * (np.abs(rest[:, 0]) - 5.0)) / 1.6, 0, 1) * (np.abs(rest[:, 0]) > 3.2)
    beard *= 1 - cheek
    grain = 0.65 + 0.35 * value_noise(rest * 11, person.seed + 15)
    return mix(colour, linear(person.hair) * 0.8, person.stubble * beard * grain * (rest[:, 2] > -1))


def _hair_roots(colour, rest, person):
    strands = value_noise(rest * [7, 1.2, 7], person.seed + 16)
    inside = height_over_hairline(rest, person.style) + 0.35 * strands
    roots = np.clip((inside + 0.25) / 0.8, 0, 1) * (rest[:, 1] > -7.5)
    return mix(colour, linear(person.hair) * 0.9, 0.9 * roots)


def _brows(colour, places, landmarks, person):
    flat = places[:, :2].copy()
    flat[:, 0] = np.abs(flat[:, 0])
    # The landmarks run along the upper part of a brow; its middle lies lower.
    curve = smooth_curve(landmarks[22:27, :2] - [0.0, 0.14], 6)
    near = np.flatnonzero((flat[:, 1] > 4.0) & (flat[:, 1] < 8.0) & (flat[:, 0] < 7.0) & (flat[:, 0] > 0.4))
    if not len(near):
        return colour
    distance, along = distance_to_line(flat[near], curve)
    half_width = person.brow_width * np.interp(along, [0, 0.15, 0.5, 0.8, 1.0], [0.42, 0.48, 0.42, 0.30, 0.10])
    # Hairs lean outwards along the brow; noise stretched that way reads as strokes.
    lean = np.stack([flat[near, 0] * 3 + flat[near, 1] * 1.5, flat[near, 1] * 9 - flat[near, 0] * 5, 0 * along], axis=1)
    strokes = layered_noise(lean, person.seed + 17)
    cover = np.clip((half_width * (1 + 0.35 * strokes) - distance) / 0.20, 0, 1)
    ends = np.clip((flat[near, 0] - curve[0, 0] + 0.36) / 0.25, 0, 1)
    colour[near] = mix(colour[near], linear(person.brows) * (1 + 0.25 * strokes)[:, None], 0.93 * cover * ends)
    return colour


def _lash_line(colour, places, landmarks, person):
    """Dark rims round the eyes: the roots of the lashes and the shade they throw."""
    flat = places[:, :2].copy()
    flat[:, 0] = np.abs(flat[:, 0])
    near = np.flatnonzero((np.abs(flat[:, 0] - 3.1) < 2.2) & (np.abs(flat[:, 1] - 3.6) < 1.6))
    if not len(near):
        return colour
    upper, _ = distance_to_line(flat[near], smooth_curve(landmarks[[42, 43, 44, 45], :2], 6))
    lower, _ = distance_to_line(flat[near], smooth_curve(landmarks[[42, 47, 46, 45], :2], 6))
    shade = 0.85 * np.exp(-((upper / 0.15) ** 2)) + 0.35 * np.exp(-((lower / 0.12) ** 2))
    colour[near] = mix(colour[near], linear(person.brows) * 0.4, shade)
    return colour


def _lips(colour, gloss, sharpness, places, landmarks, person):
    near = np.flatnonzero((np.abs(places[:, 0]) < 3.2) & (places[:, 1] < -2.0) & (places[:, 1] > -5.0))
    if not len(near):
        return colour, gloss, sharpness
    outer = landmarks[48:60, :2]
    outline = np.vstack([smooth_curve(outer[:7], 5)[:-1], smooth_curve(np.vstack([outer[6:], outer[:1]]), 5)[:-1]])
    inside = inside_outline(places[near, :2], outline)
    cover = np.clip((inside + 0.06) / 0.16, 0, 1)
    lines = value_noise(places[near] * [6, 0.8, 2], person.seed + 18)
    lip = linear(person.lips) * (1 + 0.10 * lines)[:, None]
    seam = np.exp(-(((places[near, 1] + 3.36) / 0.09) ** 2))
    lip = mix(lip, lip * 0.35, 0.9 * seam)
    colour[near] = mix(colour[near], lip, 0.88 * cover)
    gloss[near] += 0.22 * cover
    sharpness[near] += 24 * cover
    return colour, gloss, sharpness


# Furrows on the resting face (right half, mirrored): polyline, half width, and the muscles that fold the skin there.
FURROWS = [
    ([(1.75, 0.3), (2.6, -0.9), (3.3, -2.3), (3.5, -3.6)], 0.21,
     {"mouthSmile": 0.55, "mouthUpperUp": 0.35, "noseSneer": 0.45, "cheekSquint": 0.2, "mouthStretch": 0.25}, 0.10),
    ([(0.60, 4.9), (0.72, 5.6), (0.85, 6.5)], 0.13, {"browDown": 0.50}, 0.0),
    ([(0.0, 4.8), (0.0, 6.2)], 0.10, {"browDown": 0.18}, 0.0),
    ([(0.0, 4.25), (0.7, 4.35), (1.1, 4.6)], 0.13, {"noseSneer": 0.55, "browDown": 0.12}, 0.0),
    ([(0.95, 2.0), (1.25, 2.7), (1.2, 3.4)], 0.12, {"noseSneer": 0.45}, 0.0),
    ([(0.0, 7.5), (1.5, 7.7), (3.2, 7.75), (4.4, 7.4)], 0.13, {"browOuterUp": 0.45, "browInnerUp": 0.20}, 0.0),
    ([(0.0, 8.35), (1.6, 8.5), (3.2, 8.5), (4.4, 8.1)], 0.13, {"browOuterUp": 0.45, "browInnerUp": 0.20}, 0.0),
    ([(0.0, 9.15), (1.5, 9.25), (3.2, 9.2)], 0.12, {"browOuterUp": 0.3, "browInnerUp": 0.15}, 0.0),
    ([(0.0, 7.3), (0.8, 7.45), (1.6, 7.3)], 0.14, {"browInnerUp": 0.35}, 0.0),
    ([(5.1, 3.5), (5.9, 3.9)], 0.10, {"eyeSquint": 0.25, "cheekSquint": 0.30}, 0.0),
    ([(5.1, 3.2), (6.0, 3.1)], 0.10, {"eyeSquint": 0.25, "cheekSquint": 0.30}, 0.0),
    ([(5.0, 2.9), (5.8, 2.4)], 0.10, {"eyeSquint": 0.20, "cheekSquint": 0.30}, 0.0),
    ([(1.9, 2.6), (2.8, 2.2), (4.0, 2.3), (4.7, 2.7)], 0.14, {"cheekSquint": 0.35, "eyeSquint": 0.20}, 0.08),
    ([(2.75, -3.7), (3.1, -4.4), (3.15, -5.3)], 0.14, {"mouthFrown": 0.45, "mouthPress": 0.2}, 0.04),
    ([(0.0, -5.15), (0.9, -5.2), (1.6, -5.5)], 0.18, {"mouthShrugLower": 0.50, "mouthFrown": 0.15}, 0.10),
    ([(1.7, 4.35), (2.8, 4.72), (4.0, 4.62), (4.7, 4.1)], 0.09, {"eyeWide": 0.15}, 0.35),
]


def _furrows(colour, places, weights):
    flat = places[:, :2].copy()
    left = places[:, 0] > 0
    flat[:, 0] = np.abs(flat[:, 0])
    shade = np.ones(len(places))
    for line, half_width, muscles, always in FURROWS:
        line = np.array(line)
        margin = 4 * half_width
        near = np.flatnonzero(((flat > line.min(0) - margin) & (flat < line.max(0) + margin)).all(axis=1))
        if not len(near):
            continue
        depth = _pull(weights, muscles, left[near]) + always
        distance, along = distance_to_line(flat[near], smooth_curve(line, 5))
        taper = np.sqrt(np.clip(np.minimum(along, 1 - along) * 5 + 0.15 + 10 * (line[0, 0] == 0) * (along < 0.5), 0, 1))
        fold = np.exp(-((distance / half_width) ** 2))
        # The skin beside a fold bulges and catches the light.
        bulge = np.exp(-(((distance - 2.4 * half_width) / (1.2 * half_width)) ** 2))
        shade[near] *= 1 - np.clip(depth * taper * (0.62 * fold - 0.12 * bulge), -0.3, 0.62)
    return colour * np.power(shade[:, None], [0.85, 1.05, 1.1])


def _pull(weights, muscles, left):
    pull = np.zeros(len(left))
    for name, share in muscles.items():
        middle = weights.get(name, 0.0)
        pull += share * np.where(left, weights.get(name + "_L", middle), weights.get(name + "_R", middle))
    return np.clip(pull, 0, 1.3)


# --------------------------------------------------------------------------------------------------- eyes, mouth, hair


def eyes(rest, person, lid_shade):
    side = np.sign(rest[:, 0])
    offset = rest[:, :2] - np.stack([side * EYE_CENTRE[0], np.full(len(rest), EYE_CENTRE[1])], axis=1)
    radius = np.where(rest[:, 2] > 7.5, np.hypot(offset[:, 0], offset[:, 1]), 9.0)
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    white = np.tile([0.60, 0.535, 0.50], (len(rest), 1))
    corner = np.clip((np.abs(offset[:, 0]) - 0.85) / 0.6, 0, 1)
    white = mix(white, np.array([0.42, 0.22, 0.19]), 0.65 * corner)
    fibres = value_noise(np.stack([angle * 9, radius * 2, side], axis=1), person.seed + 21)
    iris = linear(person.iris) * (1.0 + 0.35 * fibres + 0.5 * np.clip((0.5 - radius) / 0.3, 0, 1))[:, None]
    iris *= np.clip((IRIS_RADIUS + 0.02 - radius) / 0.14, 0.25, 1)[:, None]
    colour = mix(white, iris, (IRIS_RADIUS + 0.03 - radius) / 0.06)
    colour = mix(colour, np.array([0.004, 0.004, 0.004]), (PUPIL_RADIUS + 0.03 - radius) / 0.06)
    colour *= lid_shade[:, None]
    on_iris = np.clip((IRIS_RADIUS + 0.2 - radius) / 0.1, 0, 1)
    return Surface(
        colour,
        0.35 + 1.3 * on_iris * (lid_shade > 0.4),
        np.full(len(rest), 140.0),
        np.tile([0.25, 0.2, 0.2], (len(rest), 1)),
    )


def _flat_surface(colour, gloss, sharpness, wrap):
    count = len(colour)
    return Surface(colour, np.full(count, gloss), np.full(count, sharpness), np.tile(wrap, (count, 1)))


def mouth_inside(rest):
    depth = np.clip((rest[:, 2] - 5.0) / 6.0, 0, 1)[:, None]
    return _flat_surface(linear((92, 30, 28)) * (0.12 + 0.55 * depth**2), 0.1, 30.0, [0.1, 0.05, 0.05])


def gums(rest):
    depth = np.clip((rest[:, 2] - 5.5) / 4.5, 0, 1)[:, None]
    return _flat_surface(linear((168, 82, 80)) * (0.15 + 0.75 * depth), 0.35, 40.0, [0.2, 0.1, 0.1])


def teeth(rest, lip_gap):
    depth = np.clip((rest[:, 2] - 6.3) / 3.4, 0, 1)[:, None]
    # Closed lips leave no light for the teeth; without this a white thread shows between them.
    light = np.clip(lip_gap / 0.9, 0.06, 1)
    return _flat_surface(linear((222, 211, 192)) * (0.10 + 0.74 * depth**1.5) * light, 0.45 * light, 60.0, [0.3, 0.25, 0.2])


def eye_socket(rest, person):
    return _flat_surface(np.tile(linear(person.skin) * [0.35, 0.2, 0.2], (len(rest), 1)), 0.0, 20.0, [0.2, 0.1, 0.1])


def hair(rest, person):
    style = person.style
    angle = np.arctan2(rest[:, 0] - style.parting, rest[:, 2] + 3.0)
    if style.curls > 0.5:
        strands = layered_noise(rest * 3.2, person.seed + 31)
    else:
        bend = 0.12 * layered_noise(rest * 0.5, person.seed + 33)
        along = np.stack([(angle + bend) * 30, rest[:, 1] * 0.3, rest[:, 2] * 0.2], axis=1)
        strands = layered_noise(along, person.seed + 31)
    fine = value_noise(np.stack([angle * 95, rest[:, 1] * 0.6, rest[:, 2] * 0.4], axis=1), person.seed + 34)
    colour = linear(person.hair) * np.exp(0.30 * strands + 0.26 * fine)[:, None]
    return Surface(
        colour, 0.30 * (1 + strands) * (1 + 0.8 * fine), np.full(len(rest), 22.0), np.tile([0.15, 0.12, 0.10], (len(rest), 1))
    )


def cloth(rest, person):
    base = linear(person.cloth)
    x, y, z = rest.T
    weave = value_noise(rest * 3.0, person.seed + 41) * 0.10
    folds = layered_noise(rest * [0.16, 0.10, 0.16], person.seed + 42) * 0.35
    colour = base * (1 + weave + folds)[:, None]
    # Arms are only painted: a fold from the armpit down parts them from the chest.
    armpit = np.exp(-(((np.abs(x) - 14.8 - 0.05 * (y + 22)) / 0.7) ** 2)) * np.clip((-20.5 - y) / 3, 0, 1)
    colour = mix(colour, colour * 0.35, armpit)
    angle = np.arctan2(x, z)
    if person.pattern == "stripes":
        stripe = 0.5 + 0.5 * np.sign(np.sin(y * 2.1))
        colour = mix(colour, colour * 0.25 + 0.35, 0.75 * stripe * (y < -13))
    elif person.pattern == "knit":
        colour *= (1 + 0.12 * np.sin(angle * 110) * np.sin(y * 5.0))[:, None]
    elif person.pattern == "jacket":
        opening = np.interp(y, [-27, -12, -9], [0.0, 4.6, 5.2]) - np.abs(x)
        shirt = np.where(z > 0, np.clip(opening / 0.15, 0, 1), 0)
        lapel = np.exp(-(((opening + 1.9) / 0.12) ** 2)) * (z > 0)
        colour = mix(colour, linear((206, 210, 216)) * (1 + weave)[:, None], shirt)
        colour = mix(colour, colour * 0.4, lapel + np.exp(-((opening / 0.3) ** 2)) * (z > 0) * (opening < 0))
    return _flat_surface(colour, 0.05, 10.0, [0.2, 0.2, 0.2])

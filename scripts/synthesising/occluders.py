"""What may cover a part of a face: glasses, a hand, a scarf, the shadow of something outside the picture.

Drawn flat on the oversampled linear picture, placed by the landmarks; nothing is moved in the picture below.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter


def cover(kind, colour, landmarks, skin, random):
    """colour (H, W, 3) linear, changed and returned; landmarks (68, 2) in its pixels; skin: linear tone."""
    if not kind:
        return colour
    return {"glasses": _glasses, "hand": _hand, "scarf": _scarf, "shade": _shade}[kind](colour, landmarks, skin, random)


def _layer(colour, draw_on):
    height, width = colour.shape[:2]
    image = Image.new("L", (width, height))
    draw_on(ImageDraw.Draw(image))
    return gaussian_filter(np.asarray(image, dtype=np.float32) / 255, 0.8)[..., None]


def _frame(landmarks):
    """Middle of the eyes, unit vectors across and down the face, distance between the eyes' middles."""
    right, left = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    across = (left - right) / np.linalg.norm(left - right)
    down = np.array([-across[1], across[0]])
    return right, left, across, down, float(np.linalg.norm(left - right))


def _glasses(colour, landmarks, skin, random):
    right, left, across, down, span = _frame(landmarks)
    wide, tall = span * random.uniform(0.36, 0.46), span * random.uniform(0.25, 0.36)
    square = random.uniform(2.0, 5.0)  # exponent of the lens's superellipse
    thick = max(1, int(span * random.uniform(0.02, 0.07)))
    tone = np.array([[0.01, 0.01, 0.012], [0.06, 0.03, 0.015], [0.35, 0.3, 0.22], [0.2, 0.2, 0.22]])[random.integers(4)]
    dark = random.uniform(0.1, 0.35) if random.random() < 0.12 else random.uniform(0.88, 1.0)
    angle = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack(
        [
            np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / square) * wide,
            np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / square) * tall,
        ],
        axis=1,
    )
    # A turned head shows the far lens narrower: the nose tells where the face's middle is.
    nose = (landmarks[27] - right) @ across / span
    lenses = []
    for eye, share in ((right, 2 * nose), (left, 2 * (1 - nose))):
        narrow = np.clip(share, 0.55, 1.1)
        lenses.append(eye + ring[:, :1] * narrow * across + (ring[:, 1:] + 0.04 * span) * down)

    def glass(draw):
        for lens in lenses:
            draw.polygon([tuple(p) for p in lens], fill=255)

    def frame(draw):
        for lens in lenses:
            draw.line([tuple(p) for p in lens] + [tuple(lens[0])], fill=255, width=thick, joint="curve")
        inner = lenses[0][0], lenses[1][30]
        draw.line([tuple(inner[0]), tuple(inner[1])], fill=255, width=thick)
        for lens, number, temple in ((lenses[0], 30, landmarks[0]), (lenses[1], 0, landmarks[16])):
            end = temple + (lens[number] - temple) * 0.12
            draw.line([tuple(lens[number] - 0.1 * span * down), tuple(end - 0.1 * span * down)], fill=255, width=thick)

    inside = _layer(colour, glass)
    colour = colour * (1 - inside * (1 - dark))
    glare = random.uniform(0, 0.25) if random.random() < 0.35 else 0.0
    if glare:
        height, width = colour.shape[:2]
        y, x = np.mgrid[0:height, 0:width]
        stripe = np.sin((x + y) / span * 4 + random.uniform(0, 6)) ** 8
        colour = colour + inside * (glare * stripe)[..., None]
    # The frame's own shadow lies a little below it.
    edge = _layer(colour, frame)
    shadow = np.roll(gaussian_filter(edge, (0.03 * span, 0.03 * span, 0)), int(0.05 * span), axis=0)
    colour = colour * (1 - 0.35 * shadow)
    return colour * (1 - edge) + edge * tone


def _hand(colour, landmarks, skin, random):
    _, _, across, down, span = _frame(landmarks)
    side = random.choice([-1, 1])
    start = landmarks[8] + across * side * span * random.uniform(0.5, 1.0) + down * span * random.uniform(0.1, 0.5)
    aim = landmarks[8] + across * side * span * random.uniform(0.05, 0.5) - down * span * random.uniform(0.1, 0.5)
    along = (aim - start) / np.linalg.norm(aim - start)
    beside = np.array([-along[1], along[0]])
    thick = span * random.uniform(0.2, 0.27)
    out = colour
    for finger in range(4):
        root = start + beside * (finger - 1.5) * thick * 0.95
        tip = root + along * span * (random.uniform(0.6, 0.8) - 0.08 * abs(finger - 1.3))

        def stroke(draw, width):
            draw.line([tuple(root - along * span * 2), tuple(tip)], fill=255, width=int(width))
            draw.ellipse([*(tip - width / 2), *(tip + width / 2)], fill=255)

        cover_share = _layer(colour, lambda draw, stroke=stroke: stroke(draw, thick))
        core = gaussian_filter(cover_share, (thick * 0.22, thick * 0.22, 0))
        out = out * (1 - 0.4 * np.clip(gaussian_filter(cover_share, (thick * 0.25, thick * 0.25, 0)), 0, 1))
        tone = skin * (0.45 + 0.6 * core)
        out = out * (1 - cover_share) + cover_share * tone
    return out


def _scarf(colour, landmarks, skin, random):
    _, _, across, down, span = _frame(landmarks)
    top = random.uniform(0.02, 0.25)  # from the chin upward: lips stay in sight
    height, width = colour.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    chin = landmarks[8] - down * span * top
    u = ((x - chin[0]) * across[0] + (y - chin[1]) * across[1]) / span
    v = ((x - chin[0]) * down[0] + (y - chin[1]) * down[1]) / span
    edge = v + 0.16 * u * u * random.choice([-1, 1]) + 0.03 * np.sin(5 * u + random.uniform(0, 6))
    share = np.clip(edge * span / 1.5 + 0.5, 0, 1)[..., None]
    folds = 1 + 0.3 * np.sin(9 * v + 2 * np.sin(2.2 * u + random.uniform(0, 6))) + 0.06 * random.normal(0, 1, v.shape)
    cloth = random.uniform(0.02, 0.5) * np.exp(random.normal(0, 0.5, 3))
    shaded = np.clip(0.4 + edge * 2.5, 0.4, 1)
    return colour * (1 - share) + share * cloth * (folds * shaded)[..., None]


def _shade(colour, landmarks, skin, random):
    """A hat's brim, a window bar, leaves: a dark shape with an edge across the face."""
    height, width = colour.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = random.uniform(0, np.pi)
    middle = landmarks[27:36].mean(axis=0)
    span = float(np.linalg.norm(landmarks[16] - landmarks[0]))
    along = ((x - middle[0]) * np.cos(angle) + (y - middle[1]) * np.sin(angle)) / span
    sharp = random.uniform(8, 40)
    if random.random() < 0.5:
        dark = 1 / (1 + np.exp(-(along - random.uniform(-0.3, 0.3)) * sharp))
    else:
        period = random.uniform(0.25, 0.6)
        dark = 1 / (1 + np.exp(-np.sin(along * 2 * np.pi / period) * sharp / 6))
    return colour * (1 - random.uniform(0.25, 0.6) * dark)[..., None]

"""Rooms behind the people: walls and simple furniture, out of focus; nothing in them looks like a face."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SCALE = 2  # drawn larger and shrunk, so that edges are smooth


def backdrop(kind, seed, width, height):
    """(H, W, 3) linear light."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (width * SCALE, height * SCALE))
    draw = ImageDraw.Draw(image)
    blur = PAINTERS[kind](image, draw, random)
    image = image.filter(ImageFilter.GaussianBlur(blur * SCALE)).resize((width, height), Image.LANCZOS)
    return _fall_of_light((np.asarray(image) / 255.0) ** 2.2, random)


def _fall_of_light(picture, random):
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / width, y / height
    centre = random.uniform(0.15, 0.85), random.uniform(-0.1, 0.3)
    glow = np.exp(-(((x - centre[0]) / 0.7) ** 2) - ((y - centre[1]) / 0.8) ** 2)
    return picture * (0.62 + 0.5 * glow)[:, :, None]


def _vertical_gradient(image, top, bottom):
    width, height = image.size
    share = np.linspace(0, 1, height)[:, None, None]
    rows = np.array(top) + (np.array(bottom) - np.array(top)) * share
    image.paste(Image.fromarray(np.broadcast_to(rows, (height, width, 3)).astype(np.uint8)))


def _box(draw, size, left, top, right, bottom, colour):
    width, height = size
    draw.rectangle([left * width, top * height, right * width, bottom * height], fill=tuple(int(c) for c in colour))


def _wall(image, draw, random):
    base = np.array([(196, 190, 178), (170, 184, 190), (186, 176, 190), (178, 190, 170)][random.integers(4)])
    _vertical_gradient(image, base * 1.05, base * 0.82)
    size = image.size
    left = random.uniform(0.04, 0.12)
    _box(draw, size, left, 0.10, left + 0.20, 0.42, (84, 66, 52))
    _box(draw, size, left + 0.012, 0.116, left + 0.188, 0.404, (226, 220, 208))
    _box(draw, size, left + 0.04, 0.16, left + 0.16, 0.36, random.integers(90, 190, 3))
    _box(draw, size, 0.74, 0.62, 1.0, 0.66, (120, 88, 60))
    _box(draw, size, 0.76, 0.66, 0.98, 1.0, (142, 106, 74))
    _box(draw, size, 0.84, 0.44, 0.90, 0.62, (70, 96, 104))
    return 3.0


def _shelf(image, draw, random):
    _vertical_gradient(image, (150, 132, 112), (104, 88, 72))
    size = image.size
    for shelf in range(4):
        bottom = 0.26 + 0.26 * shelf
        x = 0.01
        while x < 0.98:
            thick = random.uniform(0.018, 0.042)
            if random.random() < 0.86:
                tall = random.uniform(0.13, 0.20)
                colour = np.array(
                    [(112, 66, 54), (70, 82, 98), (140, 124, 96), (80, 90, 72), (72, 62, 58), (150, 140, 124)][
                        random.integers(6)
                    ]
                ) * random.uniform(0.8, 1.1)
                _box(draw, size, x, bottom - tall, x + thick, bottom, colour)
            x += thick + 0.003
        _box(draw, size, 0, bottom, 1, bottom + 0.028, (86, 62, 44))
    _box(draw, size, 0.325, 0, 0.345, 1, (78, 56, 40))
    _box(draw, size, 0.665, 0, 0.685, 1, (78, 56, 40))
    return 6.5


def _window(image, draw, random):
    _vertical_gradient(image, (188, 196, 200), (150, 156, 160))
    size = image.size
    width, height = size
    _box(draw, size, 0.10, 0.05, 0.62, 0.66, (238, 240, 238))
    for column in range(2):
        for row in range(2):
            left, top = 0.12 + 0.25 * column, 0.08 + 0.285 * row
            _box(draw, size, left, top, left + 0.23, top + 0.265, (188, 208, 226) if row == 0 else (150, 178, 150))
    for _ in range(50):
        x, y, r = random.uniform(0.12, 0.60), random.uniform(0.30, 0.62), random.uniform(0.008, 0.03)
        green = tuple(int(c) for c in np.array([104, 140, 92]) * random.uniform(0.7, 1.3))
        draw.ellipse([(x - r) * width, (y - r) * height, (x + r) * width, (y + r) * height], fill=green)
    _box(draw, size, 0.355, 0.05, 0.37, 0.66, (236, 238, 238))
    for fold in range(12):
        left = 0.66 + 0.03 * fold
        _box(draw, size, left, 0.0, left + 0.03, 1.0, np.array([172, 150, 128]) * (0.86 + 0.22 * (fold % 2)))
    _box(draw, size, 0.0, 0.80, 0.62, 1.0, (146, 124, 104))
    return 5.5


def _bokeh(image, draw, random):
    _vertical_gradient(image, (34, 38, 54), (58, 48, 46))
    width, height = image.size
    for _ in range(46):
        x, y, r = random.uniform(0, 1) * width, random.uniform(0, 0.75) * height, random.uniform(0.012, 0.040) * width
        colour = np.array([(255, 190, 110), (255, 226, 170), (150, 190, 255), (255, 140, 110)][random.integers(4)])
        shade = tuple(int(c) for c in colour * random.uniform(0.25, 0.75))
        draw.ellipse([x - r, y - r, x + r, y + r], fill=shade)
    return 3.0


def _kitchen(image, draw, random):
    _vertical_gradient(image, (206, 204, 196), (186, 182, 172))
    size = image.size
    for column in range(4):
        left = 0.005 + 0.25 * column
        _box(draw, size, left, 0.0, left + 0.24, 0.30, (96, 124, 126))
        _box(draw, size, left + 0.015, 0.02, left + 0.225, 0.28, (108, 138, 140))
        _box(draw, size, left + 0.10, 0.262, left + 0.14, 0.270, (210, 206, 196))
    for row in range(4):
        for column in range(13):
            shade = np.array([214, 212, 204]) * random.uniform(0.94, 1.03)
            left = column * 0.08 - (row % 2) * 0.04
            _box(draw, size, left + 0.002, 0.31 + row * 0.08, left + 0.078, 0.385 + row * 0.08, np.minimum(shade, 255))
    _box(draw, size, 0, 0.63, 1, 0.68, (152, 116, 82))
    _box(draw, size, 0, 0.68, 1, 1, (92, 118, 120))
    _box(draw, size, 0.06, 0.50, 0.12, 0.63, (176, 70, 54))
    _box(draw, size, 0.80, 0.42, 0.93, 0.63, (196, 196, 198))
    return 4.0


def _office(image, draw, random):
    _vertical_gradient(image, (204, 208, 212), (168, 172, 178))
    size = image.size
    width, height = size
    _box(draw, size, 0.05, 0.12, 0.40, 0.46, (228, 230, 230))
    for line in range(5):
        _box(draw, size, 0.08, 0.17 + 0.05 * line, 0.16 + random.uniform(0, 0.2), 0.178 + 0.05 * line, (120, 130, 150))
    _box(draw, size, 0.0, 0.76, 1.0, 0.80, (150, 122, 92))
    _box(draw, size, 0.70, 0.46, 0.96, 0.72, (46, 50, 56))
    _box(draw, size, 0.715, 0.475, 0.945, 0.69, (96, 124, 150))
    _box(draw, size, 0.81, 0.72, 0.85, 0.765, (56, 60, 66))
    for leaf in np.linspace(-1.2, 1.2, 11):
        top = (0.56 + 0.10 * leaf) * width, (0.40 + 0.08 * leaf * leaf) * height
        draw.line([0.56 * width, 0.64 * height, *top], fill=(70, 112, 66), width=int(0.014 * width))
    _box(draw, size, 0.53, 0.63, 0.59, 0.76, (176, 110, 80))
    return 3.2


PAINTERS = {
    "wall": _wall, "shelf": _shelf, "window": _window, "bokeh": _bokeh, "kitchen": _kitchen, "office": _office,
}

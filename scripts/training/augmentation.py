"""Random changes of the crops while training: the paper's, and stronger ones for networks that shall carry further.

The paper's: gamma, translation in both axes, a crop that keeps eyes, nose and mouth, mirroring. `strong` adds what real
cameras and rooms do and the training pictures may lack: turning, contrast, light from a side, blur,
noise, covered parts.
"""

import dataclasses

import numpy
import tensorflow

# The part of a levelled crop that eyes, nose and mouth lie in, as shares of its side: left, top, right, bottom.
# (The eyes are levelled to .311 and .673 of the width, .317 of the height.)
KEPT = (0.20, 0.22, 0.80, 0.88)


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Ranges; numbers are drawn evenly between them, a fresh set per picture and epoch."""

    gamma: tuple = (0.6, 1.67)  # drawn evenly by its logarithm
    shift: float = 0.07  # of the side, at most, in either direction of both axes
    smallest_crop: float = 0.86  # of the side
    mirror: float = 0.5  # probability
    turn: float = 0.0  # degrees, at most
    contrast: float = 0.0  # 1 plus or minus at most this, about the mean
    side_light: float = 0.0  # brightness from one edge to the other, at most, as a summand
    blur: float = 0.0  # share of pictures
    noise: float = 0.0  # standard deviation, at most
    cover: float = 0.0  # share of pictures with one rectangle covered


PAPER = Augmentation()
STRONG = Augmentation(
    gamma=(0.5, 2.0),
    shift=0.1,
    smallest_crop=0.82,
    turn=10.0,
    contrast=0.4,
    side_light=0.25,
    blur=0.4,
    noise=0.06,
    cover=0.3,
)
BY_NAME = {"paper": PAPER, "strong": STRONG}


def windows(augmentation, count, generator):
    """Random crops as (left, top, side), shares of the crop's side, shape (count, 3); each contains KEPT."""
    left, top, right, bottom = KEPT
    side = generator.uniform(augmentation.smallest_crop, 1.0, count)
    middle = 0.5 + generator.uniform(-augmentation.shift, augmentation.shift, (count, 2))
    corner = middle - side[:, None] / 2
    low = numpy.array([right, bottom]) - side[:, None]
    return numpy.column_stack([numpy.clip(corner, low, [left, top]), side])


def augment(faces, augmentation, generator):
    """Grey bytes (count, side, side) -> float (count, side, side, 3) from 0 to 1, changed as `generator` decides."""
    count, side = faces.shape[:2]
    transforms = _transforms(augmentation, count, side, generator)
    low, high = numpy.log(augmentation.gamma)
    gamma = numpy.exp(generator.uniform(low, high, count))
    contrast = 1 + generator.uniform(-augmentation.contrast, augmentation.contrast, count)
    light = generator.uniform(-augmentation.side_light, augmentation.side_light, (count, 2))
    blur = generator.uniform(0, 1, count) * (generator.random(count) < augmentation.blur)
    noise = generator.uniform(0, augmentation.noise, count)
    covers = _covers(augmentation, count, generator)
    seed = generator.integers(0, 2**31, 2)
    per_picture = numpy.column_stack([gamma, contrast, light, blur, noise, covers]).astype(numpy.float32)
    is_plain = augmentation == PAPER
    return _apply(faces, transforms.astype(numpy.float32), per_picture, seed.astype(numpy.int32), is_plain)


def plain(faces):
    """Grey bytes (count, side, side) -> float (count, side, side, 3) from 0 to 1, as at run time."""
    return numpy.repeat(faces[..., None].astype(numpy.float32) / 255, 3, axis=-1)


def _transforms(augmentation, count, side, generator):
    """Eight numbers per picture: where each pixel of the result is taken from (crop, mirror, turn in one go)."""
    left, top, share = windows(augmentation, count, generator).T
    angle = numpy.radians(generator.uniform(-augmentation.turn, augmentation.turn, count))
    sign = numpy.where(generator.random(count) < augmentation.mirror, -1.0, 1.0)
    middle = (side - 1) / 2
    centre_x = (left + share / 2) * side - 0.5
    centre_y = (top + share / 2) * side - 0.5
    cos, sin = share * numpy.cos(angle), share * numpy.sin(angle)
    # source = centre + share * turn * mirror * (pixel - middle)
    a, b, d, e = cos * sign, -sin, sin * sign, cos
    c = centre_x - a * middle - b * middle
    f = centre_y - d * middle - e * middle
    return numpy.column_stack([a, b, c, d, e, f, 0 * a, 0 * a])


def _covers(augmentation, count, generator):
    """One rectangle per picture: (left, top, right, bottom, grey), shares of the side; empty for none."""
    size = generator.uniform(0.1, 0.35, (count, 2)) * (generator.random((count, 1)) < augmentation.cover)
    corner = generator.uniform(0, 1, (count, 2)) * (1 - size)
    return numpy.column_stack([corner, corner + size, generator.uniform(0, 1, count)])


def _box_mean(pictures):
    """The mean of 5 x 5 pixels, by sums of shifted copies: faster than pooling where there is one channel."""
    padded = tensorflow.pad(pictures, [[0, 0], [2, 2], [2, 2], [0, 0]], "SYMMETRIC")
    rows = padded[:, :-4] + padded[:, 1:-3] + padded[:, 2:-2] + padded[:, 3:-1] + padded[:, 4:]
    both = rows[:, :, :-4] + rows[:, :, 1:-3] + rows[:, :, 2:-2] + rows[:, :, 3:-1] + rows[:, :, 4:]
    return both / 25


@tensorflow.function(reduce_retracing=True)
def _apply(faces, transforms, per_picture, seed, is_plain):
    side = tensorflow.shape(faces)[1]
    pictures = tensorflow.cast(faces, tensorflow.float32)[..., None] / 255
    pictures = tensorflow.raw_ops.ImageProjectiveTransformV3(
        images=pictures,
        transforms=transforms,
        output_shape=[side, side],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    columns = tensorflow.unstack(per_picture[:, :, None, None, None], axis=1)
    gamma, contrast, light_x, light_y, blur, noise, left, top, right, bottom, grey = columns
    # As exponential and logarithm: nine times faster than `pow` here.
    pictures = tensorflow.exp(gamma * tensorflow.math.log(tensorflow.maximum(pictures, 1e-6)))
    if not is_plain:
        line = tensorflow.linspace(0.0, 1.0, side)
        x, y = line[None, None, :, None], line[None, :, None, None]
        mean = tensorflow.reduce_mean(pictures, axis=[1, 2, 3], keepdims=True)
        pictures = mean + contrast * (pictures - mean) + light_x * (x - 0.5) + light_y * (y - 0.5)
        pictures += blur * (_box_mean(_box_mean(pictures)) - pictures)
        pictures += noise * tensorflow.random.stateless_normal(tensorflow.shape(pictures), seed)
        covered = tensorflow.logical_and(
            tensorflow.logical_and(x >= left, x < right), tensorflow.logical_and(y >= top, y < bottom)
        )
        pictures = tensorflow.where(covered, grey, pictures)
        pictures = tensorflow.clip_by_value(pictures, 0.0, 1.0)
    return tensorflow.tile(pictures, [1, 1, 1, 3])

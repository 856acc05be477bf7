"""Progressive resizing: most of the training on pictures of half the side, at a quarter of the cost.

As EfficientNetV2 is trained (Tan & Le 2021: progressive learning), and as there with weaker regularisation for the
small pictures: dropout rests. Each part has a learning-rate schedule of its own. Convolutions do not know how large
their picture is, so their weights carry over as they are. A dense layer that follows a flattened map has a weight for
each of the map's cells: every cell becomes 2 x 2, each with a quarter of the weight, so that the layer's sum stays.
"""

import keras
import numpy

from errors import Failure


def halve(faces):
    """Grey bytes (count, side, side), side even -> (count, side / 2, side / 2), each the mean of four pixels."""
    count, side = faces.shape[:2]
    half = numpy.empty((count, side // 2, side // 2), numpy.uint8)
    for index, face in enumerate(faces):  # one by one: sums of all at once would take eight times the memory
        sums = face.reshape(side // 2, 2, side // 2, 2).sum(axis=(1, 3), dtype=numpy.uint16)
        half[index] = (sums + 2) // 4
    return half


def grow(small, large):
    """Gives `large` the weights of `small`, the same network of half the side."""
    flat = [layer.input.shape[1:] for layer in small.layers if isinstance(layer, keras.layers.Flatten)]
    cells = tuple(flat[0]) if flat else None
    for theirs, ours in zip(small.weights, large.weights):
        ours.assign(_grown(theirs.numpy(), ours.shape, cells))


def _grown(value, shape, cells):
    if value.shape == tuple(shape):
        return value
    if cells is None or value.ndim != 2 or shape[0] != 4 * value.shape[0]:
        raise Failure(
            f"this network cannot start with pictures of half the side: a layer of {value.shape} would become "
            f"{tuple(shape)}: leave --half-size-epochs out"
        )
    height, width, channels = cells
    doubled = value.reshape(height, width, channels, -1).repeat(2, axis=0).repeat(2, axis=1)
    return 0.25 * doubled.reshape(tuple(shape))

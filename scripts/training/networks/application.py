"""What the eight networks that are Keras applications share: how their layers nest."""

import keras
from keras import layers

from errors import Failure

SIDE = 224


def build(application, classes, weights, scaling=None, side=SIDE, **options):
    """Sequential(Input, application, global average pooling, Dense), the nesting of the paper's authors.

    `weights` is None (random) or "imagenet". `scaling` is a layer without weights that takes the input's range of 0 to
    1 to the one the application's ImageNet weights know.
    """
    shape = (side, side, 3)
    try:
        base = application(include_top=False, weights=weights, input_shape=shape, **options)
    except Exception as error:  # Keras raises a bare Exception where a download fails
        if weights is None:
            raise
        raise Failure(
            f"the ImageNet weights of {application.__name__} could not be fetched ({error}): "
            "connect this machine to the internet once, put the file into ~/.keras/models by hand, "
            "or train from the start with --weights none"
        ) from None
    before = [] if scaling is None else [scaling]
    return keras.Sequential(
        [
            keras.Input(shape),
            *before,
            base,
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ]
    )

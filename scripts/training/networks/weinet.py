"""WeiNet: three wide convolutions, the smallest input of the twelve."""

import keras
from keras import layers

SIDE = 64


def build(classes, weights=None, built_in_scaling=False, side=SIDE):
    """1.7 M parameters, nine tenths of them in the last layer: pooling has stride 1, so the picture stays 64 x 64."""
    convolution = {"padding": "same", "activation": "relu"}
    pooling = {"pool_size": 2, "strides": 1, "padding": "same"}
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Conv2D(32, 7, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Conv2D(32, 7, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Conv2D(64, 7, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ]
    )

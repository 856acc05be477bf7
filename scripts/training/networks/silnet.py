"""SilNet: the largest network of the twelve, by its first dense layer."""

import keras
from keras import layers

SIDE = 150


def build(classes, weights=None, built_in_scaling=False, side=SIDE):
    """184.9 M parameters, 184.3 M of them in the first dense layer: only one pooling layer has stride 2."""
    glorot = {"kernel_initializer": "glorot_normal"}
    convolution = {"padding": "same", "activation": "relu", **glorot}
    pooling = {"pool_size": 2, "padding": "same"}
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Conv2D(32, 11, **convolution),
            layers.MaxPooling2D(strides=2, **pooling),
            layers.Conv2D(32, 7, **convolution),
            layers.Conv2D(32, 7, **convolution),
            layers.MaxPooling2D(strides=1, **pooling),
            layers.Conv2D(64, 5, **convolution),
            layers.Conv2D(64, 5, **convolution),
            layers.MaxPooling2D(strides=1, **pooling),
            layers.Flatten(),
            layers.Dense(512, activation="relu", **glorot),
            layers.Dropout(0.5),
            layers.Dense(512, activation="relu", **glorot),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ]
    )

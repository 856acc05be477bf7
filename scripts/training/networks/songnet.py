"""SongNet: four convolutions and one dense layer, the smallest network of the twelve."""

import keras
from keras import layers

SIDE = 224


def build(classes, weights=None, built_in_scaling=False, side=SIDE):
    """172.7 K parameters."""
    convolution = {"padding": "same", "activation": "relu"}
    pooling = {"pool_size": 3, "strides": 2, "padding": "same"}
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Conv2D(64, 5, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Conv2D(64, 5, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Conv2D(32, 3, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Dropout(0.5),
            layers.Conv2D(32, 3, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ]
    )

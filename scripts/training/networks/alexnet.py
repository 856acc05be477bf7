"""AlexNet (Krizhevsky et al. 2012) in the paper's form: no local response normalisation, three layers of 4096."""

import keras
from keras import layers

SIDE = 224


def build(classes, weights=None, built_in_scaling=False, side=SIDE):
    """88.7 M parameters. All padding is "same": else the first dense layer would be smaller than Table 1 says."""
    convolution = {"padding": "same", "activation": "relu"}
    pooling = {"pool_size": 3, "strides": 2, "padding": "same"}
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Conv2D(96, 11, strides=4, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Conv2D(256, 5, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Conv2D(384, 3, **convolution),
            layers.Conv2D(384, 3, **convolution),
            layers.Conv2D(256, 3, **convolution),
            layers.MaxPooling2D(**pooling),
            layers.Flatten(),
            layers.Dense(4096, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(4096, activation="relu"),
            layers.Dense(4096, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ]
    )

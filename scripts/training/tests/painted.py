"""Painted pictures that a network can learn in a moment, and random weights that show faults of an export."""

import keras
import numpy

import training

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")


def faces(labels, side, seed=0):
    """Grey bytes (n, side, side): noise, with a bar whose height in the picture tells the class."""
    generator = numpy.random.default_rng(seed)
    pictures = generator.integers(90, 160, (len(labels), side, side), numpy.uint8)
    for picture, label in zip(pictures, labels):
        top = side * (2 + label * 2) // 16
        picture[top : top + side // 8, side // 5 : -side // 5] = 255 * (label % 2)
    return pictures


def shake(network, seed=0):
    """Gives batch normalisation random statistics, without which folding it would be no test."""
    generator = numpy.random.default_rng(seed)
    for layer in training.layers_of(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.moving_mean.shape[0]
            layer.moving_mean.assign(generator.normal(0, 0.1, count))
            layer.moving_variance.assign(generator.uniform(0.8, 1.2, count))
            layer.beta.assign(generator.normal(0, 0.1, count))
            if layer.scale:
                layer.gamma.assign(generator.uniform(0.8, 1.2, count))

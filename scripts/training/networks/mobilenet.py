"""MobileNetV3-Large (Howard et al. 2019)."""

import keras
from keras import layers

from networks import application


def build(classes, weights=None, built_in_scaling=False, side=application.SIDE):
    """3.0 M parameters.

    Keras builds a layer into this network that takes bytes (0 to 255) to -1..1. Fed with the paper's 0..1 it gives
    -1..-0.99, a nearly constant picture, so we leave it out and take 0..1 to -1..1 ourselves, where the ImageNet
    weights are at home. `built_in_scaling` keeps Keras' layer: the paper's authors did, so their weights need it.
    """
    scaling = None if built_in_scaling else layers.Rescaling(2.0, offset=-1.0)
    network = keras.applications.MobileNetV3Large
    return application.build(network, classes, weights, scaling, side, include_preprocessing=built_in_scaling)

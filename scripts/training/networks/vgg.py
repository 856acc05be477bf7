"""VGG16 and VGG19 (Simonyan & Zisserman 2015)."""

import keras

from networks import application


def build_16(classes, weights=None, built_in_scaling=False, side=application.SIDE):
    """14.7 M parameters."""
    return application.build(keras.applications.VGG16, classes, weights, side=side)


def build_19(classes, weights=None, built_in_scaling=False, side=application.SIDE):
    """20.0 M parameters."""
    return application.build(keras.applications.VGG19, classes, weights, side=side)

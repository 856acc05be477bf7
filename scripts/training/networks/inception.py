"""InceptionV3 (Szegedy et al. 2016)."""

import keras

from networks import application


def build(classes, weights=None, built_in_scaling=False, side=application.SIDE):
    """21.8 M parameters."""
    return application.build(keras.applications.InceptionV3, classes, weights, side=side)

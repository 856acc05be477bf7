"""Xception (Chollet 2017)."""

import keras

from networks import application


def build(classes, weights=None, built_in_scaling=False, side=application.SIDE):
    """20.9 M parameters."""
    return application.build(keras.applications.Xception, classes, weights, side=side)

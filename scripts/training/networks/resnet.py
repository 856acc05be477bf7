"""ResNet50 (He et al. 2016) and ResNet101V2 (He et al. 2016b)."""

import keras

from networks import application


def build_50(classes, weights=None, built_in_scaling=False, side=application.SIDE):
    """23.6 M parameters."""
    return application.build(keras.applications.ResNet50, classes, weights, side=side)


def build_101_v2(classes, weights=None, built_in_scaling=False, side=application.SIDE):
    """42.6 M parameters."""
    return application.build(keras.applications.ResNet101V2, classes, weights, side=side)

"""EfficientNetV2-B0 (Tan & Le 2021)."""

import keras
from keras import layers

from networks import application

# Of ImageNet's pictures with values from 0 to 1, red, green, blue; what the pre-trained weights expect.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def build(classes, weights=None, built_in_scaling=False, side=application.SIDE):
    """5.9 M parameters.

    Keras builds layers into this network that divide bytes by 255 and normalise them. Fed with the paper's 0..1 the
    picture would be divided twice, so we leave them out and normalise 0..1 ourselves. `built_in_scaling` keeps Keras'
    layers: the paper's authors did, so their weights need them.
    """
    scaling = None
    if not built_in_scaling:
        offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION)]
        scaling = layers.Rescaling([1 / deviation for deviation in DEVIATION], offset=offset)
    network = keras.applications.EfficientNetV2B0
    return application.build(network, classes, weights, scaling, side, include_preprocessing=built_in_scaling)

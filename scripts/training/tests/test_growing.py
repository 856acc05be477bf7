import unittest

import keras
import numpy

import growing
from errors import Failure


def network(side, classes=3):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((side, side, 2)),
            layers.Conv2D(4, 1, activation="relu"),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


class Growing(unittest.TestCase):
    def test_halves_are_means_of_four_pixels(self):
        faces = numpy.array([[[0, 1, 255, 255], [1, 1, 255, 255], [9, 9, 0, 0], [9, 9, 0, 2]]], numpy.uint8)
        numpy.testing.assert_array_equal(growing.halve(faces), [[[1, 255], [9, 1]]])

    def test_the_grown_network_answers_alike(self):
        small, large = network(4), network(8)
        pictures = numpy.random.default_rng(0).normal(size=(6, 4, 4, 2)).astype(numpy.float32)
        growing.grow(small, large)
        # Each pixel twice in both directions: what a picture of twice the side would be without new detail.
        doubled = pictures.repeat(2, axis=1).repeat(2, axis=2)
        numpy.testing.assert_allclose(large(doubled), small(pictures), atol=1e-6)
        self.assertGreater(numpy.ptp(small(pictures)), 0.1)

    def test_dense_layers_that_do_not_double_are_refused(self):
        with self.assertRaisesRegex(Failure, "cannot start with pictures of half the side"):
            growing.grow(network(4), network(7))

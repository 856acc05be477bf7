import unittest
from unittest import mock

import keras
import numpy
from keras import layers

import fused_batch_normalisation


class FusedBatchNormalisation(unittest.TestCase):
    def train(self, call, policy):
        """What a few steps make of a network with both kinds of the layer: loss, all weights, answers."""
        keras.utils.set_random_seed(3)
        generator = numpy.random.default_rng(0)
        pictures = generator.normal(2, 3, (6, 9, 9, 4)).astype(numpy.float32)
        targets = numpy.eye(3, dtype=numpy.float32)[generator.integers(0, 3, 6)]
        with mock.patch.object(layers.BatchNormalization, "call", call):
            keras.config.set_dtype_policy(policy)
            try:
                frozen = layers.BatchNormalization(momentum=0.9, epsilon=0.1)
                frozen.trainable = False
                network = keras.Sequential(
                    [
                        keras.Input((9, 9, 4)),
                        layers.BatchNormalization(momentum=0.9),
                        frozen,
                        layers.Conv2D(5, 3),
                        layers.BatchNormalization(momentum=0.9, scale=False, epsilon=0.01),
                        layers.GlobalAveragePooling2D(),
                        layers.Dense(3, activation="softmax", dtype="float32"),
                    ]
                )
            finally:
                keras.config.set_dtype_policy("float32")
            network.compile(optimizer=keras.optimizers.SGD(0.1), loss="categorical_crossentropy")
            losses = [float(network.train_on_batch(pictures, targets)) for _ in range(5)]
            return losses, network.get_weights(), numpy.asarray(network(pictures, training=False))

    def test_one_operator_trains_as_the_small_ones(self):
        plain, fused = fused_batch_normalisation._plain_call, fused_batch_normalisation._call
        for policy in ("float32", "mixed_bfloat16"):
            with self.subTest(policy):
                expected, found = self.train(plain, policy), self.train(fused, policy)
                # A bfloat16 has eight bits.
                near = {"atol": 1e-5 if policy == "float32" else 0.01}
                numpy.testing.assert_allclose(found[0], expected[0], **near)
                self.assertLess(found[0][-1], found[0][0])
                for ours, theirs in zip(found[1], expected[1]):
                    numpy.testing.assert_allclose(ours, theirs, **near)
                numpy.testing.assert_allclose(found[2], expected[2], **near)

import unittest

import keras
import numpy

import training

RATE = 0.01


class CosineSchedule(unittest.TestCase):
    def test_it_lasts_as_long_as_training_whatever_the_micro_batch(self):
        for micro_batch in (8, 2):
            settings = {
                "batch": 8, "micro_batch": micro_batch, "learning_rate": RATE, "schedule": "cosine",
                "optimiser": "adam", "label_smoothing": 0.0,
            }  # fmt: skip
            network = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, activation="softmax")])
            training.compile_network(network, settings, epochs=4, updates_per_epoch=5)
            rates = []
            for _ in range(20):
                for _ in range(8 // micro_batch):
                    network.train_on_batch(numpy.zeros((micro_batch, 2)), numpy.eye(2)[[0] * micro_batch])
                rates.append(float(network.optimizer.learning_rate))
            self.assertAlmostEqual(max(rates), RATE, delta=0.02 * RATE)
            self.assertTrue(0.4 * RATE < rates[10] < 0.7 * RATE, rates)
            self.assertLess(rates[-1], 0.02 * RATE)


if __name__ == "__main__":
    unittest.main()

import unittest

import keras

import networks
import training


class He(unittest.TestCase):
    def test_hidden_layers_are_drawn_from_hes_limits_and_the_last_is_kerass_own(self):
        settings = {
            "seed": 0, "fold": 1, "classes": ("a",) * 7, "weights": "none", "precision": "float32", "dropout": None,
            "initialisation": "he",
        }  # fmt: skip
        network = training.build(networks.find("alexnet"), settings, 32)
        weighted = [layer for layer in network.layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))]
        self.assertEqual(len(weighted), 9)
        for layer in weighted:
            kernel = layer.kernel.numpy()
            inputs = kernel[..., 0].size
            outputs = 7 if layer is weighted[-1] else 0
            limit = (6 / (inputs + outputs)) ** 0.5
            self.assertLessEqual(abs(kernel).max(), limit * 1.0001, layer.name)
            self.assertGreater(abs(kernel).max(), limit * 0.9995, layer.name)


if __name__ == "__main__":
    unittest.main()

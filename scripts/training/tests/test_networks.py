import unittest

import keras

import expressions
import networks
from errors import Failure


def printed(count):
    """As the paper's Table 1 prints parameter counts: three digits and more, thousands or millions."""
    if count < 1e6:
        return f"{count / 1e3:.1f} K"
    return f"{count / 1e6:.1f}".removesuffix(".0") + " M"


class Networks(unittest.TestCase):
    def test_parameter_counts_equal_table_1(self):
        for architecture in networks.ARCHITECTURES.values():
            with self.subTest(architecture.name):
                keras.backend.clear_session()
                network = architecture.build(6)
                self.assertEqual(printed(network.count_params()), architecture.parameters)
                self.assertEqual(network.input_shape, (None, architecture.side, architecture.side, 3))
                self.assertEqual(network.output_shape, (None, 6))

    def test_there_are_twelve(self):
        self.assertEqual(len(networks.find_all("all")), 12)

    def test_names(self):
        self.assertEqual(networks.find("MobileNetV3Large").name, "mobilenetv3")
        self.assertEqual([found.name for found in networks.find_all("songnet, WeiNet,songnet")], ["songnet", "weinet"])
        with self.assertRaisesRegex(Failure, "no network is named `lenet`: there are alexnet"):
            networks.find("lenet")

    def test_six_classes_are_the_papers(self):
        self.assertEqual(expressions.classes(6), ("anger", "disgust", "fear", "happiness", "sadness", "surprise"))
        self.assertEqual(expressions.classes(7)[6], "neutral")

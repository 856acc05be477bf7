"""All twelve networks with random weights -> ONNX -> both int8 forms -> onnxruntime, tract, one explanation each.

Twenty minutes and 4 GB.
"""

import pathlib
import tempfile
import unittest

import keras
import numpy

import export
import ferscope
import in_tract
import networks
import quantise
from tests import painted

# A painted head, alone in its picture.
FACE = ferscope.ROOT / "calib" / "faces" / "painted-0002-happiness.jpg"


class AllNetworks(unittest.TestCase):
    def test_every_form_of_every_network(self):
        program = ferscope.find()
        for architecture in networks.ARCHITECTURES.values():
            for_tract = "no ferscope found: not run in tract"
            with self.subTest(architecture.name), tempfile.TemporaryDirectory() as work:
                keras.backend.clear_session()
                keras.utils.set_random_seed(0)
                network = architecture.build(6)
                painted.shake(network)
                folder = pathlib.Path(work)
                path, difference = export.export(network, architecture.name, folder, painted.CLASSES)
                del network
                forms = {"float": path, "weights": folder / "weights.onnx", "integers": folder / "integers.onnx"}
                forms["weights"].write_bytes(quantise.weights_only(export.load(path)).SerializeToString())
                pictures = export.check_pictures(architecture.side, 8)
                quantise.integers(path, forms["integers"], pictures)
                expected = export.Runner(path).probabilities(pictures)
                sizes, changes = [], []
                for name, form in forms.items():
                    changes.append(float(numpy.abs(export.Runner(form).probabilities(pictures) - expected).max()))
                    sizes.append(form.stat().st_size)
                    if name != "float":
                        tolerance = export.TOLERANCE if name == "weights" else export.INTEGER_TOLERANCE
                        export.describe(form, painted.CLASSES, architecture.side, tolerance)
                self.assertLess(sizes[1], 0.3 * sizes[0])
                if program is not None:
                    found = [in_tract.largest_difference(form, architecture.side, program) for form in forms.values()]
                    for_tract = "tract to onnxruntime " + " ".join(f"{value:.1g}" for value in found)
                    self.assertLessEqual(max(found[:2]), export.LARGEST_DIFFERENCE)
                    self.assertLessEqual(found[2], export.INTEGER_TOLERANCE)
                    explained = in_tract.explain(forms["weights"], [FACE], program, samples=20)
                    ((_, relevance, _),) = explained.values()
                    self.assertGreater(numpy.abs(relevance).max(), 0)
                    self.assertTrue(numpy.isfinite(relevance).all())
                    for_tract += ", explained"
                megabytes = " ".join(f"{size / 1e6:.2f}" for size in sizes)
                print(
                    f"{architecture.name}: onnxruntime to Keras {difference:.1g}; {for_tract}; "
                    f"int8 to float {changes[1]:.1g} {changes[2]:.1g}; MB {megabytes}",
                    flush=True,
                )

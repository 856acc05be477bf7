import contextlib
import io
import pathlib
import tempfile
import unittest

import h5py
import keras
import numpy

import augmentation
import export
import ferscope
import import_paper_weights
import networks
import weights
from errors import Failure
from tests import keras2_files, painted


class Weights(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.root = pathlib.Path(work.name)

    def network(self, name, classes=6):
        keras.utils.set_random_seed(len(name))
        network = networks.find(name).build(classes, built_in_scaling=True)
        painted.shake(network)
        return network

    def test_both_layouts_of_keras_2_give_the_same_answers(self):
        for name in ("WeiNet", "SongNet", "MobileNetV3Large", "InceptionV3"):
            network = self.network(name)
            pictures = augmentation.plain(export.check_pictures(network.input_shape[1])[:1])
            expected = numpy.asarray(network(pictures))
            for save in (keras2_files.save_nested, keras2_files.save_flat):
                with self.subTest(name, layout=save.__name__):
                    save(network, self.root / "weights.h5")
                    fresh = networks.find(name).build(6, built_in_scaling=True)
                    self.assertFalse(numpy.allclose(numpy.asarray(fresh(pictures)), expected, atol=1e-5))
                    weights.load(fresh, self.root / "weights.h5", name)
                    self.assertLess(numpy.abs(numpy.asarray(fresh(pictures)) - expected).max(), 1e-6)

    def test_another_network(self):
        keras2_files.save_nested(self.network("SongNet"), self.root / "w.h5")
        with self.assertRaisesRegex(
            Failure, "w.h5: holds 10 weights in 5 layers, WeiNet has 8: is it the file of another"
        ):
            weights.load(self.network("WeiNet"), self.root / "w.h5", "WeiNet")

    def test_another_number_of_classes(self):
        keras2_files.save_nested(self.network("WeiNet", 7), self.root / "w.h5")
        with self.assertRaisesRegex(
            Failure, "has the shape 262144 x 7, WeiNet has 262144 x 6 there .*number of classes"
        ):
            weights.load(self.network("WeiNet"), self.root / "w.h5", "WeiNet")

    def test_files_that_are_no_weights(self):
        (self.root / "text.h5").write_text("no HDF5")
        with self.assertRaisesRegex(Failure, "text.h5: is no readable HDF5 file"):
            weights.load(self.network("WeiNet"), self.root / "text.h5", "WeiNet")
        h5py.File(self.root / "empty.h5", "w").close()
        with self.assertRaisesRegex(Failure, "empty.h5: is HDF5 but no Keras weights file"):
            weights.load(self.network("WeiNet"), self.root / "empty.h5", "WeiNet")

    def test_import_goes_on_after_a_bad_file(self):
        keras2_files.save_nested(self.network("WeiNet"), self.root / "WeiNet_CV1_weights.h5")
        keras2_files.save_nested(self.network("SongNet"), self.root / "AlexNet_CV2_weights.h5")
        keras2_files.save_nested(self.network("SongNet"), self.root / "LeNet_CV1_weights.h5")
        told, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(said):
            code = import_paper_weights.main([str(self.root), "--out", str(self.root / "out")])
        self.assertEqual(code, 1)
        is_run = ferscope.find() is not None
        self.assertEqual("between onnxruntime and tract" in said.getvalue(), is_run)
        self.assertEqual("no network is run in it" in told.getvalue(), not is_run)
        self.assertIn("`LeNet` is none of the paper's networks", told.getvalue())
        self.assertIn("AlexNet_CV2_weights.h5: holds 10 weights", told.getvalue())
        self.assertTrue((self.root / "out" / "weinet-6-fold-1.toml").exists())
        self.assertFalse((self.root / "out" / "alexnet-6-fold-2.onnx").exists())

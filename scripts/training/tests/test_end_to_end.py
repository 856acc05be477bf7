import contextlib
import csv
import io
import json
import pathlib
import tempfile
import types
import unittest
from unittest import mock

import numpy

import augmentation
import crops
import export
import ferscope
import folds
import networks
import quantise
import runs
import training
from data import Sample
from errors import Failure
from tests import painted

PEOPLE, FOLD = 10, 1


class EndToEnd(unittest.TestCase):
    """Painted pictures -> training -> ONNX -> onnxruntime, and tract where ferscope is built (scripts/test sees to it)."""

    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.root = pathlib.Path(work.name)
        classes = painted.CLASSES
        self.samples = [
            Sample(pathlib.Path("x"), f"person {p}", name, "bar") for p in range(PEOPLE) for name in classes
        ]
        self.fold_by_subject = folds.fold_of_subjects([sample.subject for sample in self.samples])
        self.settings = {
            "classes": list(classes), "weights": "none", "epochs": 1, "half_size_epochs": 0, "dropout": None,
            "initialisation": "he",
            "optimiser": "adam", "learning_rate": 1e-3, "whole_size_learning_rate": None,
            "schedule": "constant", "batch": 16, "micro_batch": 8, "augmentation": "paper", "gentle_epochs": 0, "precision": "float32",
            "label_smoothing": 0.0,
            "seed": 0, "fold_count": 5, "hold_out_families": "none",
        }  # fmt: skip
        self.options = types.SimpleNamespace(
            out=str(self.root),
            evaluate_on=[],
            groups=None,
            quantise=False,
            calibration=None,
            ferscope=None,
            compare_heatmaps=0,
        )

    def train(self, name, fold=FOLD, **changes):
        architecture = networks.find(name)
        labels = [painted.CLASSES.index(sample.expression) for sample in self.samples]
        faces = painted.faces(labels, architecture.side)
        with (
            mock.patch.object(crops, "load", return_value=(faces, numpy.arange(len(faces)))),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            settings = {**self.settings, **changes}
            samples, program = self.samples, ferscope.find()
            runs.train_network(architecture, settings, samples, [fold], self.fold_by_subject, self.options, program)
        return self.root / f"{name}-6" / f"fold-{fold}"

    def check(self, folder, name):
        report = json.loads((folder / "export.json").read_text())
        self.assertLessEqual(report["onnxruntime_to_keras"], 1e-4)
        if ferscope.find() is not None:
            self.assertLessEqual(report["tract_to_onnxruntime"], 1e-4)
        for file in ("result.json", "confusion.png", "network.keras", f"{name}-6-fold-1.toml", f"{name}-6-fold-1.md"):
            self.assertTrue((folder / file).exists(), file)
        self.assertFalse((folder / "state").exists())
        with open(folder.parent / "faces.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), len(self.samples))
        people = {row["subject"] for row in rows if row["fold"] == str(FOLD)}
        self.assertEqual(len(people), PEOPLE // 5, "those it was not trained on")

    def test_songnet_on_small_pictures_first(self):
        folder = self.train("songnet", precision="bfloat16", epochs=2, half_size_epochs=1)
        self.check(folder, "songnet")
        path = folder / "songnet-6-fold-1.onnx"
        self.assertEqual(json.loads((folder / "result.json").read_text())["test"]["pictures"], PEOPLE // 5 * 6)
        # The same as what is exported, from a quarter of the bytes.
        small = path.with_name("small.onnx")
        small.write_bytes(quantise.weights_only(export.load(path)).SerializeToString())
        self.assertLess(small.stat().st_size, 0.3 * path.stat().st_size)
        pictures = export.check_pictures(224)
        difference = export.Runner(path).probabilities(pictures) - export.Runner(small).probabilities(pictures)
        self.assertLess(numpy.abs(difference).max(), 0.02)

    def test_a_network_that_cannot_grow_is_refused_before_it_is_trained(self):
        with mock.patch.object(training, "_train_epoch") as counted:
            with self.assertRaisesRegex(Failure, "cannot start with pictures of half the side"):
                self.train("alexnet", epochs=2, half_size_epochs=1)
        counted.assert_not_called()

    def test_gentle_epochs_come_first(self):
        seen = []

        def watched(network, settings, faces, labels, training_set, generator, changes, *rest):
            seen.append(changes)
            return epoch(network, settings, faces, labels, training_set, generator, changes, *rest)

        epoch = training._train_epoch
        with mock.patch.object(training, "_train_epoch", watched):
            folder = self.train("weinet", epochs=2, gentle_epochs=1, augmentation="strong")
        self.assertEqual(seen, [augmentation.PAPER, augmentation.STRONG])
        card = (folder / "weinet-6-fold-1.md").read_text()
        self.assertIn("augmentation `strong` after 1 epoch with `paper`", card)

    def test_weinet_is_interrupted_and_goes_on(self):
        epoch = training._train_epoch
        epochs = []

        def interrupted(*arguments):
            if len(epochs) == 2:
                raise KeyboardInterrupt
            epochs.append(arguments)
            return epoch(*arguments)

        with mock.patch.object(training, "_train_epoch", interrupted), self.assertRaises(KeyboardInterrupt):
            self.train("weinet", epochs=3)
        folder = self.root / "weinet-6" / f"fold-{FOLD}"
        self.assertTrue((folder / "state" / "network.keras").exists())
        with mock.patch.object(training, "_train_epoch", side_effect=epoch) as counted:
            self.train("weinet", epochs=3)
            self.assertEqual(counted.call_count, 1)
            self.train("weinet", epochs=3)
            self.assertEqual(counted.call_count, 1, "a finished fold is not trained again")
        self.check(folder, "weinet")
        whole = json.loads((folder / "result.json").read_text())["history"]
        self.assertLess(whole[-1]["loss"], whole[0]["loss"])
        self.train("weinet", fold=2, epochs=3)
        summary = json.loads((folder.parent / "summary.json").read_text())
        self.assertEqual(summary["test"]["folds"], 2, "that of the earlier command too")
        card = (folder.parent / "weinet-6.md").read_text()
        self.assertIn("# weinet-6: 2 of 5 folds", card)
        self.assertIn(f"All folds together, {2 * PEOPLE // 5 * 6} pictures", card)
        with self.assertRaisesRegex(Failure, "holds a run with other settings or other pictures"):
            self.train("weinet", epochs=3, learning_rate=1e-2)
        with self.assertRaisesRegex(Failure, "has learnt people that fold 3 is tested on"):
            self.train("weinet", fold=3, epochs=3, weights=str(folder / "network.keras"))
        table = (folder.parent / "faces.csv").read_text()
        self.fold_by_subject = {subject: fold % 5 + 1 for subject, fold in self.fold_by_subject.items()}
        with self.assertRaisesRegex(Failure, "people divided in another way"):
            self.train("weinet", fold=3, epochs=3)
        self.assertEqual((folder.parent / "faces.csv").read_text(), table)

import contextlib
import io
import json
import pathlib
import re
import shutil
import tempfile
import unittest
from unittest import mock

from PIL import Image

import crops
import data
import ferscope
import main
import ship_network
from errors import Failure

# Painted heads, twelve people with a picture of each of the seven classes.
FACES = ferscope.ROOT / "calib" / "faces"
NAME = re.compile(r"painted-(\d+)-(\w+)\.jpg")


class Command(unittest.TestCase):
    """Pictures in folders -> `scripts/train`, with crops, quantisation and evaluation -> `scripts/ship-network` -> `ferscope`."""

    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.root = pathlib.Path(work.name)

    def people(self, hidden=()):
        """A folder per person with a folder per expression, and a folder per expression with files named after people."""
        for picture in FACES.glob("*.jpg"):
            person, expression = NAME.fullmatch(picture.name).groups()
            for place in (f"people/{person}/{expression}/face.jpg", f"photographs/{expression}/{person}.jpg"):
                (self.root / place).parent.mkdir(parents=True, exist_ok=True)
                (self.root / place).symlink_to(picture)
        for place in hidden:
            (self.root / place).write_bytes(b"what macOS leaves beside a picture")
        return self.root / "people"

    def test_pictures_become_a_network_that_ships(self):
        program = ferscope.find()
        if program is None:
            self.skipTest("no ferscope is built, or named in FERSCOPE")
        people = self.people(hidden=["people/0001/anger/._face.jpg"])
        with open(self.root / "groups.csv", "w") as file:
            file.write("person,side\n" + "".join(f"{n:04},{'left' if n % 2 else 'right'}\n" for n in range(1, 13)))
        told, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(said):
            code = main.main(
                [str(people), "--classes", "7", "--folds", "2", "--epochs", "1", "--optimiser", "adam", "--batch", "16",
                 "--evaluate-on", str(self.root / "photographs"), "--groups", str(self.root / "groups.csv"),
                 "--quantise", "--calibration", str(people), "--compare-heatmaps", "1", "--seed", "20261126",
                 "--out", str(self.root / "runs")]
            )  # fmt: skip
        self.assertEqual(code, 0)
        self.assertIn("84 pictures of 12 people: anger 12,", said.getvalue())
        folder = self.root / "runs" / "weinet-7" / "fold-2"
        export = json.loads((folder / "export.json").read_text())
        self.assertLessEqual(export["tract_to_onnxruntime"], 1e-4)
        forms = json.loads((folder / "quantisation.json").read_text())
        for name, form in forms["forms"].items():
            self.assertGreater(form["milliseconds"], 0)
            self.assertLessEqual(form["tract_to_onnxruntime"], 0.05 if name == "integers" else 1e-3)
            self.assertEqual(form["explanations"]["faces"], 1)
        # Nine people were trained on, so that three are strangers.
        result = json.loads((folder / "result.json").read_text())
        self.assertEqual(len(result["people_learnt"]), 9)
        evaluation = json.loads((folder / "evaluation-photographs.json").read_text())
        self.assertEqual((evaluation["pictures"], evaluation["left_out"], evaluation["without_face"]), (21, 63, []))
        self.assertIn("63 of 84 pictures are named as people trained on", said.getvalue())
        card = (folder / "weinet-7-fold-2.md").read_text()
        for words in ("### On `photographs`", "| side | pictures |", f"The better form is `{forms['better']}`"):
            self.assertIn(words, card)

        models = self.root / "models"
        shutil.copytree(ferscope.ROOT / "models" / "golden", models / "golden")
        for network in (ferscope.ROOT / "models").glob("*.*"):
            shutil.copyfile(network, models / network.name)
        shipped = [str(folder / forms["forms"][forms["better"]]["file"]), "--name", "tiny-7", "--models", str(models)]
        with contextlib.redirect_stdout(told):
            ship_network.main(shipped)
        verified, _ = ferscope.run(program, "models", "verify", "--models", models)
        self.assertRegex(verified, r"tiny-7 +good: .*golden output holds")
        self.assertIn("# tiny-7\n", (models / "cards" / "tiny-7.md").read_text())
        self.assertFalse((models / "cards" / "weinet-7-folds.md").exists(), "one fold is no card of folds")
        drawing = models / "golden" / "face-64-grey.png"
        Image.new("L", (64, 64)).save(drawing)
        with self.assertRaisesRegex(Failure, "face-64-grey.png, which the networks of this size share"):
            ship_network.main(shipped)
        drawing.unlink()
        with contextlib.redirect_stdout(told):
            ship_network.main(shipped)
        self.assertTrue(drawing.is_file())

        # Another division of the people: whom the network of fold 2 has learnt is now in fold 2.
        with self.assertRaisesRegex(Failure, r"has learnt people that fold 2 is tested on \(people/\d+, "):
            with contextlib.redirect_stderr(said):
                main.main(
                    [str(people), "--classes", "7", "--folds", "2", "--epochs", "1", "--seed", "1",
                     "--weights", str(folder / "network.keras"), "--out", str(self.root / "others")]
                )  # fmt: skip

    def test_crops_of_two_versions_are_not_mixed(self):
        with mock.patch.object(ferscope, "version", return_value="ferscope 0.1.0"):
            crops.load([], 64, self.root, "ferscope")
            crops.load([], 64, self.root, "ferscope")
        with mock.patch.object(ferscope, "version", return_value="ferscope 0.2.0"):
            with self.assertRaisesRegex(Failure, "holds crops that ferscope 0.1.0 cut, and this is ferscope 0.2.0"):
                crops.load([], 64, self.root, "ferscope")

    def test_what_cannot_be_asked_is_told_before_anything_is_done(self):
        people = self.people()
        for words, told in (
            (["--seed", "-1"], "--seed: needs a whole number from 0"),
            (["--gentle-epochs", "99"], "--gentle-epochs 99: there are 10 epochs"),
            (["--folds", "6"], "--folds 6: give numbers from 1 to 5"),
            (["--weights", "lost.keras"], "lost.keras: no such file"),
            (["--weights", "imagenet"], "weinet has no ImageNet weights"),
        ):
            said = io.StringIO()
            with self.assertRaises((Failure, SystemExit)) as raised, contextlib.redirect_stderr(said):
                main.main([str(people), *words, "--out", str(self.root / "runs")])
            self.assertRegex(f"{raised.exception}{said.getvalue()}", told)
            self.assertFalse((self.root / "runs").exists())

    def test_hidden_files_are_no_pictures(self):
        folder = self.root / "jaffe"
        folder.mkdir()
        for name in ("KA.AN1.39.tiff", "._KA.AN1.39.tiff"):
            (folder / name).touch()
        self.assertEqual([sample.picture.name for sample in data.read(str(folder))], ["KA.AN1.39.tiff"])

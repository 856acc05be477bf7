"""Checks that need no network connection and no weights; they take seconds. One is left out without ferscope.

scripts/with-python scripts/training/requirements.txt scripts/yardsticks/tests/test_yardsticks.py
"""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import main  # first: it makes the modules of scripts/training known

import numpy
from PIL import Image

import expressions
import fer_package
import ferscope
from data import Sample
from errors import Failure


def sample(number, expression, family=None, subject="001"):
    return Sample(Path(f"{number:03}.jpg"), subject, expression, family)


def answers(*names):
    return numpy.eye(7)[[expressions.SEVEN.index(name) for name in names]]


class Crops(unittest.TestCase):
    def test_the_box_is_squared_and_moved_outwards_by_ten_pixels(self):
        self.assertEqual(fer_package.padded((100, 50, 80, 80)), (90, 190, 40, 140))
        self.assertEqual(fer_package.padded((100, 50, 61, 80)), (81, 181, 40, 140))
        self.assertEqual(fer_package.padded((100, 50, 80, 61)), (90, 190, 31, 131))

    def test_fractions_are_cut_off_at_both_ends_of_the_box(self):
        self.assertEqual(fer_package.padded((59.9, 92.7, 10.2, 10.2)), (49, 80, 82, 113))

    def test_beyond_the_picture_is_the_mean_of_the_last_two_rows(self):
        grey = numpy.zeros((100, 100), numpy.uint8)
        grey[-2:] = 90
        face = fer_package.cut(grey, (-10, -10, 44, 44))
        self.assertEqual(face.shape, (64, 64))
        self.assertTrue((face[:20] == 90).all() and (face[:, :20] == 90).all() and (face[20:, 20:] == 0).all())

    def test_a_box_further_out_than_the_border_is_cut_there(self):
        grey = numpy.full((100, 100), 7, numpy.uint8)
        self.assertTrue((fer_package.cut(grey, (-60, -60, 220, 220)) == 7).all())

    def test_resizing_takes_the_nearest_four_pixels(self):
        ramp = numpy.tile(numpy.arange(128, dtype=numpy.uint8), (128, 1))
        self.assertTrue((fer_package.resize(ramp) == numpy.arange(64) * 2 + 1).all())  # halves are rounded up
        checks = numpy.zeros((1, 3), numpy.uint8)
        checks[0, 1] = 200
        # Pixels 0 and 2 lie before and beyond the centres, which are at 0.5, 1.5, 2.5.
        self.assertEqual(fer_package.resize(checks, 6)[0].tolist(), [0, 50, 150, 150, 50, 0])


class Labels(unittest.TestCase):
    def test_every_label_finds_its_expression(self):
        ordered = [fer_package.LABELS[column] for column in fer_package.columns()]
        self.assertEqual(ordered, ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"])
        self.assertEqual([expressions.named(label) for label in ordered], list(expressions.SEVEN))

    def test_the_box_of_a_row(self):
        row = {"face": "1", "x": "1.5", "y": "2", "width": "30", "height": "40.25"}
        self.assertEqual(main.box_of(row), (1.5, 2, 30, 40.25))


class Drawing(unittest.TestCase):
    SAMPLES = [
        sample(number, ("anger", "fear")[number % 2], f"family {number % 4}", f"{number % 5}") for number in range(80)
    ]

    def test_one_of_every_four_in_each_family(self):
        drawn = main.draw(self.SAMPLES, None, 4, 0)
        families = [own.family for own in drawn]
        self.assertEqual({family: families.count(family) for family in families}, {f"family {n}": 5 for n in range(4)})

    def test_the_seed_decides(self):
        self.assertEqual(main.draw(self.SAMPLES, None, 4, 1), main.draw(self.SAMPLES, None, 4, 1))
        self.assertNotEqual(main.draw(self.SAMPLES, None, 4, 1), main.draw(self.SAMPLES, None, 4, 2))

    def test_people(self):
        drawn = main.draw(self.SAMPLES, 2, None, 0)
        self.assertEqual((len({own.subject for own in drawn}), len(drawn)), (2, 32))
        with self.assertRaises(Failure):
            main.draw(self.SAMPLES, 6, None, 0)


class Summaries(unittest.TestCase):
    SAMPLES = [sample(0, "anger", "shout"), sample(1, "anger", "glare"), sample(2, "anger", "glare"), sample(3, "neutral")]

    def test_by_class_and_family(self):
        result = main.summarise(self.SAMPLES, answers("surprise", "anger", "neutral", "neutral"))
        self.assertEqual(result["classes"]["anger"]["agreement"], 0.3333)
        self.assertEqual(result["classes"]["anger"]["read_as"], {"anger": 1, "surprise": 1, "neutral": 1})
        self.assertEqual(result["mean_of_classes"], round((1 / 3 + 1) / 2, 4))
        self.assertEqual(list(result["families"]), ["anger/glare", "anger/shout"])
        self.assertEqual(result["families"]["anger/glare"]["agreement"], 0.5)

    def test_without_neutral_the_second_answer_counts(self):
        probabilities = answers("surprise", "anger", "neutral", "neutral")
        probabilities[2, expressions.SEVEN.index("anger")] = 0.4
        self.assertEqual(main.summarise(self.SAMPLES, probabilities)["mean_of_six"], 0.6667)

    def test_a_set_of_neutral_faces_only(self):
        result = main.summarise([sample(0, "neutral")], answers("neutral"))
        self.assertEqual((result["mean_of_classes"], result["mean_of_six"]), (1.0, None))

    def test_the_table_names_every_figure(self):
        figures = main.summarise(self.SAMPLES, answers("anger", "anger", "fear", "neutral"))
        yardsticks = {main.FACE_API: figures, main.FER: figures}
        text = main.table({"pictures": 4, "people": 1, "without_face": 2, "yardsticks": yardsticks})
        self.assertIn("| anger | 3 | 0.67 | 0.67 |", text)
        self.assertIn("| neutral | 1 | 1.00 | 1.00 |", text)
        self.assertIn("in 2 more no face was found", text)


class Faces(unittest.TestCase):
    @unittest.skipUnless(ferscope.find(), "no ferscope in target/release or on the PATH, and FERSCOPE names none")
    def test_a_picture_that_cannot_be_read_is_not_one_without_a_face(self):
        with tempfile.TemporaryDirectory() as folder:
            nobody, broken = Path(folder) / "nobody.png", Path(folder) / "broken.jpg"
            Image.new("RGB", (64, 64), (90, 90, 90)).save(nobody)
            broken.write_bytes(b"no picture")
            somebody = ferscope.ROOT / "calib" / "faces" / "painted-0001-anger.jpg"
            with contextlib.redirect_stderr(io.StringIO()) as told:
                faces, without_face = main.find_faces([somebody, nobody, broken], ferscope.find(), "finding faces")
        self.assertEqual(list(faces), [somebody])
        self.assertEqual(without_face, 1)
        self.assertRegex(told.getvalue(), "broken.jpg: .*: left out")


if __name__ == "__main__":
    unittest.main()

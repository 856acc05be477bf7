"""Checks of scripts/train-landmarks, one of them from pictures to a model in use; about half a minute.

scripts/with-python scripts/landmark-training/requirements.txt scripts/landmark-training/tests/test_landmark_training.py

The faces are those of demo/: painted heads whose points are known. The program `ferscope` is the one that the variable
FERSCOPE names, else the one built here; without, what needs it is skipped.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent))

import numpy
from PIL import Image

import main
from errors import Failure

DEMO = ROOT / "demo"


def built_program():
    """The program to test with, or None."""
    named = os.environ.get("FERSCOPE")
    places = [Path(named)] if named else [ROOT / "target" / kind / "ferscope" for kind in ("release", "debug")]
    return next((place.resolve() for place in places if named or place.exists()), None)


def skip(test, what):
    """Leaves out a test for want of `what`, and notes it for scripts/test."""
    line = f"{test.id().removeprefix('__main__.')}: {what}"
    if "FERSCOPE_SKIPPED" in os.environ:
        with open(os.environ["FERSCOPE_SKIPPED"], "a") as file:
            file.write(f"{line}\n")
    test.skipTest(line)


def some_points():
    """68 points of a face about 100 pixels wide, the eye centres exactly 50 apart."""
    points = numpy.random.default_rng(0).uniform(20, 120, (68, 2))
    points[36:42] += [50, 70] - points[36:42].mean(axis=0)
    points[42:48] += [100, 70] - points[42:48].mean(axis=0)
    return points


def face(person="007", origin="synthetic", picture="a.jpg", points=None, rectangle=()):
    return main.Face(Path(picture), person, origin, some_points() if points is None else points, rectangle)


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        # Resolved, as the pictures' places are.
        self.folder = Path(folder.name).resolve()

    def write_set(self, rows):
        """A set as scripts/synthesise lays it out; rows: (picture, subject, points)."""
        folder = self.folder / "set"
        folder.mkdir(exist_ok=True)
        with (folder / "faces.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["picture", "subject", *(f"{axis}{number}" for number in range(1, 69) for axis in "xy")])
            table.writerows([picture, subject, *numpy.ravel(points)] for picture, subject, points in rows)
        return folder


class Sides(unittest.TestCase):
    """Who is held out of training."""

    def test_photograph_and_renders_are_one_person(self):
        self.assertEqual(main.person_number("007"), "7")
        self.assertEqual(main.person_number("london-007"), "7")
        self.assertNotEqual(main.person_number("070"), main.person_number("007"))
        self.assertEqual(main.person_number("lena"), "lena")
        for seed in range(3):
            for number in range(200):
                sides = {main.is_held_out(name, seed) for name in (f"{number:03}", f"{number}", f"london-{number:03}")}
                self.assertEqual(len(sides), 1)

    def test_one_in_five(self):
        held_out = [main.is_held_out(f"{number:03}", 0) for number in range(1000)]
        self.assertAlmostEqual(numpy.mean(held_out), 0.2, delta=0.04)
        self.assertNotEqual(held_out, [main.is_held_out(f"{number:03}", 1) for number in range(1000)])

    def faces(self, people):
        renders = [face(f"{number:03}") for number in range(people) for _ in range(3)]
        return renders + [face(f"{number:03}", "hand-placed") for number in range(people)]

    def test_no_person_is_on_both_sides_and_added_people_move_nobody(self):
        few, more = (main.split(self.faces(people), 10_000, 0) for people in (60, 90))
        few, more = ([{each.person for each in side} for side in sides] for sides in (few, more))
        self.assertEqual(few[0] & few[1], set())
        self.assertEqual(few[0] | few[1], {f"{number:03}" for number in range(60)})
        self.assertTrue(few[0] <= more[0] and few[1] <= more[1])

    def test_most_bounds_the_renders_trained_on_and_nothing_else(self):
        everything = self.faces(60)
        all_of_them, few = main.split(everything, 10_000, 0), main.split(everything, 20, 0)
        self.assertEqual(len(few[1]), len(all_of_them[1]))
        self.assertEqual(sum(each.origin == "synthetic" for each in few[0]), 20)
        photographs = [[id(each) for each in side[0] if each.origin == "hand-placed"] for side in (few, all_of_them)]
        self.assertEqual(*photographs)
        self.assertEqual([id(each) for each in few[0]], [id(each) for each in main.split(everything, 20, 0)[0]])
        self.assertNotEqual([id(each) for each in few[0]], [id(each) for each in main.split(everything, 20, 1)[0]])


class Errors(unittest.TestCase):
    def test_percent_of_the_distance_between_the_eyes(self):
        one, other = face(picture="a.jpg"), face(picture="b.jpg")
        found = {one.picture: ((), one.points + [3, 4]), other.picture: ((), other.points.copy())}
        found[other.picture][1][:17] += [0, 10]
        numpy.testing.assert_allclose(main.errors([one, other], found), [10, 20 * 17 / 68])
        numpy.testing.assert_allclose(main.errors([one, other], found, slice(17, None)), [10, 0], atol=1e-9)

    def test_faces_that_were_not_found_count_nothing(self):
        self.assertEqual(main.errors([face()], {}).tolist(), [])

    def test_a_face_elsewhere_in_the_picture_is_not_this_one(self):
        this = face()
        self.assertTrue(main.is_found(this, {this.picture: ((20, 20, 100, 100), this.points)}))
        self.assertFalse(main.is_found(this, {this.picture: ((150, 20, 100, 100), this.points)}))
        self.assertFalse(main.is_found(this, {}))


class Views(InFolder):
    """What dlib is given of a picture."""

    def picture(self, width, height):
        values = numpy.random.default_rng(1).integers(0, 256, (height, width), dtype=numpy.uint8)
        path = self.folder / "noise.png"
        Image.fromarray(values).save(path)
        return path, values

    def test_the_same_pixels_lie_under_the_same_points(self):
        path, values = self.picture(900, 700)
        for x, y, side in ((400, 300, 120), (3, 2, 130), (500, 200, 300), (100, 80, 560)):
            # Points on such pixels as are left of a large face.
            step = max(1, side // main.SMALLEST_SIDE)
            origin = numpy.array([max(0, x - side // 2), max(0, y - side // 2)]) + step // 2
            inside = numpy.array([x, y]) + numpy.random.default_rng(side).uniform(0, 0.9 * side, (68, 2))
            points = origin + step * numpy.round((inside - origin) / step)
            under = values[points[:, 1].astype(int), points[:, 0].astype(int)]
            view = main.surroundings(face(picture=path, points=points, rectangle=(x, y, side, side)))
            for pixels, corners, placed, there in ((*view, under), (*main.mirrored(*view), under[main.MIRRORED])):
                numpy.testing.assert_allclose(placed, numpy.round(placed), atol=1e-9)
                columns, rows = numpy.round(placed).astype(int).T
                numpy.testing.assert_array_equal(pixels[rows, columns], there)
                self.assertAlmostEqual(corners[2] - corners[0], (side - 1) / step)
            # Seen from the rectangle, the points are where they were.
            share = (view[2] - view[1][:2]) / (view[1][2:] - view[1][:2])
            numpy.testing.assert_allclose(share, (points - [x, y]) / (side - 1), atol=1e-9)

    def test_however_large_the_picture_a_face_takes_little_memory(self):
        path, _ = self.picture(1600, 1600)
        for side in (100, 200, 255, 256, 500, 800):
            pixels, _, _ = main.surroundings(face(picture=path, rectangle=(400.0, 400.0, side, side)))
            self.assertLess(pixels.nbytes, 270_000)
            self.assertTrue(pixels.flags.c_contiguous, "dlib refuses others")

    def test_mirroring_twice_changes_nothing_and_sides_swap(self):
        path, _ = self.picture(300, 300)
        view = main.surroundings(face(picture=path, rectangle=(80, 80, 140, 140)))
        twice = main.mirrored(*main.mirrored(*view))
        for one, other in zip(view, twice):
            numpy.testing.assert_allclose(one, other, atol=1e-9)
        # The mean of the painted heads looks about the same: each point comes near that of the same number.
        with (DEMO / "truth.csv").open(newline="") as file:
            points = numpy.mean([main.points_of(row) for row in csv.DictReader(file)], axis=0)
        _, _, turned = main.mirrored(numpy.zeros((480, 640), numpy.uint8), numpy.zeros(4), points)
        off = turned - turned.mean(axis=0) - points + points.mean(axis=0)
        between_eyes = numpy.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))
        self.assertLess(numpy.linalg.norm(off, axis=1).max(), 0.1 * between_eyes)

    def test_photographs_are_seen_both_ways_and_renders_in_turn(self):
        path, _ = self.picture(300, 300)
        where = {"picture": path, "rectangle": (80, 80, 140, 140)}
        seen = list(main.views([face(**where), face(**where), face(origin="hand-placed", **where)], 2))
        plain, other = seen[0][0], seen[1][0]
        numpy.testing.assert_array_equal(other, plain[:, ::-1])
        self.assertEqual(len(seen), 6)
        for photograph in (2, 4):
            numpy.testing.assert_array_equal(seen[photograph][0], plain)
            numpy.testing.assert_array_equal(seen[photograph + 1][0], other)

    def test_what_is_no_picture_is_named(self):
        path = self.folder / "broken.jpg"
        path.write_bytes(b"nothing")
        with self.assertRaisesRegex(Failure, "broken.jpg: not a picture that can be read"):
            main.surroundings(face(picture=path, rectangle=(0, 0, 10, 10)))


class Messages(InFolder):
    def refused(self, pattern, *words, out="model.dat"):
        chosen = main.arguments([*map(str, words), "--out", str(self.folder / out)])
        with self.assertRaisesRegex(Failure, pattern):
            main.train_and_report(chosen)
        self.assertEqual([path.name for path in self.folder.rglob("*.partial")], [])

    def test_nothing_to_learn_from(self):
        self.refused("give --synthetic, --photographs or both")

    def test_missing_sets(self):
        empty = self.folder / "empty"
        self.refused("faces.csv: no such file: --synthetic takes", "--synthetic", empty, "--ferscope", sys.executable)
        self.refused("_189.json: no such file: --photographs", "--photographs", empty, "--ferscope", sys.executable)

    def test_existing_results(self):
        for name in ("model.dat", "model.json"):
            path = self.folder / name
            path.write_text("mine")
            self.refused(f"{name} exists already", "--synthetic", self.folder, "--ferscope", sys.executable)
            self.assertEqual(path.read_text(), "mine")
            path.unlink()
        self.refused("must not end in .json", "--synthetic", self.folder, out="model.json")

    def test_missing_program(self):
        self.refused("gone: is no program", "--synthetic", self.folder, "--ferscope", self.folder / "gone")

    def test_a_picture_that_is_gone(self):
        folder = self.write_set([("gone.jpg", "001", some_points()), ("too.jpg", "002", some_points())])
        self.refused(r"gone.jpg: no such picture \(2 are missing\)", "--synthetic", folder, "--ferscope", sys.executable)

    def test_a_table_of_something_else(self):
        folder = self.write_set([("a.jpg", "001", some_points()), ("b.jpg", "002", ["nowhere"] * 136)])
        self.refused("faces.csv: line 3: the columns .* are needed", "--synthetic", folder, "--ferscope", sys.executable)
        (folder / "faces.csv").write_text("picture,subject,x1\na.jpg,001,3\n")
        self.refused("faces.csv: line 2: .* are needed: 'y1'", "--synthetic", folder, "--ferscope", sys.executable)
        (folder / "neutral_landmarks_189.json").write_text('{"001": [[1, 2], [3, 4]]}')
        self.refused("expected 189 points", "--photographs", folder, "--ferscope", sys.executable)
        (folder / "neutral_landmarks_189.json").write_text("no JSON")
        self.refused("expected 189 points", "--photographs", folder, "--ferscope", sys.executable)

    def test_a_program_that_fails(self):
        Image.new("L", (8, 8)).save(self.folder / "a.png")
        # Python finds no file of the name `crop`, and ends with 2.
        with self.assertRaisesRegex(Failure, "failed"):
            main.find_faces(Path(sys.executable), [self.folder / "a.png"])

    def test_settings_must_be_positive(self):
        done = subprocess.run(
            [sys.executable, HERE.parent / "main.py", "--out", "x.dat", "--stages", "0"], capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("--stages: 0: must be 1 or more", done.stderr)


class FromPicturesToPoints(InFolder):
    SETTINGS = ("--stages", "2", "--trees", "5", "--oversampling", "5", "--splits", "50", "--shrinkage", "0.5")
    SEED = 0
    """Of the nine painted heads, two are held out."""

    def painted_set(self):
        """The pictures of demo/ with a single face."""
        with (DEMO / "truth.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        frames = [row["frame"] for row in rows]
        pictures = []
        for row in rows:
            if frames.count(row["frame"]) == 1:
                name = f"frame-{int(row['frame']):03}.jpg"
                pictures.append((f"pictures/{name}", row["identity"], main.points_of(row)))
        folder = self.write_set(pictures)
        (folder / "pictures").mkdir()
        for name, _, _ in pictures:
            shutil.copy(DEMO / Path(name).name, folder / name)
        return folder

    def error_of_the_mean_face(self, faces, found):
        """Were every face the mean of these, stretched over the detector's rectangle."""
        shares = [(each.points - found[each.picture][0][:2]) / found[each.picture][0][2:] for each in faces]
        mean = numpy.mean(shares, axis=0)
        placed = {}
        for each in faces:
            x, y, width, height = found[each.picture][0]
            placed[each.picture] = ((), [x, y] + mean * [width, height])
        return main.errors(faces, placed).mean()

    def test_a_small_model(self):
        program = built_program()
        if program is None:
            skip(self, "no ferscope in target/release or target/debug, and FERSCOPE names none")
        folder, model = self.painted_set(), self.folder / "models" / "small.dat"
        words = ["--synthetic", folder, "--out", model, "--ferscope", program, "--seed", self.SEED, *self.SETTINGS]
        done = subprocess.run([sys.executable, HERE.parent / "main.py", *map(str, words)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(path.name for path in model.parent.iterdir()), ["small.dat", "small.json"])

        # Nothing but the result is on standard output, however much dlib says.
        told = json.loads(done.stdout)
        self.assertEqual(told, json.loads(model.with_suffix(".json").read_text()))
        self.assertEqual(told["bytes"], model.stat().st_size)
        faces = main.synthetic_faces(folder)
        training, held_out = main.split(faces, 10_000, self.SEED)
        self.assertEqual(told["people_held_out"], len({each.person for each in held_out}))
        self.assertEqual(told["trained_on"]["people"], len({each.person for each in training}))
        by_model = {row["model"]: row for row in told["held_out"]}
        self.assertEqual(set(by_model), {"regression trees", "landmark network"})
        for row in by_model.values():
            self.assertEqual(row["points"], "synthetic")
            self.assertGreater(row["faces"], 0.7 * len(held_out))
            self.assertLess(row["mean_error_percent"], 20)

        found = main.find_faces(program, [each.picture for each in training], model)
        training = [each for each in training if main.is_found(each, found)]
        of_trees = main.errors(training, found).mean()
        self.assertLess(of_trees, 0.6 * self.error_of_the_mean_face(training, found))

        # The same faces and settings make the same trees, whatever else the machine does.
        for each in training:
            each.rectangle = found[each.picture][0]
        options = main.trainer_options(main.arguments(["--out", "x", "--seed", str(self.SEED), *self.SETTINGS]))
        options.be_verbose = False
        again = self.folder / "again.dat"
        main.train(training, 1, options, again)
        self.assertEqual(again.read_bytes(), model.read_bytes())


if __name__ == "__main__":
    unittest.main()

"""Checks that need no photograph and no head model; they take seconds.

scripts/with-python scripts/synthesising/requirements.txt scripts/synthesising/tests/test_synthesising.py
"""

import csv
import io
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "render-demo-parts")]

import numpy as np
from PIL import Image

import catalogue
import conditions
import developing
import drawing
import expression_families as families
import fitting
import furrows
import main
import occluders
import people
import subjects
import template


class Drawing(unittest.TestCase):
    SQUARE = np.array([[0, 0, 1], [8, 0, 1], [0, 8, 1], [8, 8, 1]], np.float32)
    TRIANGLES = np.array([[0, 1, 2], [1, 3, 2]], np.int32)

    def test_nearest_triangle_wins(self):
        points = np.concatenate([self.SQUARE, self.SQUARE + [0, 0, 1]]).astype(np.float32)
        triangles = np.concatenate([self.TRIANGLES + 4, self.TRIANGLES])
        triangle, weights, nearness = drawing.rasterise(points, triangles, 12, 12)
        self.assertTrue((triangle[:9, :9] < 2).all())
        self.assertTrue((triangle[9:] == -1).all())
        np.testing.assert_allclose(weights[:9, :9].sum(axis=2), 1, atol=1e-5)
        np.testing.assert_allclose(nearness[:9, :9], 2, atol=1e-5)

    def test_interpolation_and_sampling_reproduce_places(self):
        triangle, weights, _ = drawing.rasterise(self.SQUARE, self.TRIANGLES, 9, 9)
        places = drawing.interpolate(triangle, weights, self.TRIANGLES, self.SQUARE[:, :2].copy())
        y, x = np.mgrid[0:9, 0:9]
        np.testing.assert_allclose(places, np.stack([x, y], axis=-1), atol=1e-4)
        ramp = np.stack([x * 2.0 + y * 10.0], axis=-1)
        np.testing.assert_allclose(drawing.sample(ramp, np.array([[1.5, 2.25]])), [[25.5]], atol=1e-3)


class Families(unittest.TestCase):
    def test_every_expression_has_kinds_with_open_and_closed_mouths(self):
        for expression, kinds in families.FAMILIES.items():
            self.assertGreaterEqual(len(kinds), 4, expression)
            opens = [kind.get("jawOpen", (0, 0))[1] > 0.1 or "mouthLowerDown" in kind for kind in kinds.values()]
            self.assertTrue(any(opens) and not all(opens), expression)

    def test_weights_are_full_names_and_within_reason(self):
        for expression in families.EXPRESSIONS:
            for turn in range(12):
                family, strength, weights = families.draw(expression, turn, np.random.default_rng(turn))
                self.assertIn(family, families.FAMILIES[expression])
                self.assertTrue(0.4 <= strength <= 1.2)
                for name, weight in weights.items():
                    self.assertTrue(name in families.UNSIDED or name[-2:] in ("_L", "_R"), name)
                    self.assertLess(abs(weight), 6, name)

    def test_every_action_unit_has_a_shape_that_is_used(self):
        used = {name for kinds in families.FAMILIES.values() for kind in kinds.values() for name in kind}
        self.assertLessEqual(set(families.ACTION_UNITS.values()), used | set(families.IDLE))

    def test_halves_differ(self):
        _, _, weights = families.draw("anger", 0, np.random.default_rng(3))
        self.assertNotEqual(weights["browDown_L"], weights["browDown_R"])


class Fitting(unittest.TestCase):
    def test_camera_is_found_again(self):
        random = np.random.default_rng(1)
        shape = random.normal(0, 5, (68, 3))
        rotation = np.diag([1, -1, 1]) @ people.rotation(12, -7, 4)
        target = 9 * shape @ rotation[:2].T + [400, 380]
        axes, shift = fitting._camera(shape, target, np.ones(68))
        np.testing.assert_allclose(shape @ axes[:2].T + shift, target, atol=1e-6)
        np.testing.assert_allclose(fitting._angles(axes), (12, -7, 4), atol=1e-6)

    def test_template_gives_sixty_eight_points(self):
        points = np.random.default_rng(0).uniform(0, 800, (template.POINTS, 2))
        landmarks = template.landmarks(points)
        self.assertEqual(landmarks.shape, (68, 2))
        np.testing.assert_allclose(landmarks[48], points[87])
        np.testing.assert_allclose(landmarks[[0, 16]], points[[109, 112]])


class Furrows(unittest.TestCase):
    def test_muscles_fold_their_own_side_only(self):
        relief = furrows.Relief(40, np.random.default_rng(0))
        flat = relief.slopes({})
        self.assertEqual(float(np.abs(flat).max()), 0.0)
        slopes = relief.slopes({"browDown_L": 1.5})
        deep = slopes[..., 2]
        middle = furrows.map_places(np.zeros((1, 2)))[0, 0]
        columns = np.nonzero(deep > 0.3 * deep.max())[1]
        self.assertGreater(columns.mean(), middle)


class Conditions(unittest.TestCase):
    def test_draws_stay_in_range_and_repeat(self):
        for seed in range(50):
            drawn = conditions.draw(np.random.default_rng(seed), ["wall"])
            self.assertLessEqual(abs(drawn.pose.yaw), conditions.LARGEST_YAW)
            self.assertLessEqual(abs(drawn.pose.pitch), conditions.LARGEST_PITCH)
            self.assertLessEqual(abs(drawn.pose.roll), conditions.LARGEST_ROLL)
            self.assertTrue(30 <= drawn.camera.quality <= 95)
            again = conditions.draw(np.random.default_rng(seed), ["wall"])
            self.assertEqual(again.pose, drawn.pose)

    def test_occluders_and_camera_keep_size(self):
        landmarks = np.random.default_rng(0).uniform(20, 80, (68, 2))
        for kind in ("", "glasses", "hand", "scarf", "shade"):
            colour = np.full((100, 100, 3), 0.3, np.float32)
            covered = occluders.cover(kind, colour, landmarks, np.full(3, 0.3), np.random.default_rng(1))
            self.assertEqual(covered.shape, colour.shape)
            camera = conditions._camera(np.random.default_rng(2))
            image = developing.develop(covered, camera, np.random.default_rng(3))
            self.assertEqual((image.size, image.mode), ((100, 100), "RGB"))


class Catalogue(unittest.TestCase):
    def test_saved_pictures_come_back_as_rows(self):
        row = {
            "subject": "a",
            "expression": "fear",
            "variant": 3,
            "moved_scale_pixels": "4.0000",
            "family": "gasp",
            "seed": 5,
            "browDown_L": "1.5000",
            "browDown_R": "-0.2000",
            "jawOpen": "0.2500",
        }
        moved = np.array([[0.0, 2.0], [4.0, 1.0]])
        with tempfile.TemporaryDirectory() as folder:
            catalogue.save(folder, subjects.Rendered(Image.new("RGB", (2, 2)), 90, moved, row))
            self.assertTrue(catalogue.is_rendered(folder, "a", "fear", 3))
            keys = catalogue.all_keys(folder)
            self.assertEqual(keys, [("a", "fear", 3)])
            found = catalogue.rows(folder, keys)
            self.assertEqual(found[0]["family"], "gasp")
            catalogue.refuse_another_set(folder, 5, 2)
            with self.assertRaisesRegex(catalogue.SetError, "holds pictures of seed 5"):
                catalogue.refuse_another_set(folder, 6, 2)
            with Image.open(Path(folder) / found[0]["moved"]) as grey:
                self.assertEqual(np.asarray(grey).tolist(), [[0, 128], [255, 64]])
            catalogue.write_table(folder, found)
            table = (Path(folder) / "faces.csv").read_text()
            self.assertTrue(table.startswith("picture,moved,subject,expression"))
            read = next(csv.DictReader(io.StringIO(table)))
            sides = {unit: (read[f"{unit}_L"], read[f"{unit}_R"]) for unit in ("au1", "au4", "au26")}
            expected = {"au1": ("0.0000", "0.0000"), "au4": ("1.5000", "0.0000"), "au26": ("0.2500", "0.2500")}
            self.assertEqual(sides, expected)
            for command in ("scripts/synthesise --seed 5", "scripts/synthesise --seed 5 --variants 9") * 2:
                catalogue.write_readme(folder, found, command, 5, 2, london=False)
            commands = "\n\n    scripts/synthesise --seed 5\n    scripts/synthesise --seed 5 --variants 9\n\nSeed 5."
            self.assertIn(commands, (Path(folder) / "README.md").read_text())
            self.assertEqual([path for path in Path(folder).rglob("*.half-*")], [])


class Messages(unittest.TestCase):
    def test_a_wrong_folder_is_named(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(subjects.SetError, "neutral is missing"):
            subjects.photographed(folder)

    def test_a_wrong_model_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "head.npz"
            np.savez(path, something=1)
            with self.assertRaisesRegex(subjects.SetError, "expected a NumPy .npz with V, tri"):
                subjects.model(str(path))

    def test_help_names_the_families(self):
        self.assertIn("bared_teeth", main.EXAMPLES)
        self.assertEqual(main.arguments(["--out", "set", "--painted", "3"]).variants, 8)


if __name__ == "__main__":
    unittest.main()

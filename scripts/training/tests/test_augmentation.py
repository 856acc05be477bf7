import unittest

import numpy

import augmentation
from tests import painted


class Augmentation(unittest.TestCase):
    def setUp(self):
        self.faces = painted.faces([0, 1, 2, 3], 64)

    def augment(self, name, seed):
        changed = augmentation.augment(self.faces, augmentation.BY_NAME[name], numpy.random.default_rng(seed))
        return numpy.asarray(changed)

    def test_shape_and_range(self):
        for name in ("paper", "strong"):
            changed = self.augment(name, 0)
            self.assertEqual(changed.shape, (4, 64, 64, 3))
            self.assertTrue(numpy.isfinite(changed).all())
            self.assertGreaterEqual(changed.min(), 0)
            self.assertLessEqual(changed.max(), 1)
            self.assertTrue((changed[..., :1] == changed).all(), "grey stays grey")

    def test_the_seed_decides(self):
        for name in ("paper", "strong"):
            self.assertTrue((self.augment(name, 1) == self.augment(name, 1)).all())
            self.assertFalse((self.augment(name, 1) == self.augment(name, 2)).all())

    def test_every_crop_keeps_eyes_nose_and_mouth(self):
        left, top, right, bottom = augmentation.KEPT
        for ranges in augmentation.BY_NAME.values():
            x, y, side = augmentation.windows(ranges, 2000, numpy.random.default_rng(0)).T
            self.assertTrue((x <= left).all() and (y <= top).all())
            self.assertTrue((x + side >= right - 1e-9).all() and (y + side >= bottom - 1e-9).all())

    def test_nothing_to_do_changes_nothing(self):
        nothing = augmentation.Augmentation(gamma=(1, 1), shift=0, smallest_crop=1, mirror=0)
        changed = augmentation.augment(self.faces, nothing, numpy.random.default_rng(0))
        self.assertLess(numpy.abs(changed - augmentation.plain(self.faces)).max(), 1e-4)

    def test_mirroring(self):
        mirrored = augmentation.Augmentation(gamma=(1, 1), shift=0, smallest_crop=1, mirror=1)
        changed = augmentation.augment(self.faces, mirrored, numpy.random.default_rng(0))
        self.assertLess(numpy.abs(changed - augmentation.plain(self.faces)[:, :, ::-1]).max(), 1e-4)

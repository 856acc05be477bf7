import unittest

import folds
from data import Sample
from errors import Failure

FAMILIES = {"anger": ("shout", "pressed"), "fear": ("gasp", "clenched", "stretched"), "neutral": ("calm",)}


def samples():
    return [
        Sample(None, f"person {person}", expression, family)
        for person in range(23)
        for expression, families in FAMILIES.items()
        for family in families
    ]


class Folds(unittest.TestCase):
    def setUp(self):
        self.samples = samples()
        self.people = [sample.subject for sample in self.samples]

    def test_no_person_is_on_both_sides_and_every_picture_is_tested_once(self):
        by_person = folds.fold_of_subjects(self.people, 5, seed=3)
        tested = []
        for fold in range(1, 6):
            training, test, strange = folds.split(self.samples, fold, by_person, set())
            self.assertFalse({self.people[i] for i in training} & {self.people[i] for i in test})
            self.assertEqual(len(training) + len(test), len(self.samples))
            self.assertEqual(len(strange), 0)
            tested += list(test)
        self.assertEqual(sorted(tested), list(range(len(self.samples))))

    def test_folds_are_even_and_decided_by_the_seed(self):
        by_person = folds.fold_of_subjects(self.people, 5, seed=3)
        sizes = [list(by_person.values()).count(fold) for fold in range(1, 6)]
        self.assertLessEqual(max(sizes) - min(sizes), 1)
        self.assertEqual(by_person, folds.fold_of_subjects(reversed(self.people), 5, seed=3))
        self.assertNotEqual(by_person, folds.fold_of_subjects(self.people, 5, seed=4))

    def test_held_out_families_are_never_trained_on(self):
        by_person = folds.fold_of_subjects(self.people, 5)
        seen = set()
        for fold in range(1, 6):
            held = folds.held_out_families(self.samples, "auto", fold)
            self.assertEqual(sorted(expression for expression, _ in held), ["anger", "fear"])
            training, test, strange = folds.split(self.samples, fold, by_person, held)
            for index in [*training, *test]:
                self.assertNotIn((self.samples[index].expression, self.samples[index].family), held)
            self.assertTrue(len(strange))
            self.assertFalse({self.people[i] for i in training} & {self.people[i] for i in strange})
            seen |= held
        self.assertEqual(len(seen), 5, "each family of an expression is held out in some fold")

    def test_a_family_that_is_not_there(self):
        with self.assertRaisesRegex(Failure, "no `anger/glare`; they have anger/pressed, anger/shout"):
            folds.held_out_families(self.samples, "anger/glare", 1)

    def test_too_few_people(self):
        with self.assertRaisesRegex(Failure, "2 people cannot be divided into 5 folds"):
            folds.fold_of_subjects(["a", "b"], 5)

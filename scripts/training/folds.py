"""Cross-validation by person, and recipe families kept out of training."""

import numpy

import expressions
from errors import Failure


def fold_of_subjects(subjects, count=5, seed=0):
    """The fold (from 1) each person is tested in; folds differ by at most one person, and only the seed decides."""
    people = sorted(set(subjects))
    if len(people) < count:
        raise Failure(
            f"{len(people)} people cannot be divided into {count} folds: bring more people or fewer --fold-count"
        )
    order = numpy.random.default_rng([seed, 0xF01D]).permutation(len(people))
    return {people[person]: place % count + 1 for place, person in enumerate(order)}


def held_out_families(samples, choice, fold, seed=0):
    """The (expression, family) pairs kept out of training.

    `choice` is "none", "auto" (one family of each expression that has several, another in each fold), or a list such as
    `anger/shout,fear/gasp`.
    """
    families = {}
    for sample in samples:
        if sample.family is not None and sample.expression != expressions.NEUTRAL:
            families.setdefault(sample.expression, set()).add(sample.family)
    if choice == "none":
        return set()
    if choice == "auto":
        held = set()
        for expression, names in sorted(families.items()):
            if len(names) > 1:
                order = numpy.random.default_rng([seed, 0xFA111]).permutation(sorted(names))
                held.add((expression, str(order[(fold - 1) % len(order)])))
        return held
    held = set()
    for word in choice.split(","):
        expression, _, family = word.strip().partition("/")
        if family not in families.get(expression, ()):
            known = ", ".join(f"{key}/{name}" for key, names in sorted(families.items()) for name in sorted(names))
            raise Failure(f"--hold-out-families: the data have no `{word.strip()}`; they have {known or 'no families'}")
        held.add((expression, family))
    return held


def split(samples, fold, fold_by_subject, held):
    """Indices of (training, test, test of held-out families): the last two are of people in no training picture.

    A person of this fold is never trained on; a held-out family is never trained on; "test" has the families trained
    on, the third set those that were not.
    """
    training, test, strange = [], [], []
    for index, sample in enumerate(samples):
        is_held = (sample.expression, sample.family) in held
        if fold_by_subject[sample.subject] == fold:
            (strange if is_held else test).append(index)
        elif not is_held:
            training.append(index)
    return tuple(numpy.array(indices, int) for indices in (training, test, strange))

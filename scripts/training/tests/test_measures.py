import pathlib
import tempfile
import unittest

import numpy

import evaluation
import metrics
import quantise
from data import Sample

CLASSES = ("anger", "happiness", "neutral")


class Measures(unittest.TestCase):
    def test_by_hand(self):
        result = metrics.from_confusion([[3, 1, 0], [0, 4, 0], [2, 0, 0]], CLASSES)
        self.assertEqual(result["accuracy"], 0.7)
        self.assertEqual(result["macro_recall"], round((0.75 + 1 + 0) / 3, 4))
        self.assertEqual(result["macro_precision"], round((3 / 5 + 4 / 5 + 0) / 3, 4))
        self.assertEqual(result["macro_f1"], round((6 / 9 + 8 / 9 + 0) / 3, 4))

    def test_a_class_without_pictures_is_left_out(self):
        result = metrics.measure(numpy.array([0, 0, 1]), numpy.eye(3)[[0, 1, 1]], CLASSES)
        self.assertEqual(result["recall"], {"anger": 0.5, "happiness": 1.0})
        self.assertEqual(result["macro_recall"], 0.75)

    def test_without_a_class_its_pictures_and_its_answers_are_left_out(self):
        probabilities = numpy.array([[0.3, 0.1, 0.6], [0.2, 0.7, 0.1], [0.1, 0.0, 0.9]])
        result = metrics.measure_without("neutral", numpy.array([0, 0, 2]), probabilities, CLASSES)
        self.assertEqual((result["pictures"], result["accuracy"]), (2, 0.5))
        self.assertEqual(result["confusion"], [[1, 1], [0, 0]])

    def test_summary_pools_the_folds(self):
        folds = [metrics.from_confusion(matrix, ("a", "b")) for matrix in ([[1, 1], [0, 2]], [[2, 0], [0, 2]])]
        summary = metrics.summarise(folds)
        self.assertEqual(summary["accuracy"]["mean"], 0.875)
        self.assertEqual(summary["pooled"]["confusion"], [[3, 1], [0, 4]])

    def test_evaluations_of_folds_are_pooled(self):
        with tempfile.TemporaryDirectory() as work:
            reports = [pathlib.Path(work) / f"fold-{fold}.json" for fold in (1, 2)]
            for fold, report in enumerate(reports):
                report.write_text('{"folder": "photographs", "without_face": ["3.jpg"]}')
                # One picture each knows alone, one of a stranger to both.
                samples = [Sample(pathlib.Path(work) / f"{name}.jpg", "", "happiness") for name in (fold, 2)]
                answers = numpy.array([numpy.eye(3)[fold], [0.0, 0.3 + fold, 0.7 - fold / 2]])
                report.with_suffix(".csv").write_text(evaluation._table(samples, answers, CLASSES, work))
            pooled = evaluation.pool(reports, CLASSES, {"0": {"sex": "f"}, "1": {"sex": "m"}})
        self.assertEqual(pooled["without_face"], ["3.jpg"], "asked of two networks, one picture")
        self.assertEqual((pooled["networks"], pooled["pictures"], pooled["happiness_recall"]), (2, 3, 0.6667))
        self.assertEqual(pooled["groups"]["sex"]["m"]["happiness_recall"], 1.0)

    def test_real_photographs_by_group(self):
        samples = [
            Sample(pathlib.Path(f"{n}.jpg"), "", e) for n, e in ((1, "happiness"), (2, "happiness"), (3, "neutral"))
        ]
        probabilities = numpy.eye(3)[[1, 0, 2]]
        groups = {"1": {"sex": "f", "age": "15-29"}, "2": {"sex": "m"}, "3": {"sex": "f"}}
        result = evaluation.summarise(samples, probabilities, CLASSES, groups)
        self.assertEqual((result["happiness_recall"], result["false_expression_rate"]), (0.5, 0.0))
        self.assertEqual(result["groups"]["sex"]["f"]["happiness_recall"], 1.0)
        self.assertEqual(result["groups"]["sex"]["m"]["false_expression_rate"], None)

    def test_ages_become_spans_and_codes_stay(self):
        with tempfile.TemporaryDirectory() as work:
            table = pathlib.Path(work) / "groups.csv"
            lines = (f"{n}.jpg,{20 + 5 * n},{n % 2 + 1},inf,{n + 1}\n" for n in range(7))
            table.write_text("picture,age,sex,note,skin\n" + "".join(lines))
            groups = evaluation.read_groups(table)
        self.assertEqual(groups["0"], {"age": "15-29", "sex": "1", "note": "inf", "skin": "1"})
        self.assertEqual(groups["6"]["age"], "45-59")

    def test_the_better_form(self):
        def form(size, accuracy, same, time, **more):
            return {"bytes": size, "accuracy": accuracy, "same_class_as_float": same, "milliseconds": time, **more}

        forms = {
            "float": form(100, 0.8, 1, 10),
            "weights": form(25, 0.8, 0.99, 10.2),
            "integers": form(26, 0.78, 0.99, 5),
        }
        lost = {"float": "is larger", "integers": "loses 2.0 points of accuracy"}
        self.assertEqual(quantise.better(forms), ("weights", lost))
        forms["integers"]["accuracy"] = 0.795
        chosen, why_not = quantise.better(forms)
        self.assertEqual(chosen, "integers")
        self.assertEqual(why_not["weights"], "takes 2.0 times as long as another form")
        forms["integers"]["tract_to_onnxruntime"] = 0.5
        chosen, why_not = quantise.better(forms)
        self.assertEqual(chosen, "weights")
        self.assertEqual(why_not["integers"], "answers otherwise in tract than in onnxruntime, by 0.5")
        forms["integers"] = form(26, 0.8, 1, None, problem="does not load\nat all")
        self.assertEqual(quantise.better(forms)[1]["integers"], "does not run in tract: does not load")

#!/usr/bin/env python3
"""Reference explanations: scikit-image's SLIC and PyPI lime with onnxruntime, on crops that `ferscope crop` wrote.

    ferscope crop demo --size 112 --out crops
    scripts/reference/explanations.py crops --out tests/data/explanations

For each crop it writes <name>.png (the crop), <name>_segments.png (scikit-image's labels) and, in explanations.json, the weights and
intercept that lime fits for the class the network predicts. All faces share one design, design.npy: a face with k superpixels
uses its first k columns. "many" are the weights of 5,000 samples of their own, to which few-sample designs are compared.
tests/reference.rs compares ferscope with these files.

"""

import argparse
import json
import pathlib
import shutil
import tomllib

import numpy
import onnx
import onnxruntime
from lime import lime_image
from onnx import numpy_helper
from PIL import Image
import sklearn.metrics
from skimage.segmentation import slic
from sklearn.linear_model import Ridge

ROOT = pathlib.Path(__file__).resolve().parents[2]
NETWORK = "face-api-expression"
SAMPLES = 1000
MANY = 5000
MOST_SUPERPIXELS = 48
SEED = 20241123


class GivenDesign(numpy.random.RandomState):
    """A random state that hands lime the design it is to use."""

    def __init__(self, design):
        super().__init__(0)
        self.design = design

    def randint(self, low, high=None, size=None, dtype=int):
        columns = size // len(self.design)
        return self.design[:, :columns].flatten()


def design_matrix():
    """The paper's design: fair bits, the first row all ones."""
    design = numpy.random.default_rng(SEED).integers(0, 2, (SAMPLES, MOST_SUPERPIXELS), dtype=numpy.uint8)
    design[0] = 1
    return design


def superpixels(crop):
    """Section 3.4's SLIC, on the grey crop replicated to RGB floats."""
    rgb = numpy.repeat(crop[:, :, None], 3, axis=2) / 255.0
    return slic(rgb, n_segments=30, compactness=20, sigma=0, max_num_iter=10, start_label=0,
                enforce_connectivity=True, min_size_factor=0.5)


def widened(path):
    """The network with its stored bytes turned into floats once, as tract does when it loads it: onnxruntime would do it anew on every run."""
    model = onnx.load(path)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        inputs = [stored.get(name) for name in node.input]
        if node.op_type == "DequantizeLinear" and inputs[0] is not None:
            # One scale for all, or one per slice along an axis.
            axis = next((own.i for own in node.attribute if own.name == "axis"), 1)
            shape = [-1 if place == axis else 1 for place in range(inputs[0].ndim)] if inputs[1].ndim else []
            zero = inputs[2].astype(numpy.float32).reshape(shape) if len(inputs) > 2 else 0
            values = (inputs[0].astype(numpy.float32) - zero) * inputs[1].reshape(shape)
        elif node.op_type == "Cast" and inputs[0] is not None:
            values = inputs[0].astype(numpy.float32)
        else:
            kept.append(node)
            continue
        model.graph.initializer.append(numpy_helper.from_array(values.astype(numpy.float32), node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model.SerializeToString()


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Without warnings about the stored bytes that nothing uses any more.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(widened(path), options, providers=["CPUExecutionProvider"])


class Classifier:
    """The shipped expression network in onnxruntime."""

    def __init__(self, threads=2):
        manifest = tomllib.loads((ROOT / "models/models.toml").read_text())
        self.spec = next(model for model in manifest["model"] if model["name"] == NETWORK)
        self.session = session(ROOT / "models" / self.spec["file"], threads)
        self.input = self.session.get_inputs()[0].name

    def __call__(self, images):
        """Probabilities of RGB images with values 0..1."""
        low, high = self.spec["input"]["range"]
        rows = []
        for image in numpy.asarray(images):
            values = numpy.round(image * 255) / 255 * (high - low) + low
            if self.spec["input"]["layout"] == "nchw":
                values = values.transpose(2, 0, 1)
            rows.append(self.session.run(None, {self.input: values[None].astype(numpy.float32)})[0][0])
        return numpy.array(rows)


def explain(classifier, crop, labels, design):
    """lime's explanation of the predicted class: (class index, weights, intercept, r2)."""
    rgb = numpy.repeat(crop[:, :, None], 3, axis=2) / 255.0
    explainer = lime_image.LimeImageExplainer(kernel_width=0.25, random_state=GivenDesign(design))
    explainer.random_state = GivenDesign(design)
    explanation = explainer.explain_instance(
        rgb, classifier, top_labels=1, hide_color=0, num_features=100_000, num_samples=len(design),
        segmentation_fn=lambda _: labels, random_seed=0)
    label = explanation.top_labels[0]
    weights = numpy.zeros(labels.max() + 1)
    for segment, weight in explanation.local_exp[label]:
        weights[segment] = weight
    score = explanation.score
    return label, weights, explanation.intercept[label], score[label] if isinstance(score, dict) else score


def weights_of_many(classifier, crop, labels, label, seed):
    """The weights of 5,000 independent samples, fitted as lime does."""
    design = numpy.random.default_rng([SEED, seed]).integers(0, 2, (MANY, labels.max() + 1))
    design[0] = 1
    targets = []
    for row in design:
        visible = numpy.where(row[labels] == 1, crop, 0)
        targets.append(classifier([numpy.repeat(visible[:, :, None], 3, axis=2) / 255.0])[0][label])
    distances = sklearn.metrics.pairwise_distances(design, design[:1], metric="cosine").ravel()
    kernel = numpy.sqrt(numpy.exp(-(distances ** 2) / 0.25 ** 2))
    return Ridge(alpha=1, fit_intercept=True).fit(design, targets, sample_weight=kernel).coef_


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crops", type=pathlib.Path, help="folder that `ferscope crop --size 112` wrote")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the vectors go")
    parser.add_argument("--faces", type=int, default=30, help="how many faces, evenly spread over the folder")
    parser.add_argument("--explained", type=int, default=20, help="how many of them are explained too")
    arguments = parser.parse_args()

    paths = sorted(arguments.crops.glob("*.png"))
    paths = [paths[index * len(paths) // arguments.faces] for index in range(min(arguments.faces, len(paths)))]
    arguments.out.mkdir(parents=True, exist_ok=True)
    design = design_matrix()
    numpy.save(arguments.out / "design.npy", design)
    classifier = Classifier()
    faces = []
    for index, path in enumerate(paths):
        crop = numpy.array(Image.open(path).convert("L"))
        labels = superpixels(crop)
        shutil.copy(path, arguments.out / path.name)
        Image.fromarray(labels.astype(numpy.uint16)).save(arguments.out / f"{path.stem}_segments.png")
        face = {"name": path.stem, "segments": int(labels.max()) + 1}
        if index < arguments.explained:
            label, weights, intercept, r2 = explain(classifier, crop, labels, design)
            face |= {"class": classifier.spec["classes"][label], "weights": weights.tolist(),
                     "intercept": float(intercept), "r2": float(r2),
                     "many": weights_of_many(classifier, crop, labels, label, index).tolist()}
        faces.append(face)
        print(f"{index + 1} of {len(paths)}: {path.stem} {face['segments']} superpixels", flush=True)
    (arguments.out / "explanations.json").write_text(json.dumps({"faces": faces}, indent=1) + "\n")


if __name__ == "__main__":
    main()

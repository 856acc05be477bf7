#!/usr/bin/env python3
"""How well explanations of few samples agree with one of many: correlation of the weights with a 5,000-sample reference.

    scripts/reference/few_samples.py PICTURES --ferscope target/release/ferscope

For each face: one reference of 5,000 independent samples, then for each design and number of samples an explanation from each of
several seeds. Printed is the correlation of the superpixels' weights with the reference's, averaged over faces and seeds, and the
same for the relevance images (every superpixel counted by its area).
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy


def explain(arguments, out, samples, design, seed):
    """Runs ferscope on all pictures: {folder: (weights, relevance)}."""
    command = [arguments.ferscope, "explain", *arguments.pictures, "--samples", str(samples), "--design", design,
               "--seed", str(seed), "--network", arguments.network, "--out", out / f"{design}-{samples}-{seed}"]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    faces = {}
    for record in sorted(out.glob(f"{design}-{samples}-{seed}/*/explanation.json")):
        weights = numpy.array(json.loads(record.read_text())["weights"])
        faces[record.parent.name] = weights, numpy.load(record.parent / "relevance.npy")
    return faces


def correlation(a, b):
    return numpy.corrcoef(a.ravel(), b.ravel())[0, 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", help="pictures with faces")
    parser.add_argument("--ferscope", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--network", default="face-api-expression")
    parser.add_argument("--samples", type=int, nargs="+", default=[64, 100, 150, 300, 1000])
    parser.add_argument("--designs", nargs="+", default=["iid", "hadamard"])
    parser.add_argument("--seeds", type=int, default=3, help="explanations of each kind and face")
    parser.add_argument("--reference", type=int, default=5000, help="samples of the reference")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        reference = explain(arguments, out, arguments.reference, "iid", 1_000_003)
        print(f"{len(reference)} faces, {arguments.seeds} seeds; weights (relevance image)")
        print("samples " + "".join(f"{design:>16}" for design in arguments.designs))
        for samples in arguments.samples:
            cells = []
            for design in arguments.designs:
                pairs = [(weights, images)
                         for seed in range(arguments.seeds)
                         for name, (weights, images) in explain(arguments, out, samples, design, seed).items()
                         for weights, images in [(correlation(weights, reference[name][0]),
                                                  correlation(images, reference[name][1]))]]
                weights, images = numpy.mean(pairs, axis=0)
                cells.append(f"{weights:.3f} ({images:.3f})")
            print(f"{samples:7} " + "".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""ferscope's speed against its peers, measured in one run on one machine, as ratios.

    scripts/reference/speed.py CROP --ferscope target/release/ferscope --picture PICTURE

Networks: milliseconds per evaluation in tract (`ferscope bench`) and in onnxruntime, one thread each.
Explanation: the same crop, superpixels and number of samples in PyPI lime with onnxruntime and in ferscope, with the same
number of threads, from the superpixels to the weights. Peers take turns, and each figure is the median of several rounds.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import time
import tomllib

import numpy
from PIL import Image

import explanations

ROOT = explanations.ROOT


def onnxruntime_milliseconds(spec, threads, repeat):
    session = explanations.session(ROOT / "models" / spec["file"], threads)
    size = spec["input"]
    shape = ((1, 3, size["height"], size["width"]) if size["layout"] == "nchw"
             else (1, size["height"], size["width"], 3))
    feed = {session.get_inputs()[0].name: numpy.random.default_rng(0).random(shape, numpy.float32)}
    session.run(None, feed)
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        session.run(None, feed)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def ferscope_bench(arguments, threads, samples, repeat, network, detector=256):
    command = [arguments.ferscope, "bench", arguments.picture, "--json", "--threads", str(threads), "--samples",
               str(samples), "--repeat", str(repeat), "--network", network, "--detector", str(detector)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def lime_milliseconds(crop, samples, threads):
    classifier = explanations.Classifier(threads)
    labels = explanations.superpixels(crop)
    design = explanations.design_matrix()[:samples]
    start = time.perf_counter()
    explanations.superpixels(crop)
    explanations.explain(classifier, crop, labels, design)
    return 1e3 * (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crop", type=pathlib.Path, help="a crop of 112 x 112 pixels from `ferscope crop --size 112`")
    parser.add_argument("--picture", required=True, help="the picture it was cropped from")
    parser.add_argument("--ferscope", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    bench = ferscope_bench(arguments, 1, 10, 40, explanations.NETWORK)
    print(f"{bench['processor']}; ferscope {bench['version']}\n")
    print("one evaluation, one thread      ferscope ms  onnxruntime ms  ratio")
    manifest = tomllib.loads((ROOT / "models/models.toml").read_text())
    for spec in manifest["model"]:
        stage = {"detector": "detect", "landmarks": "landmarks", "expression": "classify"}[spec["job"]]
        if stage == "detect":
            bench = ferscope_bench(arguments, 1, 10, 40, explanations.NETWORK, spec["input"]["width"])
        elif stage == "classify":
            bench = ferscope_bench(arguments, 1, 2, 40, spec["name"])
        stages = {row["stage"]: row["median_ms"] for row in bench["stages"]}
        peer = onnxruntime_milliseconds(spec, 1, 40)
        note = "" if stage == "classify" else " (with preparing its input)"
        print(f"{spec['name']:<30} {stages[stage]:>12.2f} {peer:>15.2f} {stages[stage] / peer:>6.2f}{note}")

    crop = numpy.array(Image.open(arguments.crop).convert("L"))
    print(f"\none explanation, {arguments.threads} threads")
    for ours, theirs in [(1000, 1000), (64, 150), (100, 300)]:
        mine, peers = [], []
        for _ in range(arguments.rounds):
            report = ferscope_bench(arguments, arguments.threads, ours, 3, explanations.NETWORK)
            stages = {stage["stage"]: stage["median_ms"] for stage in report["stages"]}
            mine.append(stages["superpixels"] + stages["explain"])
            peers.append(lime_milliseconds(crop, theirs, arguments.threads))
        mine, peers = statistics.median(mine), statistics.median(peers)
        print(f"ferscope {ours:>5} samples {mine:>8.0f} ms   lime + onnxruntime {theirs:>5} samples {peers:>8.0f} ms   "
              f"ratio {mine / peers:.2f}")


if __name__ == "__main__":
    main()

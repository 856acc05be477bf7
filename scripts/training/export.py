"""Keras network -> NAME.onnx with NAME.toml beside it, as `ferscope --network NAME.onnx` reads them; checked."""

import hashlib
import io
import pathlib

import numpy
import onnx
import onnxruntime
from PIL import Image

import augmentation
import ferscope
import files
import onnx_graph
from errors import Failure

# The largest accepted difference of a probability between Keras and onnxruntime.
LARGEST_DIFFERENCE = 1e-4
# What other runtimes may differ by on the golden picture: of a float form, and of one computed in integers.
TOLERANCE = 1e-3
INTEGER_TOLERANCE = 5e-2


def export(network, name, folder, classes, licence="", source=""):
    """Writes the float form of a `keras.Sequential`; returns the ONNX file's path and the largest difference found."""
    folder = pathlib.Path(folder)
    model = onnx_graph.convert(network, name)
    path = folder / f"{name}.onnx"
    files.write_bytes(path, model.SerializeToString())
    side = network.input_shape[1]
    pictures = check_pictures(side)
    expected = numpy.asarray(network(augmentation.plain(pictures), training=False))
    found = Runner(path).probabilities(pictures)
    difference = float(numpy.abs(expected - found).max())
    if not difference <= LARGEST_DIFFERENCE:
        path.unlink()
        raise Failure(
            f"{path}: differs from Keras by {difference:.2g}, at most {LARGEST_DIFFERENCE} is accepted; it was "
            "removed. This is a fault of scripts/training/onnx_graph.py"
        )
    describe(path, classes, side, TOLERANCE, licence, source)
    return path, difference


def describe(path, classes, side, tolerance, licence="", source=""):
    """Writes the description NAME.toml and the golden pair (a drawing, and what onnxruntime answers to it)."""
    name = path.stem
    picture = golden_picture(side)
    answer = Runner(path).probabilities(picture[None])[0].astype("<f4")
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    files.write_bytes(path.with_name(f"{name}.golden.png"), buffer.getvalue())
    buffer = io.BytesIO()
    numpy.save(buffer, answer)
    files.write_bytes(path.with_name(f"{name}.golden.npy"), buffer.getvalue())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    quoted = ", ".join(f'"{word}"' for word in classes)
    text = f"""name = "{name}"
file = "{path.name}"
sha256 = "{digest}"
licence = {_quote(licence)}
source = {_quote(source)}
classes = [{quoted}]

[input]
width = {side}
height = {side}
colour = "grey"
range = [0.0, 1.0]
layout = "nchw"

[[output]]
name = "{onnx_graph.OUTPUT}"
shape = [1, {len(classes)}]

[golden]
input = "{name}.golden.png"
output = "{name}.golden.npy"
tolerance = {tolerance}
"""
    files.write_text(path.with_suffix(".toml"), text)


def _quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def golden_picture(side):
    """The drawing of a face that the repository has for its other networks, grey, (side, side) bytes."""
    drawing = ferscope.ROOT / "models" / "golden" / "face-256.png"
    try:
        with Image.open(drawing) as picture:
            return numpy.asarray(picture.convert("L").resize((side, side), Image.Resampling.LANCZOS))
    except OSError as error:
        raise Failure(f"{drawing}: cannot be read ({error}): check out the repository again") from None


def check_pictures(side, count=6):
    """Pictures to compare runtimes with: the drawing, black, white, and noise of several grains."""
    generator = numpy.random.default_rng(0)
    pictures = [
        golden_picture(side),
        numpy.zeros((side, side), numpy.uint8),
        numpy.full((side, side), 255, numpy.uint8),
    ]
    while len(pictures) < count:
        grain = 2 ** (len(pictures) % 6 + 2)
        noise = Image.fromarray(generator.integers(0, 256, (grain, grain), numpy.uint8))
        pictures.append(numpy.asarray(noise.resize((side, side), Image.Resampling.BILINEAR)))
    return numpy.stack(pictures)


class Runner:
    """An exported network in onnxruntime."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # It would else compute layers with int8 weights in rougher integers than what is written in the file.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def probabilities(self, pictures):
        """Probabilities (n, classes) of grey byte crops (n, side, side)."""
        rows = []
        for picture in pictures:
            plane = picture.astype(numpy.float32) / 255
            tensor = numpy.broadcast_to(plane, (1, 3, *plane.shape))
            rows.append(self.session.run(None, {onnx_graph.INPUT: numpy.ascontiguousarray(tensor)})[0][0])
        return numpy.stack(rows)


def load(path):
    """An ONNX file, as a graph that can be changed."""
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf's own kinds of errors
        raise Failure(f"{path}: is no ONNX file that can be read: {error}") from None

"""The two int8 forms of an exported network, and which of the three is the better one to ship.

weights   Weights are int8 with a scale per output channel, widened when the file is loaded: a quarter of the bytes, the
          arithmetic and speed of float. For every network.
integers  Convolutions compute in integers (QLinearConv, uint8, one scale per tensor): the only integer operator that
          tract runs as one. Depthwise convolutions stay float (tract's integer one is far slower), and so
          does what lies between convolutions, the dense layers, and softmax (a quantised one silently turns into a
          constant in tract).
"""

import logging
import pathlib
import tempfile

import numpy
import onnx
from onnx import helper, numpy_helper

import crops
import export
import files
import in_tract
import metrics
import onnx_graph
from data.sample import Sample, pictures_below
from errors import Failure

# Smaller constants stay float: their scales would weigh as much.
SMALLEST = 256
# A form is passed over that loses more accuracy than this, agrees with float less than that, or is so many times slower.
LARGEST_LOSS = 0.01
SMALLEST_AGREEMENT = 0.97
SLOWER = 1.1
SMALLEST_HEATMAP_CORRELATION = 0.98
# Pictures of the calibration folder that ranges are measured on.
CALIBRATION_PICTURES = 200


def quantise(path, classes, faces, labels, pictures, calibration, out, program):
    """Writes NAME-int8-weights.onnx and NAME-int8.onnx (calibrated on the folder `calibration`), each with its
    description; returns the comparison of the forms.

    `faces` (n, side, side) and `labels` (n) are those the forms are compared on, of people not trained on.
    `pictures` are files whose explanations are compared too; there may be none.
    """
    forms = {"float": path}
    side = export.load(path).graph.input[0].type.tensor_type.shape.dim[2].dim_value
    forms["weights"] = path.with_name(f"{path.stem}-int8-weights.onnx")
    files.write_bytes(forms["weights"], weights_only(export.load(path)).SerializeToString())
    export.describe(forms["weights"], classes, side, export.TOLERANCE, source=f"{path.stem}, weights in int8")
    measured_on = calibration_faces(calibration, side, out, program)
    forms["integers"] = path.with_name(f"{path.stem}-int8.onnx")
    integers(path, forms["integers"], measured_on)
    tolerance = export.INTEGER_TOLERANCE
    export.describe(forms["integers"], classes, side, tolerance, source=f"{path.stem}, convolutions in integers")
    return compare(forms, classes, faces, labels, pictures, program)


def weights_only(model):
    """The model with its large constants stored as int8 per output channel, widened by DequantizeLinear."""
    graph = model.graph
    # The axis of the output channels: convolutions have it first, the dense layers (Gemm, in x out) second.
    axes = {
        node.input[1]: 0 if node.op_type == "Conv" else 1 for node in graph.node if node.op_type in ("Conv", "Gemm")
    }
    kept, nodes = [], []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        if tensor.name not in axes or array.size < SMALLEST:
            kept.append(tensor)
            continue
        axis = axes[tensor.name]
        others = tuple(index for index in range(array.ndim) if index != axis)
        largest = numpy.abs(array).max(axis=others)
        scale = numpy.where(largest > 0, largest / 127, 1).astype(numpy.float32)
        shape = [-1 if index == axis else 1 for index in range(array.ndim)]
        stored = numpy.clip(numpy.rint(array / scale.reshape(shape)), -127, 127).astype(numpy.int8)
        names = [f"{tensor.name}.{part}" for part in ("int8", "scale", "zero_point")]
        values = (stored, scale, numpy.zeros(len(scale), numpy.int8))
        kept += [numpy_helper.from_array(value, name) for name, value in zip(names, values)]
        nodes.append(
            helper.make_node("DequantizeLinear", names, [tensor.name], name=f"{tensor.name}.widened", axis=axis)
        )
    nodes += graph.node
    result = helper.make_model(
        helper.make_graph(nodes, graph.name, graph.input, graph.output, kept),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
        producer_name=model.producer_name,
    )
    onnx.checker.check_model(result)
    return result


def integers(source, target, pictures):
    """Writes the form whose convolutions compute in integers; ranges are measured on `pictures` (n, side, side)."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(pictures)

        def get_next(self):
            picture = next(self.left, None)
            if picture is None:
                return None
            plane = picture.astype(numpy.float32) / 255
            return {onnx_graph.INPUT: numpy.broadcast_to(plane, (1, 3, *plane.shape)).copy()}

    # It advises steps that onnx_graph.py has done already.
    logging.getLogger().setLevel(logging.ERROR)
    model = export.load(source)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        half_done = pathlib.Path(work) / "integers.onnx"
        quantize_static(
            str(source),
            str(half_done),
            Reader(),
            quant_format=QuantFormat.QOperator,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=float_convolutions(model),
            per_channel=False,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QUInt8,
        )
        quantised = onnx.load(half_done)
    # What stays float has its weights stored as bytes all the same.
    files.write_bytes(target, weights_only(quantised).SerializeToString())


def float_convolutions(model):
    """Names of the convolutions that stay float: depthwise ones, and those of squeeze-and-excitation (one pixel)."""
    shapes = onnx.shape_inference.infer_shapes(model).graph.value_info
    one_pixel = {
        value.name
        for value in shapes
        if [dimension.dim_value for dimension in value.type.tensor_type.shape.dim][2:] == [1, 1]
    }
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv"
        and (node.output[0] in one_pixel or any(a.name == "group" and a.i > 1 for a in node.attribute))
    ]


def calibration_faces(folder, side, out, program):
    """Crops of the faces in the pictures below `folder`."""
    found = pictures_below(pathlib.Path(folder))
    if not found:
        raise Failure(f"{folder}: holds no picture: --calibration needs pictures of faces")
    # Evenly over the whole folder.
    chosen = found[:: max(len(found) // CALIBRATION_PICTURES, 1)][:CALIBRATION_PICTURES]
    faces, _ = crops.load([Sample(path, "", "") for path in chosen], side, pathlib.Path(out) / "crops", program)
    if not len(faces):
        raise Failure(f"{folder}: no face found in any of {len(chosen)} pictures")
    return faces


def compare(forms, classes, faces, labels, pictures, program):
    """Accuracy, agreement with float, bytes and milliseconds in tract of each form; names the better."""
    report = {"compared_on_pictures": len(faces), "forms": {}}
    reference = None
    for name, path in forms.items():
        probabilities = export.Runner(path).probabilities(faces) if len(faces) else numpy.zeros((0, len(classes)))
        reference = probabilities if reference is None else reference
        same = numpy.argmax(probabilities, 1) == numpy.argmax(reference, 1)
        entry = {
            "file": path.name,
            "bytes": path.stat().st_size,
            "accuracy": metrics.measure(labels, probabilities, classes)["accuracy"],
            "same_class_as_float": round(float(same.mean()), 4) if len(same) else None,
            "largest_difference_to_float": round(float(numpy.abs(probabilities - reference).max()), 5)
            if len(same)
            else None,
        }
        if program is not None:
            entry.update(in_tract.milliseconds(path, program))
            if not entry.get("problem"):
                difference = in_tract.largest_difference(path, faces.shape[1], program)
                entry["tract_to_onnxruntime"] = round(difference, 6)
        report["forms"][name] = entry
    if pictures and program is not None:
        running = {name: path for name, path in forms.items() if not report["forms"][name].get("problem")}
        for name, figures in in_tract.heatmap_agreement(running, pictures, program).items():
            report["forms"][name]["explanations"] = figures
    report["better"], report["passed_over"] = better(report["forms"])
    return report


def better(forms):
    """The name of the form to ship, and {another form: why it is not that}.

    Of those that lose little, one not clearly slower than the fastest (10 %), and of these the smallest.
    """
    reference = forms["float"]
    faults = {name: fault(name, entry, reference) for name, entry in forms.items() if name != "float"}
    why_not = {name: words for name, words in faults.items() if words}
    sound = {name: entry for name, entry in forms.items() if name not in why_not}
    # Once loaded, weights in int8 are float again: the same arithmetic, so measured differences are chance.
    if reference.get("milliseconds") and "weights" in sound:
        sound["weights"] = {**sound["weights"], "milliseconds": reference["milliseconds"]}
    if reference.get("milliseconds"):
        fastest = min(entry["milliseconds"] for entry in sound.values())
        for name in [name for name, entry in sound.items() if entry["milliseconds"] > SLOWER * fastest]:
            why_not[name] = f"takes {sound.pop(name)['milliseconds'] / fastest:.1f} times as long as another form"
    chosen = min(sound, key=lambda name: sound[name]["bytes"])
    return chosen, {**why_not, **{name: "is larger" for name in sound if name != chosen}}


def fault(name, entry, reference):
    """Why a quantised form must not be shipped, in words that follow its name; None where it may."""
    if entry.get("problem"):
        return f"does not run in tract: {entry['problem'].splitlines()[0]}"
    accepted = export.INTEGER_TOLERANCE if name == "integers" else export.TOLERANCE
    if not entry.get("tract_to_onnxruntime", 0.0) <= accepted:
        return f"answers otherwise in tract than in onnxruntime, by {entry['tract_to_onnxruntime']:.2g}"
    heatmaps = entry.get("explanations", {}).get("heatmap_correlation", {})
    if heatmaps and min(heatmaps.values()) < SMALLEST_HEATMAP_CORRELATION:
        worst = min(heatmaps, key=heatmaps.get)
        return f"has another heatmap of {worst} than float (correlation {heatmaps[worst]:.3f})"
    if entry["accuracy"] is None:
        return None
    if entry["accuracy"] < reference["accuracy"] - LARGEST_LOSS:
        return f"loses {100 * (reference['accuracy'] - entry['accuracy']):.1f} points of accuracy"
    if entry["same_class_as_float"] < SMALLEST_AGREEMENT:
        return f"gives another class than float for {100 * (1 - entry['same_class_as_float']):.1f} % of the pictures"
    return None

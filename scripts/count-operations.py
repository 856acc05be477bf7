"""Counts what one evaluation of each shipped network costs, for docs/boards.md: multiply-adds and bytes, from the ONNX files alone.

    scripts/with-python scripts/convert-models.requirements.txt scripts/count-operations.py [MODEL.onnx...]

Multiply-adds are those of convolutions and matrix products (depthwise ones told apart: they reuse little and run at memory speed). Bytes are those
of weights as single precision, once, and of every tensor written once and read once.
"""

import pathlib
import sys

import numpy
import onnx


def count(path):
    model = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    graph = model.graph
    shapes = {}
    for value in [*graph.input, *graph.output, *graph.value_info]:
        shapes[value.name] = [dimension.dim_value or 1 for dimension in value.type.tensor_type.shape.dim]
    for tensor in graph.initializer:
        shapes[tensor.name] = list(tensor.dims)
    constants = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        # Weights stored in fewer bits are expanded when they are loaded.
        if node.op_type in ("Constant", "DequantizeLinear") and all(name in constants for name in node.input):
            constants.update(node.output)
    dense = depthwise = weights = moved = 0
    for node in graph.node:
        if all(name in constants for name in node.output):
            continue
        if any(name not in shapes for name in node.output):
            sys.exit(f"{path}: the shape of {node.output[0]} ({node.op_type}) is not known")
        moved += 2 * 4 * sum(int(numpy.prod(shapes[name])) for name in node.output)
        weights += 4 * sum(int(numpy.prod(shapes[name])) for name in node.input if name in constants and name in shapes)
        if node.op_type == "Conv":
            groups = next((a.i for a in node.attribute if a.name == "group"), 1)
            kernel = shapes[node.input[1]]
            operations = int(numpy.prod(shapes[node.output[0]])) * int(numpy.prod(kernel[1:]))
            if groups > 1 and kernel[1] == 1:
                depthwise += operations
            else:
                dense += operations
        elif node.op_type in ("Gemm", "MatMul"):
            inner = shapes[node.input[0]][-1]
            dense += int(numpy.prod(shapes[node.output[0]])) * inner
    return dense, depthwise, weights, moved


paths = sys.argv[1:] or sorted(pathlib.Path("models").glob("*.onnx"))
print(f"{'network':<24} {'dense':>9} {'depthwise':>9}  million multiply-adds; {'weights':>7} {'tensors':>7} MB moved")
for path in map(pathlib.Path, paths):
    dense, depthwise, weights, moved = count(path)
    print(f"{path.stem:<24} {dense / 1e6:>9.1f} {depthwise / 1e6:>9.1f} {'':>22}  {weights / 1e6:>7.1f} {moved / 1e6:>7.1f}")

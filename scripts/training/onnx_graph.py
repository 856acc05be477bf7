"""Keras network -> ONNX graph of plain operators, one path for all twelve networks.

Written out layer by layer rather than by a converter, since the appliance's runtime (tract) wants more than equal
numbers: a fixed batch of 1, channels first throughout, batch normalisation folded into the convolutions, explicit
padding, no shape arithmetic. What a layer becomes is a method of its name; a layer that has none is refused.
"""

import math

import keras
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from errors import Failure

# The oldest that have every operator used here (HardSwish, axes of DequantizeLinear), so the files load widely.
OPERATOR_SET = 14
FORMAT_VERSION = 7

INPUT = "face"
OUTPUT = "probabilities"


def convert(network, name):
    """The ONNX model of a `keras.Sequential`: input `face` (1, 3, side, side), output `probabilities` (1, classes)."""
    side = network.input_shape[1]
    graph = _Graph()
    graph.consumers = _consumers(network)
    graph.add_sequential(network)
    output = graph.name_of(network.outputs[0])
    graph.nodes[-1].output[0] = OUTPUT
    assert output in (OUTPUT, graph.last), "the last layer gives the network's output"
    value = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [value(INPUT, TensorProto.FLOAT, [1, 3, side, side])],
            [value(OUTPUT, TensorProto.FLOAT, [1, network.output_shape[-1]])],
            [numpy_helper.from_array(array, key) for key, array in graph.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPERATOR_SET)],
        ir_version=FORMAT_VERSION,
        producer_name="ferscope scripts/train",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _operations(network):
    """The layers and operations of a network in the order they run, with the networks inside it opened."""
    for operation in network.operations if isinstance(network, keras.Model) else []:
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        else:
            yield operation


def _consumers(network):
    """How many operations read each tensor, by the tensor's identity."""
    counts = {}
    for operation in _operations(network._functional if isinstance(network, keras.Sequential) else network):
        for tensor in operation._inbound_nodes[0].input_tensors:
            counts[id(tensor)] = counts.get(id(tensor), 0) + 1
    return counts


def _same_padding(size, kernel, stride):
    """Pixels before and after, as TensorFlow pads "same": the odd one after."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class _Graph:
    """The ONNX graph while it is written. Tensors of rank 4 are channels first; Keras has them last."""

    def __init__(self):
        self.nodes = []
        self.constants = {}
        self.names = {}  # Keras tensor (by identity) -> ONNX tensor
        self.consumers = {}
        self.convolutions = {}  # ONNX tensor -> (weights, bias), where nothing has been applied to it yet
        self.paddings = {}  # ONNX tensor -> (tensor before, pixels), for zero padding that a convolution may take over
        self.spatial = set()  # tensors that are (1, C, 1, 1) here and (1, C) in Keras
        self.flattened = {}  # ONNX tensor -> (height, width, channels) before it was flattened
        self.last = None

    # Writing.

    def name_of(self, tensor):
        return self.names[id(tensor)]

    def constant(self, name, array, data_type=numpy.float32):
        self.constants[name] = numpy.ascontiguousarray(array, dtype=data_type)
        return name

    def node(self, operator, inputs, name, **attributes):
        """Adds a node; its output has its name."""
        if any(existing.name == name for existing in self.nodes[-4:]):
            name = f"{name}.{operator.lower()}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        self.last = name
        return name

    def activation(self, function, tensor, name):
        """Adds what a Keras activation function is in ONNX."""
        kind = getattr(function, "__name__", str(function))
        if kind == "linear":
            return tensor
        if kind == "relu":
            return self.node("Relu", [tensor], f"{name}.relu")
        if kind == "sigmoid":
            return self.node("Sigmoid", [tensor], f"{name}.sigmoid")
        if kind == "softmax":
            return self.node("Softmax", [tensor], f"{name}.softmax", axis=-1)
        if kind == "silu":
            gate = self.node("Sigmoid", [tensor], f"{name}.sigmoid")
            return self.node("Mul", [tensor, gate], f"{name}.silu")
        if kind == "hard_silu":
            return self.node("HardSwish", [tensor], f"{name}.hard_swish")
        raise Failure(f"layer `{name}`: the activation `{kind}` has no ONNX form here: add it to onnx_graph.py")

    # Walking.

    def add_sequential(self, network):
        """Adds the layers of a Sequential, or of an application inside one."""
        self.names[id(network._functional.inputs[0])] = INPUT
        for layer in network._functional.operations:
            node = layer._inbound_nodes[-1]
            if isinstance(layer, keras.Model):
                self.add_application(layer, node)
            else:
                self.add(layer, node)

    def add_application(self, application, node):
        inner = application.inputs[0]
        self.names[id(inner)] = self.name_of(node.input_tensors[0])
        for operation in application.operations:
            self.add(operation, operation._inbound_nodes[0])
        self.names[id(node.output_tensors[0])] = self.name_of(application.outputs[0])
        self.consumers[id(application.outputs[0])] = 1

    def add(self, layer, node):
        kind = type(layer).__name__
        if kind == "InputLayer":
            self.names.setdefault(id(node.output_tensors[0]), INPUT)
            return
        method = getattr(self, f"add_{kind}", None)
        if method is None:
            raise Failure(f"layer `{layer.name}`: {kind} has no ONNX form here: add it to onnx_graph.py")
        result = method(layer, node, *(self.name_of(tensor) for tensor in node.input_tensors))
        self.names[id(node.output_tensors[0])] = result

    # The layers, by their Keras names.

    def _padding(self, layer, tensor, shape, kernel):
        """The ONNX attribute `pads`, and the tensor to read: explicit zero padding before a "valid" one is taken in."""
        if layer.padding == "same":
            rows = _same_padding(shape[1], kernel[0], layer.strides[0])
            columns = _same_padding(shape[2], kernel[1], layer.strides[1])
            return tensor, [rows[0], columns[0], rows[1], columns[1]]
        return tensor, [0, 0, 0, 0]

    def _convolve(self, name, layer, node, tensor, kernel, bias, group):
        """`kernel` is (output channels, input channels per group, height, width)."""
        size = kernel.shape[2:]
        shape = node.input_tensors[0].shape
        tensor, pads = self._padding(layer, tensor, shape, size)
        if tensor in self.paddings and layer.padding == "valid":
            tensor, pads = self.paddings[tensor]
        weights = self.constant(f"{name}.weights", kernel)
        bias = self.constant(f"{name}.bias", numpy.zeros(kernel.shape[0]) if bias is None else bias)
        result = self.node(
            "Conv",
            [tensor, weights, bias],
            name,
            kernel_shape=size,
            strides=layer.strides,
            pads=pads,
            group=group,
            dilations=layer.dilation_rate,
        )
        self.convolutions[result] = (weights, bias)
        return result

    def _finish(self, layer, result):
        return self.activation(layer.activation, result, layer.name)

    def add_Conv2D(self, layer, node, tensor):
        kernel = numpy.asarray(layer.kernel).transpose(3, 2, 0, 1)
        bias = numpy.asarray(layer.bias) if layer.use_bias else None
        return self._finish(layer, self._convolve(layer.name, layer, node, tensor, kernel, bias, layer.groups))

    def add_DepthwiseConv2D(self, layer, node, tensor):
        kernel = numpy.asarray(layer.kernel)
        height, width, channels, multiplier = kernel.shape
        kernel = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
        bias = numpy.asarray(layer.bias) if layer.use_bias else None
        return self._finish(layer, self._convolve(layer.name, layer, node, tensor, kernel, bias, channels))

    def add_SeparableConv2D(self, layer, node, tensor):
        kernel = numpy.asarray(layer.depthwise_kernel)
        height, width, channels, multiplier = kernel.shape
        kernel = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
        depthwise = self._convolve(f"{layer.name}.depthwise", layer, node, tensor, kernel, None, channels)
        kernel = numpy.asarray(layer.pointwise_kernel).transpose(3, 2, 0, 1)
        weights = self.constant(f"{layer.name}.weights", kernel)
        bias = numpy.asarray(layer.bias) if layer.use_bias else numpy.zeros(kernel.shape[0])
        bias = self.constant(f"{layer.name}.bias", bias)
        result = self.node("Conv", [depthwise, weights, bias], layer.name, kernel_shape=[1, 1])
        self.convolutions[result] = (weights, bias)
        return self._finish(layer, result)

    def add_BatchNormalization(self, layer, node, tensor):
        mean = numpy.asarray(layer.moving_mean, numpy.float64)
        variance = numpy.asarray(layer.moving_variance, numpy.float64)
        scale = 1 / numpy.sqrt(variance + layer.epsilon)
        if layer.scale:
            scale = scale * numpy.asarray(layer.gamma)
        offset = -mean * scale
        if layer.center:
            offset = offset + numpy.asarray(layer.beta)
        if tensor in self.convolutions and self.consumers.get(id(node.input_tensors[0])) == 1:
            weights, bias = self.convolutions[tensor]
            self.constant(weights, self.constants[weights] * scale[:, None, None, None])
            self.constant(bias, self.constants[bias] * scale + offset)
            return tensor
        return self._scale(layer.name, tensor, scale, offset)

    def _scale(self, name, tensor, scale, offset):
        """One factor and summand per channel, or one for all."""
        shape = (1, -1, 1, 1)
        factor = self.constant(f"{name}.scale", numpy.reshape(scale, shape))
        summand = self.constant(f"{name}.offset", numpy.reshape(offset, shape))
        tensor = self.node("Mul", [tensor, factor], f"{name}.multiplied")
        return self.node("Add", [tensor, summand], name)

    def add_Rescaling(self, layer, node, tensor):
        return self._scale(layer.name, tensor, layer.scale, layer.offset)

    def add_Normalization(self, layer, node, tensor):
        deviation = numpy.sqrt(numpy.asarray(layer.variance, numpy.float64)).ravel()
        return self._scale(layer.name, tensor, 1 / deviation, -numpy.asarray(layer.mean).ravel() / deviation)

    def add_ZeroPadding2D(self, layer, node, tensor):
        (top, bottom), (left, right) = layer.padding
        pads = self.constant(f"{layer.name}.pads", [0, 0, top, left, 0, 0, bottom, right], numpy.int64)
        result = self.node("Pad", [tensor, pads], layer.name)
        self.paddings[result] = (tensor, [top, left, bottom, right])
        return result

    def _pool(self, operator, layer, node, tensor, **attributes):
        tensor, pads = self._padding(layer, tensor, node.input_tensors[0].shape, layer.pool_size)
        sizes = {"kernel_shape": layer.pool_size, "strides": layer.strides, "pads": pads}
        return self.node(operator, [tensor], layer.name, **sizes, **attributes)

    def add_MaxPooling2D(self, layer, node, tensor):
        return self._pool("MaxPool", layer, node, tensor)

    def add_AveragePooling2D(self, layer, node, tensor):
        return self._pool("AveragePool", layer, node, tensor, count_include_pad=0)

    def add_GlobalAveragePooling2D(self, layer, node, tensor):
        result = self.node("GlobalAveragePool", [tensor], layer.name)
        self.spatial.add(result)
        return result

    def add_Reshape(self, layer, node, tensor):
        if tensor in self.spatial and tuple(layer.target_shape)[:2] == (1, 1):
            return tensor
        raise Failure(f"layer `{layer.name}`: only a reshape of pooled channels has an ONNX form here")

    def add_Flatten(self, layer, node, tensor):
        result = self.node("Flatten", [tensor], layer.name, axis=1)
        self.flattened[result] = node.input_tensors[0].shape[1:]
        return result

    def add_Dense(self, layer, node, tensor):
        kernel = numpy.asarray(layer.kernel)
        if tensor in self.spatial:
            tensor = self.node("Flatten", [tensor], f"{layer.name}.flatten", axis=1)
        elif tensor in self.flattened:
            height, width, channels = self.flattened[tensor]
            kernel = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        weights = self.constant(f"{layer.name}.weights", kernel)
        bias = self.constant(f"{layer.name}.bias", numpy.asarray(layer.bias))
        return self._finish(layer, self.node("Gemm", [tensor, weights, bias], layer.name))

    def add_Activation(self, layer, node, tensor):
        return self.activation(layer.activation, tensor, layer.name)

    def add_ReLU(self, layer, node, tensor):
        if layer.max_value is None:
            return self.node("Relu", [tensor], layer.name)
        low, high = self.constant("zero", 0.0), self.constant(f"{layer.name}.highest", layer.max_value)
        return self.node("Clip", [tensor, low, high], layer.name)

    def add_Dropout(self, layer, node, tensor):
        return tensor

    def _combine(self, operator, layer, node, tensors):
        # An operation (not a layer) may have a number for its second argument.
        numbers = [argument for argument in node.arguments.args if isinstance(argument, (int, float))]
        tensors = [*tensors, *(self.constant(f"{layer.name}.number", number) for number in numbers)]
        return self.node(operator, tensors, layer.name)

    def add_Add(self, layer, node, *tensors):
        return self._combine("Add", layer, node, tensors)

    def add_Multiply(self, layer, node, *tensors):
        return self._combine("Mul", layer, node, tensors)

    def add_Concatenate(self, layer, node, *tensors):
        return self.node("Concat", tensors, layer.name, axis=1)

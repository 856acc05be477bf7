"""Weights of networks in HDF5, in the layout of Keras 2's `save_weights` (the paper's authors used Keras 2.10)."""

import h5py
import keras
import numpy

from errors import Failure


def load(network, path, name):
    """Sets the weights of a `keras.Sequential` from an HDF5 file; `name` is for messages.

    Both layouts are read: an application nested as one layer of a Sequential, its trainable weights first and the
    moving averages after them; and the layers side by side, as `Model(input, output)` of an application's layers gives.
    Weights are matched in their order, for Keras numbers unnamed layers through a whole session; every shape must fit.
    """
    stored = _read(path)
    expected = _expected(network, is_nested=_is_nested(network, stored))
    found = [weight for _, weights in stored for weight in weights]
    if len(found) != len(expected):
        raise Failure(
            f"{path}: holds {len(found)} weights in {len(stored)} layers, {name} has {len(expected)}: "
            "is it the file of another network?"
        )
    for variable, (place, value) in zip(expected, found):
        if tuple(variable.shape) != value.shape:
            raise Failure(
                f"{path}: `{place}` has the shape {_shape(value.shape)}, {name} has {_shape(variable.shape)} there "
                f"(`{variable.path}`): is it the file of another network, or of another number of classes?"
            )
        if not numpy.isfinite(value).all():
            raise Failure(f"{path}: `{place}` holds values that are no numbers: the file is damaged")
    for variable, (_, value) in zip(expected, found):
        variable.assign(value)


def _shape(shape):
    return " x ".join(map(str, shape))


def _read(path):
    """The layers that have weights, in the file's order: (layer, [(weight's name, array)])."""
    try:
        with h5py.File(path, "r") as file:
            group = file["model_weights"] if "layer_names" not in file.attrs and "model_weights" in file else file
            if "layer_names" not in group.attrs:
                raise Failure(f"{path}: is HDF5 but no Keras weights file (it has no `layer_names`)")
            layers = []
            for layer in _names(group, "layer_names"):
                weights = [(f"{layer}/{key}", group[layer][key][()]) for key in _names(group[layer], "weight_names")]
                if weights:
                    layers.append((layer, weights))
            return layers
    except (OSError, KeyError) as error:
        raise Failure(f"{path}: is no readable HDF5 file, or incomplete ({error}): fetch it again") from None


def _names(group, attribute):
    """A list of names; Keras splits long ones into attributes numbered from 0."""
    attributes = group.attrs
    names = list(attributes.get(attribute, []))
    number = 0
    while f"{attribute}{number}" in attributes:
        names.extend(attributes[f"{attribute}{number}"])
        number += 1
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _is_nested(network, stored):
    """Whether the file has the whole application in one layer."""
    inner = next((layer for layer in network.layers if isinstance(layer, keras.Model)), None)
    return inner is not None and any(len(weights) == len(inner.weights) for _, weights in stored)


def _expected(network, is_nested):
    """The network's variables in the order of the file."""
    ordered = []
    for layer in network.layers:
        parts = layer.layers if isinstance(layer, keras.Model) and not is_nested else [layer]
        for part in parts:
            ordered += [*part.trainable_weights, *part.non_trainable_weights]
    return ordered

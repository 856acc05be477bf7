"""Writes weights as Keras 2.10's `save_weights("x.h5")` lays them out, for tests.

The layout was compared with files that Keras 2.12 itself wrote, of all twelve networks, nested and side by side.
"""

import h5py
import keras
import numpy


def save_nested(network, path):
    """A Sequential with the application as one layer: the form of the paper's authors."""
    _save([(layer.name, _ordered(layer)) for layer in network.layers], path)


def save_flat(network, path):
    """The application's layers side by side, as `Model(input, output)` of its own layers."""
    layers = []
    for layer in network.layers:
        layers += layer.layers if isinstance(layer, keras.Model) else [layer]
    _save([(layer.name, _ordered(layer)) for layer in layers], path)


def _ordered(layer):
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _save(layers, path):
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.10.0"
        _save_names(file, "layer_names", [name for name, _ in layers])
        for layer, variables in layers:
            group = file.create_group(layer)
            names = [f"{variable.path}_{index}:0" for index, variable in enumerate(variables)]
            _save_names(group, "weight_names", names)
            for name, variable in zip(names, variables):
                group.create_dataset(name, data=numpy.asarray(variable))


def _save_names(group, attribute, names):
    """Keras splits lists that are larger than an HDF5 attribute may be."""
    encoded = [name.encode() for name in names]
    parts = 1
    while any(len(part) and numpy.array(part).nbytes > 64512 for part in numpy.array_split(encoded, parts)):
        parts += 1
    if parts == 1:
        group.attrs[attribute] = encoded
    else:
        for number, part in enumerate(numpy.array_split(encoded, parts)):
            group.attrs[f"{attribute}{number}"] = part

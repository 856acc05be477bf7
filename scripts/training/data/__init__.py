"""Faces with labels: one adapter per data set, each reads the folder as its distributor lays it out.

An adapter is a module with `NAME`, `LAYOUT` (one line, for messages), `recognises(folder)` and `read(folder)`, which
yields samples. To add a data set, write one more module and name it in `ADAPTERS`.
"""

import pathlib

from data import bu_4dfe, ck_plus, fega, jaffe, plain, synthetic, wsefep
from data.sample import Sample
from errors import Failure

# Tried in this order: the plain layout last, for it is the least particular.
ADAPTERS = (ck_plus, bu_4dfe, jaffe, wsefep, fega, synthetic, plain)

__all__ = ["ADAPTERS", "Sample", "read"]


def read(argument):
    """The samples of `FOLDER`, or of `LAYOUT:FOLDER` where the layout is to be named, as in `fega:faces/FEGA`."""
    name, separator, rest = argument.partition(":")
    named = {adapter.NAME: adapter for adapter in ADAPTERS}
    if separator and name in named:
        adapter, folder = named[name], pathlib.Path(rest)
        _require_folder(folder)
    else:
        folder = pathlib.Path(argument)
        _require_folder(folder)
        adapter = next((adapter for adapter in ADAPTERS if adapter.recognises(folder)), None)
    if adapter is None:
        entries = sorted(entry.name for entry in folder.iterdir())
        found = ", ".join(entries[:6]) + (", ..." if len(entries) > 6 else "") or "nothing"
        layouts = "\n".join(f"  {adapter.NAME}: {adapter.LAYOUT}" for adapter in ADAPTERS)
        raise Failure(f"{folder}: has none of the layouts known here; it holds {found}. Expected one of\n{layouts}")
    samples = list(adapter.read(folder))
    if not samples:
        raise Failure(f"{folder}: no labelled picture found in the layout of {adapter.NAME}: {adapter.LAYOUT}")
    return samples


def read_all(arguments):
    """The samples of several folders together."""
    return [sample for argument in arguments for sample in read(argument)]


def _require_folder(folder):
    if not folder.is_dir():
        raise Failure(f"{folder}: is no folder: give the folder the pictures were unpacked to")

"""Writing results so that a power cut leaves the old file or the new one."""

import json
import os
import pathlib

from errors import Failure


def write_bytes(path, data):
    path = pathlib.Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise Failure(f"{path}: cannot be written: {error.strerror}") from None


def write_text(path, text):
    write_bytes(path, text.encode())


def write_json(path, value):
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def answers(path, asked):
    """Whether a report is there and says what is asked now; those of older programs do not tell what was asked."""
    return pathlib.Path(path).exists() and read_json(path).get("asked", asked) == asked


def read_json(path):
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: cannot be read: {error}: delete it and run the command again") from None

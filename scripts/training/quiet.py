"""Loads TensorFlow without what it writes about its build on every start; imported before all that uses it."""

import os

# These come from its C++ part before its own switch for them is read, so the stream itself is turned away for a moment.
_errors = os.dup(2)
_nowhere = os.open(os.devnull, os.O_WRONLY)
os.dup2(_nowhere, 2)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    import tensorflow  # noqa: F401
finally:
    os.dup2(_errors, 2)
    os.close(_errors)
    os.close(_nowhere)

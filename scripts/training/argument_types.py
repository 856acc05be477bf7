"""Numbers on the command line."""

import argparse


def positive_integer(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("needs a whole number above 0")
    return int(text)


def positive(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("needs a number above 0, such as 1e-4")
    return value

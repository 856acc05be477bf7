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


def share_below_one(text):
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError("needs a number from 0 to below 1, such as 0.2")
    return value

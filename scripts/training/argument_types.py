"""Numbers on the command line."""

import argparse
import math


def seed(text):
    if not text.isdigit():
        raise argparse.ArgumentTypeError("needs a whole number from 0")
    return int(text)


def positive_integer(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError("needs a whole number above 0")
    return int(text)


def positive(text):
    return _number(text, lambda value: 0 < value < math.inf, "needs a number above 0, such as 1e-4")


def share_below_one(text):
    return _number(text, lambda value: 0 <= value < 1, "needs a number from 0 to below 1, such as 0.2")


def _number(text, is_good, need):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not is_good(value):
        raise argparse.ArgumentTypeError(need)
    return value

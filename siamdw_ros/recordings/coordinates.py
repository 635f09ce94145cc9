"""Coordinates of an image, as the options of commands give them."""

import argparse
import math


def numbers(count: int, expected: str, text: str) -> list[float]:
    """Read finite numbers with commas between them.

    Args:
        count: How many there must be.
        expected: What they are, for the message, as `X,Y`.
        text: The argument.

    Raises:
        ArgumentTypeError: It is something else.
    """
    try:
        values = [float(value) for value in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"{text}: expected {expected}, in pixels")
    return values

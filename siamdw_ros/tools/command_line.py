"""What the command lines of several tools share. Imports only the standard library."""

import argparse
import math
from typing import NoReturn


class OneLineParser(argparse.ArgumentParser):
    """Reports what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with a message and the code 2."""
        self.exit(2, f"{self.prog.split()[-1]}: {message} (see --help)\n")


def number(low: float, high: float, text: str) -> float:
    """Read a number above `low` and at most `high`.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low < value <= high:
        raise argparse.ArgumentTypeError(
            f"{text}: expected a number above {low:g}, at most {high:g}"
        )
    return value

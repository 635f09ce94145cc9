"""Options that several tools share. Imports only the standard library."""

import argparse
import math
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn
from zipfile import BadZipFile

GOES_ON = "interrupted; the same command goes on from here"
MAX_RATE = 1000.0  # frames per second


def called_as(tool: str) -> str:
    """Return what the user typed to run a tool, for its usage line.

    Args:
        tool: Name of the command, which is that of its module.
    """
    by_name = Path(sys.argv[0]).name == tool  # the installed script; a module has .py at its end
    return f"ros2 run siamdw_ros {tool}" if by_name else f"python -m siamdw_ros.tools.{tool}"


class OneLineParser(argparse.ArgumentParser):
    """Reports what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with a message and the code 2."""
        name = self.prog.split()[-1].rpartition(".")[2]  # also of `python -m PACKAGE.NAME`
        self.exit(2, f"{name}: {message} (see --help)\n")


def training_parser(tool: str, description: str | None, epilog: str) -> argparse.ArgumentParser:
    """Make the parser of a command that trains by a configuration file."""
    parser = argparse.ArgumentParser(
        prog=called_as(tool),
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, help="YAML file; see docs/training.md")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="replaces a value of the file"
    )
    return parser


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


def whole_number(low: int, high: float, text: str) -> int:
    """Read a whole number from `low` to `high`.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        limit = f"of at least {low}" if high == math.inf else f"from {low} to {high}"
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number {limit}")
    return value


positive = partial(whole_number, 1, math.inf)
not_negative = partial(whole_number, 0, math.inf)
port_number = partial(whole_number, 0, 65535)
frame_rate = partial(number, 0.0, MAX_RATE)


def add_result_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that the commands which track through recordings share."""
    group.add_argument(
        "--csv",
        type=Path,
        help="one line per image and target: frame, stamp (seconds), target, x, y, w, h, score, "
        "state; the box is nan while the target is lost",
    )
    group.add_argument("--video", type=Path, metavar="MP4", help="annotated video")
    group.add_argument("--headless", action="store_true", help="no window, even with a display")
    group.add_argument(
        "--port",
        type=port_number,
        default=0,
        help="of the page in the browser (default: a free one)",
    )


def run_command(
    name: str, work: Callable[[], int | None], interrupted: str = "interrupted"
) -> int:
    """Do the work of a command; return its exit code and print what went wrong in one line.

    Args:
        name: Of the command.
        work: Returns the exit code; None: 0.
        interrupted: What to print after Ctrl-C or SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return work() or 0
    except KeyboardInterrupt:
        print(f"{name}: {interrupted}", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError, BadZipFile) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2

"""Train SiamFC+ or SiamRPN+ by a configuration file; continue a run where it was ended."""

import argparse
import logging
import os
import sys
import time
from typing import TYPE_CHECKING

import cv2

from siamdw_ros.tools.command_line import training_parser

if TYPE_CHECKING:
    from siamdw_ros.training.config import Config

NEEDED = "training needs Lightning and pydantic 2: pip install lightning 'pydantic>=2'"
CHECKED_PAIRS = 24
EPILOG = """
Configurations are in config/training. Keys with dots reach into sections, numbers into lists:
  train config/training/siamfc_res22.yaml folder=runs/a datasets.0.path=/data/got10k/train
  train config/training/bundled.yaml folder=runs/b 'photographs=[photos/]' epochs=10
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = training_parser("train", __doc__, EPILOG)
    parser.add_argument(
        "--check",
        action="store_true",
        help="report what data there are, draw some pairs to FOLDER/pairs.jpg, and end",
    )
    # Intermixed: --check may stand between the file and the overrides.
    return parser.parse_intermixed_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO if _speaks() else logging.ERROR, format="%(message)s")
    try:
        return _run(options)
    except ImportError as error:
        if error.name not in ("lightning", "pydantic"):
            raise
        return _refuse(NEEDED)
    except (OSError, ValueError, FloatingPointError) as error:
        return _refuse(str(error))


def _run(options: argparse.Namespace) -> int:
    from siamdw_ros.training.config import load_config

    config = load_config(options.config, options.overrides)
    from siamdw_ros.training import loop  # takes seconds: not before the configuration is right

    loop.quieten()
    if options.check:
        return _check(config)
    weights = loop.train(config)
    if _speaks():
        print(f"weights for a tracker: {weights}")
    return 0


def _speaks() -> bool:
    """Whether this is the only process, or the first of several."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def _check(config: "Config") -> int:
    """Show what would be learnt from, and how fast it can be had."""
    from siamdw_ros.training.curves import pair_sheet
    from siamdw_ros.training.loop import draw_pairs, read_objective

    objective = read_objective(config)
    start = time.perf_counter()
    pairs = draw_pairs(objective, CHECKED_PAIRS, config.seed)
    rate = CHECKED_PAIRS / (time.perf_counter() - start)
    config.folder.mkdir(parents=True, exist_ok=True)
    picture = config.folder / "pairs.jpg"
    cv2.imwrite(str(picture), pair_sheet(pairs))
    print(f"one process draws {rate:.0f} pairs per second; here are some: {picture}")
    return 0


def _refuse(reason: str) -> int:
    print(f"train: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

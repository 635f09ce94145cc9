"""Train the network that finds the box of a tapped object; go on where the run was ended."""

import argparse
import logging
import sys
from functools import partial

from siamdw_ros.tools.command_line import GOES_ON, run_command, training_parser
from siamdw_ros.training.extents import ExtentTraining, train_extents
from siamdw_ros.training.run_config import read_config

EPILOG = """
  train_extents config/training/extent_res22.yaml 'stills=[boxes.zip]' folder=runs/extent
docs/training.md explains the keys.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = training_parser("train_extents", __doc__, EPILOG).parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command("train_extents", partial(_train, options), GOES_ON)


def _train(options: argparse.Namespace) -> None:
    config = read_config(ExtentTraining, options.config, options.overrides)
    print(f"weights of the extent network: {train_extents(config)}")


if __name__ == "__main__":
    sys.exit(main())

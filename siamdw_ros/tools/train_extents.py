"""Train the network that finds the box of a tapped object; go on where the run was ended."""

import logging
import sys

from siamdw_ros.tools.command_line import training_parser
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
    try:
        config = read_config(ExtentTraining, options.config, options.overrides)
        weights = train_extents(config)
    except (OSError, ValueError, KeyError) as error:
        print(f"train_extents: {error}", file=sys.stderr)
        return 2
    print(f"weights of the extent network: {weights}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

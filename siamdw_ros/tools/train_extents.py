"""Train the network that finds the box of a tapped object; go on where the run was ended."""

import argparse
import logging
import sys
from pathlib import Path

from siamdw_ros.training.extents import ExtentTraining, train_extents
from siamdw_ros.training.run_config import read_config

EPILOG = """
  train_extents config/training/extent_res22.yaml 'stills=[boxes.zip]' folder=runs/extent
docs/training.md explains the keys.
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.train_extents",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, help="YAML file")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="replaces what the file says"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
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

"""Train the anchor-free box network; go on where the run was ended."""

import argparse
import logging
import sys
from pathlib import Path

from siamdw_ros.training.box_loop import BoxTrainer, BoxTraining
from siamdw_ros.training.box_replay_loop import ReplayTrainer
from siamdw_ros.training.run_config import read_config

EPILOG = """
  train_boxes config/training/siambox_res22.yaml 'packs=[pack.zip]' folder=runs/a minutes=60
docs/training.md explains the keys.
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.train_boxes",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, help="YAML file")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="replaces a value of the file"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        config = read_config(BoxTraining, options.config, options.overrides)
        trainer = ReplayTrainer(config) if config.tail else BoxTrainer(config)
        weights = trainer.run()
    except (OSError, ValueError) as error:
        print(f"train_boxes: {error}", file=sys.stderr)
        return 2
    print(f"weights for a tracker: {weights}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

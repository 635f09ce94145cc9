"""Train the anchor-free box network; go on where the run was ended."""

import argparse
import logging
import sys
from functools import partial

from siamdw_ros.tools.command_line import GOES_ON, run_command, training_parser
from siamdw_ros.training.box_loop import BoxTrainer, BoxTraining
from siamdw_ros.training.box_replay_loop import ReplayTrainer
from siamdw_ros.training.run_config import read_config

EPILOG = """
  train_boxes config/training/siambox_res22.yaml 'packs=[pack.zip]' folder=runs/a minutes=60
docs/training.md explains the keys.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = training_parser("train_boxes", __doc__, EPILOG).parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command("train_boxes", partial(_train, options), GOES_ON)


def _train(options: argparse.Namespace) -> None:
    config = read_config(BoxTraining, options.config, options.overrides)
    trainer = ReplayTrainer(config) if config.tail else BoxTrainer(config)
    print(f"weights for a tracker: {trainer.run()}")


if __name__ == "__main__":
    sys.exit(main())

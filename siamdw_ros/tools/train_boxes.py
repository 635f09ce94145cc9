"""Train the anchor-free box network; go on where the run was ended."""

import logging
import sys

from siamdw_ros.tools.command_line import training_parser
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

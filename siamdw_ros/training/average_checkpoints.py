"""Average the weights of checkpoint files of one network into one that costs no more to run.

For runs that began with the same weights and went different ways: their mean often does better
than each (model soups: Wortsman et al., ICML 2022, section 2).
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from siamdw_ros.siamdw.checkpoint_files import CheckpointError
from siamdw_ros.siamdw.checkpoints import Checkpoint, build_network, read_checkpoint, save_network


def average(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The mean of all weights, batch statistics with them.

    Args:
        checkpoints: at least one.

    Raises:
        CheckpointError: they are not all of the first one's network.
    """
    first = checkpoints[0]
    for other in checkpoints[1:]:
        if other.network != first.network or other.weights.keys() != first.weights.keys():
            raise CheckpointError(
                f"{other.path} ({other.network}) does not hold the weights that {first.path} "
                f"({first.network}) does: averages are of one network"
            )
    weights = {
        key: torch.stack([one.weights[key] for one in checkpoints]).mean(0)
        for key in first.weights
    }
    return dataclasses.replace(first, weights=weights)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 if the files do not go together, 0 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.training.average_checkpoints", description=__doc__
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="to write")
    options = parser.parse_args(arguments)
    try:
        mean = average([read_checkpoint(path) for path in options.files])
        save_network(build_network(mean.network, mean), options.out, half=True)
    except (CheckpointError, OSError, RuntimeError) as error:  # torch's, of a folder that is not
        print(f"average_checkpoints: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: mean of {len(options.files)} files of {mean.network}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

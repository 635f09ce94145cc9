"""Train SiamFC+ on pairs made from photographs, cut-outs and annotated sequences."""

import argparse
import logging
import sys
from pathlib import Path

import torch

from siamdw_ros.siamdw.networks import NETWORKS, SiamFCNetwork, create_network
from siamdw_ros.siamdw.runtime import choose_device
from siamdw_ros.training.loop import Schedule, train
from siamdw_ros.training.scenes import PairMaker
from siamdw_ros.training.sources import read_cutouts, read_photographs, read_sequence


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.train",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    siamfc = [name for name in NETWORKS if name.startswith("siamfc")]
    parser.add_argument("folder", type=Path, help="where checkpoints go; resumed if it has one")
    parser.add_argument("--model", default="siamfc_res22", choices=siamfc)
    parser.add_argument(
        "--photographs",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="folders or zips of pictures",
    )
    parser.add_argument(
        "--cutouts",
        type=Path,
        nargs="*",
        default=[],
        metavar="PATH",
        help="folders or zips of PNGs with alpha",
    )
    parser.add_argument(
        "--sequences",
        type=Path,
        nargs="*",
        default=[],
        metavar="PATH",
        help="folders or zips of frames with a groundtruth.csv, one a sequence",
    )
    parser.add_argument(
        "--search-side",
        type=int,
        default=255,
        help="pixels; smaller regions are cheaper, and without padding they teach the same",
    )
    parser.add_argument("--device", default="cpu")
    for name in ("steps", "batch", "seed", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Schedule, name))
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the backbone: faster steps, needs a C++ compiler",
    )
    parser.add_argument("--rate", type=float, default=Schedule.rate, help="peak learning rate")
    return parser.parse_args(arguments)


def read_pairs(options: argparse.Namespace) -> PairMaker:
    """Read all pictures, and say how many there are.

    Raises:
        FileNotFoundError, ValueError: a source is missing or not usable.
    """
    photographs = read_photographs(options.photographs)
    cutouts = read_cutouts(options.cutouts)
    sequences = [read_sequence(path) for path in options.sequences]
    frames = sum(len(sequence.frames) for sequence in sequences)
    print(
        f"{len(photographs)} photographs, {len(cutouts)} cut-outs, "
        f"{len(sequences)} sequences of {frames} frames"
    )
    return PairMaker(photographs, cutouts, sequences, options.search_side)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.manual_seed(options.seed)
    network = create_network(options.model, learned_scale=True)
    assert isinstance(network, SiamFCNetwork)
    try:
        network.to(choose_device(options.device))
        maker = read_pairs(options)
    except (FileNotFoundError, ValueError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    schedule = Schedule(
        steps=options.steps,
        batch=options.batch,
        seed=options.seed,
        workers=options.workers,
        rate=options.rate,
        compile=options.compile,
    )
    train(network, maker, schedule, options.folder)
    print(f"weights for a tracker: {options.folder / 'network.pt'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Train SiamFC+ on pairs made from photographs, cut-outs and annotated sequences."""

import argparse
import logging
from pathlib import Path

import torch

from siamdw_ros.siamdw.networks import NETWORKS, SiamFCNetwork, create_network
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


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.manual_seed(options.seed)
    network = create_network(options.model, learned_scale=True)
    assert isinstance(network, SiamFCNetwork)
    network.to(options.device)
    maker = PairMaker(
        read_photographs(options.photographs),
        read_cutouts(options.cutouts),
        [read_sequence(path) for path in options.sequences],
        options.search_side,
    )
    schedule = Schedule(
        steps=options.steps,
        batch=options.batch,
        seed=options.seed,
        workers=options.workers,
        rate=options.rate,
        compile=options.compile,
    )
    train(network, maker, schedule, options.folder)


if __name__ == "__main__":
    main()

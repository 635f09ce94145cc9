"""Quantise a checkpoint: measure the ranges that a CPU needs to compute its network in int8."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.siamdw.checkpoints import load_network, read_checkpoint, save_network
from siamdw_ros.siamdw.crops import Image, context_side, crop_window, mean_color
from siamdw_ros.siamdw.multi_tracker import box_to_center_size
from siamdw_ros.siamdw.quantization import measure_ranges
from siamdw_ros.tools.command_line import called_as, positive, run_command

TEMPLATE, SEARCH = 127, 255  # network pixels
EPILOG = """
The weights stay as they are: the file works in every precision. With OpenVINO on a CPU that has
instructions for int8 and none for bfloat16, `precision: auto` then takes int8; elsewhere give
`precision: int8`. See what that costs on your videos:
  evaluate VIDEOS --model NETWORK --checkpoint quantised.pt --set precision=int8 \
    --tracker siamdw,full.yaml
where NETWORK is that of the checkpoint and full.yaml has the line `overrides: {precision: full}`.
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("quantize"),
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("sequences", type=Path, nargs="+", help="annotated videos, as evaluate's")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument(
        "--windows", type=positive, default=100, metavar="N", help="at most, in all (default: 100)"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    files = options.checkpoint, options.sequences, options.out
    return run_command("quantize", partial(quantize, *files, options.windows))


def quantize(checkpoint: Path, sequences: Sequence[Path], out: Path, windows: int) -> None:
    """Write a checkpoint with the ranges of its activations.

    Args:
        checkpoint: a file of any layout that is known.
        sequences: annotated videos and benchmarks.
        out: file to write.
        windows: most search windows to measure, spread evenly over the sequences.

    Raises:
        CheckpointError: the file cannot be used.
        OSError, ValueError: there is no annotated sequence, or a file cannot be read or written.
    """
    found = read_checkpoint(checkpoint)
    network = load_network(found.network, checkpoint)
    annotated = [sequence for path in sequences for sequence in find_sequences(path)]
    bar = tqdm(cut_windows(annotated, windows), total=windows, unit="window", desc="measuring")
    ranges = measure_ranges(network, bar)
    half = "float16" in found.precision
    save_network(network, out, half=half, activation_ranges=ranges)
    print(f"{out}: {found.network} with the ranges of {len(ranges)} convolutions")


def cut_windows(sequences: Sequence[AnnotatedSequence], count: int) -> Iterator[Image]:
    """Cut search windows around the targets, as a tracker does that follows them exactly.

    Yields:
        `count` windows at most, evenly spread over the sequences, and over the frames of each in
        which the target is visible.
    """
    shares = [len(part) for part in np.array_split(np.arange(count), len(sequences))]
    for sequence, share in zip(sequences, shares, strict=True):
        visible = np.flatnonzero(sequence.visible)
        places = np.linspace(0, len(visible) - 1, min(share, len(visible))).round()
        chosen = visible[places.astype(int)]
        images = sequence.frames.take(chosen).read()
        for image, box in zip(images, sequence.boxes[chosen], strict=True):
            center, size = box_to_center_size(tuple(box))
            side = context_side(size) * SEARCH / TEMPLATE
            yield crop_window(image, center, side, SEARCH, mean_color(image))


if __name__ == "__main__":
    sys.exit(main())

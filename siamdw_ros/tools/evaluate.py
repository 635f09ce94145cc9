"""Run a tracker over annotated films and sequences, and say how well it follows.

One pass: started on the first box, never helped again (as in OTB's one-pass evaluation).
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from siamdw_ros.evaluation.annotations import read_annotation
from siamdw_ros.evaluation.metrics import overlap, success_rate
from siamdw_ros.siamdw import CheckpointError, Tracker, create_tracker
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.networks import NETWORKS
from siamdw_ros.tools.play_clip import read_clip
from siamdw_ros.training.sources import decode, read_sequence


@dataclass(frozen=True)
class Score:
    """How well one sequence went; the first frame, which is given, does not count."""

    name: str
    frames: int
    mean_iou: float
    success: float
    frames_per_second: float


def annotated_frames(path: Path) -> Iterator[tuple[Image, Box]]:
    """Yield frames and their boxes: of a video with a CSV beside it, or of a folder or zip.

    Raises:
        FileNotFoundError, ValueError: there is no such sequence, or it has no annotation.
    """
    if path.with_suffix(".csv").is_file():
        yield from zip(read_clip(path), read_annotation(path.with_suffix(".csv")), strict=True)
    else:
        sequence = read_sequence(path)
        yield from ((decode(f), b) for f, b in zip(sequence.frames, sequence.boxes, strict=True))


def evaluate(tracker: Tracker, path: Path, every: int = 1) -> Score:
    """Follow the target through every `every`-th frame of a sequence."""
    frames = list(annotated_frames(path))[::every]
    overlaps, seconds = [], 0.0
    tracker.init(*frames[0])
    for image, truth in tqdm(frames[1:], desc=path.stem, unit="frame", leave=False):
        start = time.perf_counter()
        result = tracker.track(image)
        seconds += time.perf_counter() - start
        overlaps.append(float(overlap(result.box, truth)))
    rate = len(overlaps) / max(seconds, 1e-9)
    return Score(path.stem, len(overlaps), float(np.mean(overlaps)), success_rate(overlaps), rate)


def table(scores: Sequence[Score]) -> str:
    """Lay the scores out as a Markdown table, with the mean over all frames at its end."""
    weights = [score.frames for score in scores]
    total = Score(
        "all",
        sum(weights),
        float(np.average([score.mean_iou for score in scores], weights=weights)),
        float(np.average([score.success for score in scores], weights=weights)),
        float(np.average([score.frames_per_second for score in scores], weights=weights)),
    )
    head = "| sequence | frames | mean IoU | IoU > 0.5 | frames/s |\n" + "| --- " * 5 + "|"
    return "\n".join([head, *map(_row, scores), _row(total)])


def _row(score: Score) -> str:
    quality = f"{score.mean_iou:.3f} | {score.success:.3f} | {score.frames_per_second:.1f}"
    return f"| {score.name} | {score.frames} | {quality} |"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sequences",
        type=Path,
        nargs="+",
        metavar="SEQUENCE",
        help="video with a CSV of its name, or folder or zip of frames with a groundtruth.csv",
    )
    parser.add_argument("--model", default="siamfc_res22", choices=NETWORKS, metavar="NAME")
    parser.add_argument("--checkpoint", help="file of its weights (default: the bundled ones)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--preset", help="tuned hyper-parameters, as res22_otb2015")
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="take every N-th frame, as a robot does whose tracker is slower than its camera",
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch's choice)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        tracker = create_tracker(options.model, options.checkpoint, options.device, options.preset)
        print(table([evaluate(tracker, path, options.every) for path in options.sequences]))
    except (CheckpointError, ValueError, FileNotFoundError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure how often a tap on an object finds the object's box.

On every n-th frame of annotated sequences the annotated object is tapped at its centre, and at
random points of the inner half of its box. A tap counts as right if the box that is found overlaps
with the annotation by at least 0.5 (intersection over union). Printed are the share of right taps
per sequence and the time per tap. With --sheet also a picture of the taps, with --failing only of
those that are not right: the annotation is green, what was found orange.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.evaluation.drawing import Annotated, contact_sheet
from siamdw_ros.evaluation.metrics import SUCCESS_OVERLAP, overlap, success_rate
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.siamdw.backends import BACKENDS
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.extent import Extent, ExtentFinder, create_extent_finder

SHEET_ROWS = 12


@dataclass(frozen=True)
class Tap:
    """One tap and what came of it.

    Attributes:
        sequence: name.
        image: the frame.
        truth: the annotated box.
        point: x, y in pixels.
        central: it is the box's centre.
        found: None where the finder found nothing.
        seconds: wall time.
        processor_seconds: of the process, which other programs do not lengthen.
    """

    sequence: str
    image: Image
    truth: Box
    point: tuple[float, float]
    central: bool
    found: Extent | None
    seconds: float
    processor_seconds: float

    @property
    def overlap(self) -> float:
        """Intersection over union with the annotation, 0 where nothing was found."""
        return 0.0 if self.found is None else float(overlap(self.found.box, self.truth))

    @property
    def right(self) -> bool:
        """Whether the box fits well enough."""
        return self.overlap > SUCCESS_OVERLAP


def tap_sequence(
    finder: ExtentFinder, sequence: AnnotatedSequence, step: int, inner: int
) -> Iterator[Tap]:
    """Tap on the object of every `step`-th frame in which it is visible.

    Args:
        finder: is measured.
        sequence: annotated.
        step: 1 takes every frame.
        inner: taps per frame at random points, besides the one at the centre.
    """
    rng = np.random.default_rng(0)
    thinned = sequence.thinned(step)
    for image, row in zip(thinned.images(), thinned.boxes, strict=True):
        if not np.isfinite(row).all():
            continue
        x, y, w, h = row.tolist()
        places = [(0.5, 0.5), *rng.uniform(0.25, 0.75, (inner, 2)).tolist()]
        for number, (across, down) in enumerate(places):
            point = inside(image, x + across * w, y + down * h)
            start, used = time.perf_counter(), time.process_time()
            found = finder.box_around(image, point)
            seconds, used = time.perf_counter() - start, time.process_time() - used
            truth = (x, y, w, h)
            central = number == 0
            yield Tap(sequence.name, image, truth, point, central, found, seconds, used)


def inside(image: Image, x: float, y: float) -> tuple[float, float]:
    """Move a point to the nearest pixel of the image: annotations may leave it."""
    height, width = image.shape[:2]
    return min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)


def report(taps: list[Tap]) -> Table:
    """One row per sequence and one for all taps."""
    names = dict.fromkeys(tap.sequence for tap in taps)
    rows = [_row(name, [tap for tap in taps if tap.sequence == name]) for name in names]
    title = f"Taps that find the box, overlap at least {SUCCESS_OVERLAP:g}"
    return Table(title, [*rows, _row("all taps", taps)])


def _row(name: str, taps: list[Tap]) -> dict[str, Cell]:
    overlaps = np.array([tap.overlap for tap in taps])
    central = np.array([tap.central for tap in taps])
    return {
        "sequence": name,
        "taps": len(taps),
        "right": success_rate(overlaps),
        "right at the centre": success_rate(overlaps[central]),
        "right elsewhere": success_rate(overlaps[~central]) if (~central).any() else None,
        "mean overlap": float(overlaps.mean()),
        "nothing found": float(np.mean([tap.found is None for tap in taps])),
        "processor ms": 1e3 * float(np.median([tap.processor_seconds for tap in taps])),
        "wall ms": 1e3 * float(np.median([tap.seconds for tap in taps])),
    }


def sheet(taps: list[Tap]) -> Image:
    """Draw taps, evenly spread over all, on one picture."""
    frames = []
    for tap in taps:
        canvas = tap.image.copy()
        center = (round(tap.point[0]), round(tap.point[1]))
        cv2.drawMarker(canvas, center, (255, 255, 255), cv2.MARKER_CROSS, 12, 2)
        score = "" if tap.found is None else f", score {tap.found.score:.2f}"
        caption = f"{tap.sequence}  IoU {tap.overlap:.2f}{score}"
        frames.append(
            Annotated(canvas, caption, tap.truth, None if tap.found is None else tap.found.box)
        )
    return contact_sheet(frames, rows=SHEET_ROWS)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="taps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sequences", nargs="+", type=Path, help="as for evaluate")
    parser.add_argument("--step", type=int, default=10, help="take every n-th frame (10)")
    parser.add_argument("--inner", type=int, default=2, help="random taps per frame (2)")
    parser.add_argument("--threads", type=int, default=1, help="of torch and OpenCV (1)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--backend", default="auto", choices=BACKENDS)
    parser.add_argument("--weights", type=Path, help="of train_extents (the bundled ones)")
    parser.add_argument("--sheet", type=Path, help="picture to write")
    parser.add_argument("--failing", action="store_true", help="draw only taps that are wrong")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    try:
        finder = create_extent_finder(
            options.device, backend=options.backend, weights=options.weights
        )
        finder.warm_up()
        sequences = [s for path in options.sequences for s in find_sequences(path)]
        taps = [
            tap
            for sequence in tqdm(sequences, unit="sequence", disable=None)
            for tap in tap_sequence(finder, sequence, options.step, options.inner)
        ]
    except (ValueError, FileNotFoundError) as error:
        print(f"taps: {error}", file=sys.stderr)
        return 2
    print(report(taps).text())
    drawn = [tap for tap in taps if not (options.failing and tap.right)]
    if options.sheet and not cv2.imwrite(str(options.sheet), sheet(drawn)):
        print(f"taps: {options.sheet}: cannot be written", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

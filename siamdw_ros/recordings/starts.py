"""Targets to start: boxes, points and annotation files, from the command line."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from siamdw_msgs.srv import StartTracking

from siamdw_ros.evaluation.annotations import read_targets
from siamdw_ros.recordings.coordinates import numbers
from siamdw_ros.ros.conversions import box_to_message
from siamdw_ros.siamdw.crops import Box


@dataclass(frozen=True)
class Start:
    """A target to start.

    Attributes:
        target: Its id; empty: a number is chosen.
        box: (x, y, w, h) in pixels of the image. Of size 0: a point of the object.
        frame: Index of the frame to start on, from 0; None: the first one that is tracked.
    """

    target: str
    box: Box
    frame: int | None = None

    def request(self) -> StartTracking.Request:
        """Return the request as the node's service takes it."""
        return StartTracking.Request(target_id=self.target, bbox=box_to_message(self.box))


def add_start_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for what to track."""
    group = parser.add_argument_group("what to track (several may be given)")
    group.add_argument(
        "--box",
        action="append",
        default=[],
        type=_box,
        metavar="[NAME=]X,Y,W,H",
        help="box around a target: left, top, width and height in pixels",
    )
    group.add_argument(
        "--point",
        action="append",
        default=[],
        type=_point,
        metavar="[NAME=]X,Y",
        help="a pixel of a target: its box is found",
    )
    group.add_argument(
        "--boxes",
        type=Path,
        metavar="CSV",
        help="annotation: frame,x,y,w,h and, if there are several targets, target. Each target "
        "starts with its first box",
    )
    group.add_argument(
        "--start",
        type=_frame,
        default=0,
        metavar="FRAME",
        help="index of the frame that boxes and points are drawn on; the frames before it are not "
        "tracked (default: %(default)s)",
    )


def starts_of(options: argparse.Namespace) -> list[Start]:
    """Return what the options ask for.

    Raises:
        ValueError: The annotation has no box, or two targets have one name.
        OSError: The annotation cannot be read.
    """
    starts = [*options.box, *options.point]
    if options.boxes:
        starts += read_starts(options.boxes)
    names = [start.target for start in starts if start.target]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"target {twice[0]} is given twice: each target needs its own name")
    return starts


def read_starts(path: Path) -> list[Start]:
    """Return the first box of each target of an annotation.

    Raises:
        ValueError: There is none, or the file is no annotation.
        OSError: The file cannot be read.
    """
    starts = []
    for target, (frames, boxes) in read_targets(path).items():
        present = np.flatnonzero(np.isfinite(boxes).all(axis=1))
        if present.size:
            x, y, w, h = boxes[present[0]].tolist()
            starts.append(Start(target, (x, y, w, h), int(frames[present[0]])))
    if not starts:
        raise ValueError(f"{path}: no box in it")
    return starts


def first_frame(starts: Sequence[Start], given: int) -> int:
    """Return the index of the first frame to track.

    Args:
        starts: What to track; empty: the user will draw it.
        given: Index of the frame that boxes without a frame are drawn on.
    """
    if not starts or any(start.frame is None for start in starts):
        return given
    return min(start.frame for start in starts if start.frame is not None)


def by_frame(starts: Iterable[Start], first: int) -> dict[int, list[StartTracking.Request]]:
    """Return the requests for each frame.

    Args:
        starts: What to track.
        first: Index of the first frame that is tracked.

    Raises:
        ValueError: A target starts before that frame.
    """
    requests: dict[int, list[StartTracking.Request]] = {}
    for start in starts:
        frame = first if start.frame is None else start.frame
        if frame < first:
            raise ValueError(
                f"target {start.target or 1} starts on frame {frame}, which --start {first} skips"
            )
        requests.setdefault(frame, []).append(start.request())
    return requests


def _box(text: str) -> Start:
    name, (x, y, w, h) = _named(text, 4, "X,Y,W,H as 120,80,40,60")
    if not (w > 0 and h > 0):
        raise argparse.ArgumentTypeError(f"{text}: width and height must be above 0")
    return Start(name, (x, y, w, h))


def _point(text: str) -> Start:
    name, (x, y) = _named(text, 2, "X,Y as 140,110")
    return Start(name, (x, y, 0.0, 0.0))


def _named(text: str, count: int, expected: str) -> tuple[str, list[float]]:
    """Read `NAME=A,B,...`; the name may be left out."""
    name, equals, rest = text.rpartition("=")
    if equals and not name:
        raise argparse.ArgumentTypeError(f"{text}: no name before the =")
    return name, numbers(count, f"[NAME=]{expected}", rest)


def _frame(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: expected a frame's index, 0 for the first")
    return int(text)

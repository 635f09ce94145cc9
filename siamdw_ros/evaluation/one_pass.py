"""One-pass evaluation: started on the first box, never helped again (OTB, GOT-10k, LaSOT)."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation import metrics
from siamdw_ros.evaluation.sequences import AnnotatedSequence, Boxes
from siamdw_ros.siamdw import State, TrackResult
from siamdw_ros.siamdw.crops import Box, Image

IMAGES_AFTER_START = slice(1, None)  # the box of the first is given
WARM_UP_IMAGES = 3
FAILURE = 0.2  # overlap below which a tracker has lost its target, whatever it reports


class Follower(Protocol):
    """A tracker that can be evaluated: `siamdw.Tracker`, and the peers."""

    def init(self, image: Image, box: Box) -> None:
        """Start tracking what is inside the box."""
        ...

    def track(self, image: Image) -> TrackResult:
        """Find it in the next image."""
        ...


@dataclass(frozen=True)
class Run:
    """The results of a tracker on a sequence.

    Attributes:
        boxes: N x 4, the first the given one, nan where it gave none.
        seconds: N, spent on each image.
        states: N, :class:`~siamdw_ros.siamdw.State`.
        size: width and height of the images.
    """

    boxes: Boxes
    seconds: NDArray[np.float64]
    states: NDArray[np.int64]
    size: tuple[int, int]


def warm_up(tracker: Follower, sequence: AnnotatedSequence) -> None:
    """Let a tracker do what only its first images cost, so that it is not timed as tracking.

    No result depends on it: each target starts from its own first image.
    """
    images = itertools.islice(sequence.images(), WARM_UP_IMAGES)
    tracker.init(next(images), sequence.start)
    for image in images:
        tracker.track(image)


def follow(tracker: Follower, sequence: AnnotatedSequence) -> Run:
    """Track the target of a sequence from its first frame to its last."""
    images = sequence.images()
    first = next(images)
    start = time.perf_counter()
    tracker.init(first, sequence.start)
    rows = [(sequence.start, time.perf_counter() - start, State.TRACKED)]
    rows.extend(_tracked(tracker, images))
    boxes, seconds, states = zip(*rows, strict=True)
    return Run(np.array(boxes), np.array(seconds), np.array(states, int), width_height(first))


def width_height(image: Image) -> tuple[int, int]:
    """Return the size of an image in pixels."""
    height, width = image.shape[:2]
    return width, height


def _tracked(tracker: Follower, images: Iterator[Image]) -> Iterator[tuple[Box, float, State]]:
    for image in images:
        start = time.perf_counter()
        result = tracker.track(image)
        yield result.box, time.perf_counter() - start, result.state


@dataclass(frozen=True)
class Score:
    """The figures of one run. Frames in which the target is absent count only for presence.

    Attributes:
        name: of the sequence.
        frames: that count.
        overlaps: in these frames but the first, which GOT-10k leaves out.
        success, precision, normalised: curves over the thresholds of :mod:`.metrics`, the first
            frame included as in OTB.
        frames_per_second: mean over frames but the first.
        absent: frames without target.
        absent_lost, absent_uncertain: how many of them the tracker reported as such.
        visible_lost: frames with a target that it reported as LOST.
        first_failure: the first frame whose overlap is below 0.2, None if there is none.
    """

    name: str
    frames: int
    overlaps: NDArray[np.float64]
    success: NDArray[np.float64]
    precision: NDArray[np.float64]
    normalised: NDArray[np.float64]
    frames_per_second: float
    absent: int
    absent_lost: int
    absent_uncertain: int
    visible_lost: int
    first_failure: int | None

    @property
    def mean_overlap(self) -> float:
        """GOT-10k's average overlap, of this sequence; nan without a frame that counts."""
        return float(self.overlaps.mean()) if self.overlaps.size else float("nan")

    def success_rate(self, threshold: float) -> float:
        """GOT-10k's SR, of this sequence."""
        return metrics.success_rate(self.overlaps, threshold)

    @property
    def success_auc(self) -> float:
        """Area under OTB's success curve."""
        return float(self.success.mean())

    @property
    def precision_20(self) -> float:
        """OTB's precision at 20 pixels."""
        return float(self.precision[metrics.PRECISION_AT])

    @property
    def normalised_auc(self) -> float:
        """TrackingNet's normalised precision."""
        return float(self.normalised.mean())


def score(run: Run, sequence: AnnotatedSequence, frames: NDArray[np.bool_] | None = None) -> Score:
    """Compare a run with the annotation.

    Args:
        run: of the tracker.
        sequence: what it ran on.
        frames: N, which frames count (default: all); used for attributes.

    Raises:
        ValueError: the run is not of this sequence.
    """
    if len(run.boxes) != len(sequence):
        raise ValueError(f"{sequence.name}: {len(run.boxes)} results, {len(sequence)} frames")
    chosen = np.ones(len(sequence), bool) if frames is None else frames
    counted, absent = sequence.visible & chosen, ~sequence.visible & chosen
    found, truth = np.nan_to_num(run.boxes[counted], nan=-1e6), sequence.boxes[counted]
    overlaps = metrics.overlap(found, truth)
    compared = metrics.overlap(*(metrics.clipped(boxes, *run.size) for boxes in (found, truth)))
    failed = np.flatnonzero(overlaps < FAILURE)
    lost, uncertain = run.states == State.LOST, run.states == State.UNCERTAIN
    seconds = run.seconds[IMAGES_AFTER_START]
    seconds = seconds[np.isfinite(seconds) & (seconds > 0)]
    return Score(
        sequence.name,
        int(counted.sum()),
        compared[1:] if counted[0] else compared,
        metrics.success_curve(overlaps),
        metrics.precision_curve(metrics.center_error(found, truth)),
        metrics.precision_curve(
            metrics.normalised_error(found, truth), metrics.NORMALISED_THRESHOLDS
        ),
        float(1 / seconds.mean()) if seconds.size else float("nan"),
        int(absent.sum()),
        int((lost & absent).sum()),
        int((uncertain & absent).sum()),
        int((lost & counted).sum()),
        int(np.flatnonzero(counted)[failed[0]]) if len(failed) else None,
    )

"""VOT's supervised experiment: a tracker that fails is started again; accuracy, robustness, EAO.

Source: Kristan et al., "A novel performance evaluation methodology for single-target trackers"
(PAMI 2016) and "The Visual Object Tracking VOT2015 challenge results", section 3.
"""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.one_pass import Follower, width_height
from siamdw_ros.evaluation.sequences import AnnotatedSequence, Boxes
from siamdw_ros.siamdw.crops import Box

SKIP = 5  # frames from a failure to the next start
BURN_IN = 10  # frames from a start on that accuracy leaves out
EAO_INTERVALS = {  # lengths of sequences that the expected overlap is averaged over
    "vot2015": (108, 371),
    "vot2016": (108, 371),
    "vot2017": (100, 356),
    "vot2018": (100, 356),
    "vot2019": (46, 291),
}


class Event(IntEnum):
    """Kind of a frame; the numbers are those of VOT's result files."""

    SKIPPED = 0
    STARTED = 1
    FAILED = 2
    TRACKED = 3  # in a file: the box


@dataclass(frozen=True)
class Trajectory:
    """A supervised run: N events, N x 4 boxes (nan where nothing was tracked), N seconds.

    size: width and height of the images.
    """

    events: NDArray[np.int64]
    boxes: Boxes
    seconds: NDArray[np.float64]
    size: tuple[int, int]


def supervise(tracker: Follower, sequence: AnnotatedSequence) -> Trajectory:
    """Follow a target; whenever box and annotation no longer touch, start again 5 frames later."""
    events, boxes = np.zeros(len(sequence), int), np.full((len(sequence), 4), np.nan)
    seconds, size = np.full(len(sequence), np.nan), (0, 0)
    next_start: int | None = 0  # None while tracking
    for i, image in enumerate(sequence.images()):
        size = width_height(image)
        if next_start is not None and (i < next_start or not sequence.visible[i]):
            continue
        begin = time.perf_counter()
        if next_start is not None:
            x, y, w, h = sequence.boxes[i].tolist()
            tracker.init(image, (x, y, w, h))
            events[i], next_start = Event.STARTED, None
        else:
            boxes[i], events[i] = tracker.track(image).box, Event.TRACKED
        seconds[i] = time.perf_counter() - begin
        if events[i] == Event.TRACKED and overlap_with_region(sequence, i, boxes[i], size) == 0:
            events[i], boxes[i], next_start = Event.FAILED, np.nan, i + SKIP
    return Trajectory(events, boxes, seconds, size)


def overlap_with_region(
    sequence: AnnotatedSequence, frame: int, box: Boxes | Box, size: tuple[int, int]
) -> float:
    """Intersection over union of a box and a frame's annotation, both cut off at the image.

    nan where the target is absent: such a frame is neither failure nor success.
    """
    if not sequence.visible[frame]:
        return float("nan")
    if sequence.polygons is not None:
        truth = sequence.polygons[frame]
    else:
        truth = _corners(sequence.boxes[frame])
    width, height = size
    image = _corners((0.0, 0.0, float(width), float(height)))
    inside = [_common(image, region) for region in (truth, _corners(box))]
    if min(map(_area, inside)) == 0:
        return 0.0
    common = _area(_common(*inside))
    return common / (_area(inside[0]) + _area(inside[1]) - common)


def _corners(box: Boxes | Box) -> Boxes:
    x, y, w, h = map(float, box)
    return np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])


def _common(a: Boxes, b: Boxes) -> Boxes:
    """Intersection of two convex polygons, K x 2."""
    if min(len(a), len(b)) < 3:
        return np.empty((0, 2))
    _, corners = cv2.intersectConvexConvex(a.astype(np.float32), b.astype(np.float32))
    return np.empty((0, 2)) if corners is None else np.asarray(corners, float).reshape(-1, 2)


def _area(corners: Boxes) -> float:
    return float(cv2.contourArea(corners.astype(np.float32))) if len(corners) >= 3 else 0.0


@dataclass(frozen=True)
class VotScore:
    """How well one supervised run went.

    overlaps: N, nan in frames that do not count. accurate: the same less the burn-in.
    starts, failures: frames at which the tracker was started, and failed.
    """

    name: str
    overlaps: NDArray[np.float64]
    accurate: NDArray[np.float64]
    starts: NDArray[np.int64]
    failures: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Mean overlap; nan where nothing was tracked long enough."""
        return accuracy([self])


def vot_score(run: Trajectory, sequence: AnnotatedSequence) -> VotScore:
    """Compare a supervised run with the annotation."""
    overlaps = np.full(len(sequence), np.nan)
    for i in np.flatnonzero(run.events == Event.TRACKED):
        overlaps[i] = overlap_with_region(sequence, i, run.boxes[i], run.size)
    accurate = overlaps.copy()
    starts, failures = (np.flatnonzero(run.events == e) for e in (Event.STARTED, Event.FAILED))
    for start in starts:
        accurate[start : start + BURN_IN] = np.nan
    return VotScore(sequence.name, overlaps, accurate, starts, failures)


def accuracy(scores: Sequence[VotScore]) -> float:
    """Mean overlap while tracking, over the frames of all sequences."""
    values = np.concatenate([score.accurate for score in scores])
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")


def robustness(scores: Sequence[VotScore]) -> float:
    """Failures in a hundred frames, over all sequences."""
    return 100 * sum(len(s.failures) for s in scores) / sum(len(s.overlaps) for s in scores)


def expected_overlap(scores: Sequence[VotScore]) -> NDArray[np.float64]:
    """Expected average overlap of a sequence of each length, 0 to the longest.

    Every failure ends a fragment: it counts as overlap zero for all lengths from there on. What
    follows the last start is cut off by the end of the sequence and counts only up to there.
    """
    longest = max(len(score.overlaps) for score in scores)
    fragments = []
    for score in scores:
        for start, failure in itertools.zip_longest(score.starts, score.failures):
            fragment = np.full(longest, np.nan if failure is None else 0.0)
            tracked = np.nan_to_num(score.overlaps[start:failure])
            fragment[: len(tracked)] = tracked
            fragments.append(fragment)
    table = np.array(fragments)
    curve = np.ones(longest)
    for length in range(1, longest):
        reached = np.isfinite(table[:, length])
        curve[length] = table[reached, 1 : length + 1].mean() if reached.any() else np.nan
    return curve


def eao(scores: Sequence[VotScore], interval: tuple[int, int] = EAO_INTERVALS["vot2018"]) -> float:
    """Expected average overlap, averaged over lengths low to high, both included.

    nan where no sequence is as long as `low`; shorter ones than `high` end the average.
    """
    low, high = interval
    values = expected_overlap(scores)[low : high + 1]
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")

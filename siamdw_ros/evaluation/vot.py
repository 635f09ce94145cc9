"""VOT's supervised experiment: a tracker that fails is started again; accuracy, robustness, EAO.

Source: Kristan et al., "A novel performance evaluation methodology for single-target trackers"
(PAMI 2016) and "The Visual Object Tracking VOT2015 challenge results", section 3.
"""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.metrics import overlap
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
    image = np.array([0.0, 0.0, *size])
    found = _common(np.array(box, float), image)
    if not np.isfinite(found).all():  # the tracker gave no box
        return 0.0
    if sequence.polygons is None:
        return float(overlap(found, _common(sequence.boxes[frame], image)))
    truth = sequence.polygons[frame]
    common = _area(_clipped(truth, found))
    union = _area(_clipped(truth, image)) + found[2] * found[3] - common
    return float(common / union) if common > 0 else 0.0


def _common(box: Boxes, other: Boxes) -> Boxes:
    """Return the intersection of two boxes, with no area where they do not overlap."""
    low = np.maximum(box[:2], other[:2])
    high = np.minimum(box[:2] + box[2:], other[:2] + other[2:])
    return np.concatenate([low, (high - low).clip(0)])


def _clipped(corners: Boxes, box: Boxes) -> Boxes:
    """Return the part of a polygon, K x 2, inside a box (Sutherland and Hodgman, 1974).

    OpenCV's intersectConvexConvex is no replacement: of polygons that share a part of an edge it
    returns a wrong area.
    """
    for axis in (0, 1):
        corners = _half(corners, axis, box[axis], 1)
        corners = _half(corners, axis, box[axis] + box[2 + axis], -1)
    return corners


def _half(corners: Boxes, axis: int, limit: float, side: int) -> Boxes:
    """Return the part of a polygon above a limit on one axis (side 1), or below it (side -1)."""
    inside = side * (corners[:, axis] - limit)
    kept = []
    for i in range(len(corners)):
        here, before = inside[i], inside[i - 1]
        if here * before < 0:  # the edge to this corner crosses the limit
            crossing = corners[i - 1] + (corners[i] - corners[i - 1]) * before / (before - here)
            crossing[axis] = limit  # exactly, so that what only touches has no area
            kept.append(crossing)
        if here >= 0:
            kept.append(corners[i])
    return np.reshape(kept, (-1, 2))


def _area(corners: Boxes) -> float:
    """Return the area of a polygon by the shoelace formula."""
    if len(corners) < 3:
        return 0.0
    x, y = (corners - corners[0]).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


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

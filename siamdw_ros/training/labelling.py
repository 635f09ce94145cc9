"""Labels video with a tracker, forwards and backwards, and keeps what agrees.

A tracker that drifts rarely finds its way back to where it began: where the two directions agree,
the box is nearly always right (forward-backward error, Kalal et al., ICPR 2010).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.one_pass import Follower
from siamdw_ros.siamdw.crops import Box, Image

SEGMENT = 20  # frames that are tracked forwards and back at a time
AGREEMENT = 0.75


class Label(NamedTuple):
    """A box on which both directions agree.

    number: of the frame, counted from the one with the drawn box. image: the frame. box: x, y, w,
    h in its pixels, the mean of the two.
    """

    number: int
    image: Image
    box: Box


def labels(
    frames: Iterable[Image], box: Box, tracker: Follower, agreement: float = AGREEMENT
) -> Iterator[Label]:
    """Track a target until the directions disagree at the start of a segment.

    Args:
        frames: H x W x 3 uint8 BGR, from the one with the drawn box on.
        box: x, y, w, h in pixels of the first frame.
        tracker: is started again for each segment and direction.
        agreement: least overlap of the boxes of the two directions.
    """
    rest = iter(frames)
    segment = list(islice(rest, 1))
    first = 0
    while len(segment := [*segment[-1:], *islice(rest, SEGMENT)]) > 1:
        forwards = _track(tracker, segment, box)
        backwards = _track(tracker, segment[::-1], _box(forwards[-1]))[::-1]
        overlaps = overlap(forwards, backwards)
        if overlaps[0] < agreement:
            return
        boxes = (forwards + backwards) / 2
        for step in range(bool(first), len(segment)):  # the segment before had its first frame
            if overlaps[step] >= agreement:
                yield Label(first + step, segment[step], _box(boxes[step]))
        first += len(segment) - 1
        box = _box(forwards[-1])


def _track(tracker: Follower, images: Sequence[Image], box: Box) -> NDArray[np.float64]:
    """Return one box per image, N x 4: for the first image the given one."""
    tracker.init(images[0], box)
    return np.array([box, *(tracker.track(image).box for image in images[1:])])


def _box(row: NDArray[Any]) -> Box:
    x, y, w, h = row.tolist()
    return x, y, w, h

"""Boxes for video without annotation, propagated from frame to frame by optical flow.

Each step is Median Flow: a grid of points in the box is tracked by pyramidal Lucas-Kanade; the
points that return to where they came from when tracked backwards move and scale the box by their
medians (Kalal et al., "Forward-backward error", ICPR 2010). A whole track must pass the same test:
propagated back from its end, the box has to return to its start.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.frames import VideoFrames
from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.siamdw.crops import Image
from siamdw_ros.training.augment import Rng
from siamdw_ros.training.datasets.tracks import Track

GRID = 6  # points a side
WINDOW = (15, 15)  # pixels around a point that are compared
RETURN_ERROR = 0.7  # pixels of the flow image, between a point and its return
FLOW_WIDTH = 640  # pixels; flow is computed on images not wider than that
LATER = 5  # frames in which motion is seen

Boxes = NDArray[np.float64]  # N x 4: x, y, w, h
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Propagation:
    """How boxes are sampled and propagated.

    Attributes:
        every: frames between two samplings.
        boxes: sampled each time.
        length: frames of a track, at most; tracks shorter than a third of it are dropped.
        home: overlap (IoU) with its start that a box must reach again.
        least_move: of a box on its way, as a share of its side; what does not move teaches
            little.
        min_side: of a box, in pixels.
        max_share: largest side of a box, as a share of the frame's height.
    """

    every: int = 10
    boxes: int = 15
    length: int = 40
    home: float = 0.75
    least_move: float = 0.15
    min_side: float = 20.0
    max_share: float = 0.6


@dataclass
class _Moving:
    """A box that is propagated: the frame where it starts, and its places since."""

    start: int
    boxes: Boxes  # frames x 4
    steps: int  # allowed


def track_by_flow(path: Path, how: Propagation = Propagation(), seed: int = 0) -> list[Track]:
    """Read a video and propagate random boxes through it.

    Returns:
        Tracks that share the encoded frames.

    Raises:
        FileNotFoundError, ValueError: there is no such video, or it has a single frame.
    """
    frames = VideoFrames(path).read()
    first = list(islice(frames, 2))
    if len(first) < 2:
        raise ValueError(f"{path}: not a video of two frames or more")
    return propagate(chain(first, frames), np.random.default_rng(seed), how, path.stem)


def propagate(
    frames: Iterable[Image], rng: Rng, how: Propagation = Propagation(), name: str = "video"
) -> list[Track]:
    """Sample boxes, propagate them, keep those that pass the forward-backward check.

    Few of the frames are held as they are; all of them small and grey, and as JPEG.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92]
    zoom = 1.0
    greys: list[Image] = []
    encoded: list[bytes] = []
    sampled: list[_Moving] = []
    for index, ahead in enumerate(_ahead(frames, max(how.length // 3, LATER))):
        frame = ahead[0]
        zoom = min(1.0, FLOW_WIDTH / frame.shape[1]) if index == 0 else zoom
        greys.append(_flow_image(frame, zoom))
        encoded.append(cv2.imencode(".jpg", frame, quality)[1].tobytes())
        if index % how.every == 0 and len(ahead) > how.length // 3:
            boxes = sample_boxes(frame, ahead[min(LATER, len(ahead) - 1)], rng, how)
            sampled += [_Moving(index, box[None] * zoom, how.length - 1) for box in boxes]
    propagate_all(greys, sampled)
    return [
        Track(
            f"{name}_{number}",
            encoded[track.start : track.start + len(track.boxes)],
            (track.boxes / zoom).astype(np.float32),
            track.start + np.arange(len(track.boxes)),
        )
        for number, track in enumerate(_consistent_tracks(greys, sampled, how))
    ]


def _ahead(frames: Iterable[Image], count: int) -> Iterator[Sequence[Image]]:
    """Yield each frame with those that follow it, `count` at most."""
    held: deque[Image] = deque()
    for frame in frames:
        held.append(frame)
        if len(held) > count:
            yield held
            held.popleft()
    while held:
        yield held
        held.popleft()


def sample_boxes(frame: Image, later: Image, rng: Rng, how: Propagation) -> Boxes:
    """Draw boxes on a frame where there is structure or, better, motion until later: N x 4."""
    height, width = frame.shape[:2]
    edges = cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    change = cv2.absdiff(frame, later).mean(axis=2)
    sums = cv2.integral(np.abs(edges)) / 10, cv2.integral(change.astype(np.float32))
    sides = np.log(how.min_side), np.log(how.max_share * height)
    size = np.exp(rng.uniform(*sides, (12 * how.boxes, 2)))
    corner = rng.uniform(0, 1, size.shape) * np.maximum((width, height) - size, 0)
    boxes = np.hstack([corner, np.minimum(size, (width, height))])
    structure, motion = (np.minimum(_means(total, boxes), 20) for total in sums)
    interest = structure * (1 + motion)
    even = np.abs(np.log(size[:, 0] / size[:, 1])) < np.log(4)
    return np.asarray(boxes[np.argsort(-interest * even)[: 4 * how.boxes : 4]])


def propagate_all(greys: Sequence[Image], tracks: Iterable[_Moving]) -> None:
    """Extend each track, frame by frame, until the flow contradicts itself."""
    waiting = sorted(tracks, key=lambda track: track.start)
    active: list[_Moving] = []
    for index, (before, after) in enumerate(pairwise(greys)):
        while waiting and waiting[0].start == index:
            active.append(waiting.pop(0))
        active = [track for track in active if len(track.boxes) <= track.steps]
        if not active:
            continue
        boxes, good = flow_step(before, after, np.stack([track.boxes[-1] for track in active]))
        for track, box, is_good in zip(active, boxes, good, strict=True):
            if is_good:
                track.boxes = np.vstack([track.boxes, box])
        active = [track for track, is_good in zip(active, good, strict=True) if is_good]


def flow_step(before: Image, after: Image, boxes: Boxes) -> tuple[Boxes, Mask]:
    """Propagate boxes from one frame to the next.

    Args:
        before: H x W, grey.
        after: the same, a frame later.
        boxes: N x 4, x, y, w, h.

    Returns:
        The boxes in `after`, and which of them can be trusted: half of the points returned, about
        all of those agree, and the box lies within the image.
    """
    share = (np.arange(GRID) + 0.5) / GRID
    grid = np.stack(np.meshgrid(share, share), -1).reshape(-1, 2)
    points = boxes[:, None, :2] + grid * boxes[:, None, 2:]  # N x P x 2
    moved, error = _there_and_back(before, after, points)
    returned = error < RETURN_ERROR
    results = [
        _median_flow(box, *pair) for box, *pair in zip(boxes, points, moved, returned, strict=True)
    ]
    carried = np.stack([box for box, _ in results])
    height, width = before.shape[:2]
    inside = (carried[:, :2] >= -1).all(1) & (carried[:, 2:] >= 4).all(1)
    inside &= (carried[:, :2] + carried[:, 2:] <= np.array([width, height]) + 1).all(1)
    return carried, inside & np.array([good for _, good in results])


def _there_and_back(
    before: Image, after: Image, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Track N x P x 2 points; return their new places and the error of the way back."""
    start = points.reshape(-1, 1, 2).astype(np.float32)
    there, seen, _ = cv2.calcOpticalFlowPyrLK(before, after, start, start.copy(), winSize=WINDOW)
    again = there.copy()
    back, seen_again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, again, winSize=WINDOW)
    error = np.linalg.norm(back - start, axis=-1)
    error[(seen == 0) | (seen_again == 0)] = np.inf
    return there.reshape(points.shape).astype(float), error.reshape(points.shape[:2])


def _median_flow(
    box: NDArray[np.float64],
    points: NDArray[np.float64],
    moved: NDArray[np.float64],
    returned: Mask,
) -> tuple[NDArray[np.float64], bool]:
    """Move and scale one box by the medians of its points; return whether they agree."""
    if returned.sum() < 0.5 * len(points):
        return box, False
    points, moved = points[returned], moved[returned]
    shift = np.median(moved - points, axis=0)
    first, second = np.array(list(combinations(range(0, len(points), 2), 2))).T
    was = np.linalg.norm(points[first] - points[second], axis=1)
    growth = float(np.median(np.linalg.norm(moved[first] - moved[second], axis=1) / was))
    spread = np.median(np.linalg.norm(moved - points - shift, axis=1))
    size = box[2:] * growth
    corner = box[:2] + box[2:] / 2 + shift - size / 2
    agree = 0.8 < growth < 1.25 and spread < 0.5 + 0.05 * np.sqrt(box[2] * box[3])
    return np.hstack([corner, size]), bool(agree)


def _consistent_tracks(
    greys: Sequence[Image], tracks: Sequence[_Moving], how: Propagation
) -> list[_Moving]:
    """Propagate each track back from its end; keep those that return to their start."""
    last = len(greys) - 1
    shortest = max(2, how.length // 3)
    long = [t for t in tracks if len(t.boxes) >= shortest and _move(t.boxes) >= how.least_move]
    returns = [
        _Moving(last - (t.start + len(t.boxes) - 1), t.boxes[-1:], len(t.boxes) - 1) for t in long
    ]
    propagate_all(greys[::-1], returns)
    return [
        track
        for track, back in zip(long, returns, strict=True)
        if len(back.boxes) == len(track.boxes)
        and overlap(back.boxes[-1], track.boxes[0]) >= how.home
    ]


def _move(boxes: Boxes) -> float:
    """How far a box gets from its start, in units of its side."""
    centers = boxes[:, :2] + boxes[:, 2:] / 2
    return float(np.linalg.norm(centers - centers[0], axis=1).max() / np.sqrt(boxes[0, 2:].prod()))


def _flow_image(frame: Image, zoom: float) -> Image:
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA))


def _means(integral: NDArray[np.float64], boxes: Boxes) -> NDArray[np.float64]:
    """Mean of an integral image over each box."""
    low = boxes[:, :2].astype(int)
    high = np.maximum((boxes[:, :2] + boxes[:, 2:]).astype(int), low + 1)
    high = np.minimum(high, np.array(integral.shape[::-1]) - 1)
    total = integral[high[:, 1], high[:, 0]] + integral[low[:, 1], low[:, 0]]
    total = total - integral[high[:, 1], low[:, 0]] - integral[low[:, 1], high[:, 0]]
    return np.asarray(total / np.maximum((high - low).prod(1), 1))

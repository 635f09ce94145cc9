"""Trackers side by side on the same frames: turn by turn, so that what disturbs meets them all."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from tqdm import tqdm

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.one_pass import Follower
from siamdw_ros.evaluation.table import Table
from siamdw_ros.measurement.plan import Video
from siamdw_ros.measurement.statistics import median_ratio
from siamdw_ros.siamdw.crops import Box

WARM_UP = 3  # frames: libraries choose their ways with the first
TURN = 5  # frames that a tracker does before it is the next one's turn


@dataclass(frozen=True)
class Contender:
    """A tracker in a race.

    make: builds it. threads: of torch; None leaves what is set. judged: whether its boxes mean
    anything; random weights' do not.
    """

    name: str
    make: Callable[[], Follower]
    threads: int | None = None
    judged: bool = True


@dataclass
class Lane:
    """A contender in the race and its results: seconds of each turn's frames, and every box."""

    contender: Contender
    tracker: Follower
    turns: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def take_turn(self, video: Video, turn: range) -> None:
        """Do a few frames."""
        with _threads(self.contender.threads):
            spent = [self._track(video, index) for index in turn]
        self.seconds += spent
        self.turns.append(sum(spent))

    def _track(self, video: Video, index: int) -> float:
        start = time.perf_counter()
        result = self.tracker.track(video.images[index])
        seconds = time.perf_counter() - start
        self.boxes.append(result.box)
        return seconds


@dataclass
class Race:
    """Result of a race."""

    lanes: list[Lane]
    truth: list[Box]
    skipped: list[str]

    def table(self, name: str, title: str, reference: str) -> Table:
        """Speed, speed beside the reference's, and overlap with the annotation."""
        base = next(lane for lane in self.lanes if lane.contender.name == reference)
        rows = [self._row(lane, base, reference) for lane in self.lanes]
        return Table(title, list(rows), name, skipped=self.skipped)

    def _row(self, lane: Lane, base: Lane, reference: str) -> dict[str, str | float | None]:
        milliseconds = 1e3 * float(np.median(lane.seconds))
        judged = lane.contender.judged
        overlaps = overlap(lane.boxes, self.truth)
        return {
            "tracker": lane.contender.name,
            "ms a frame": milliseconds,
            "frames/s": 1e3 / milliseconds,
            f"times as fast as {reference}": median_ratio(base.turns, lane.turns),
            "mean IoU": float(overlaps.mean()) if judged else None,
            f"mean distance px to {reference}": _distance(lane.boxes, base.boxes),
        }


def race(contenders: Sequence[Contender], videos: Iterable[Video], title: str) -> Race:
    """Let trackers follow the same targets, a few frames each at a time, in changing order.

    A contender that cannot be built is left out, with the reason.
    """
    lanes, skipped = _line_up(contenders)
    truth: list[Box] = []
    for video in videos:
        for lane in lanes:
            lane.tracker.init(video.images[0], video.boxes[0])
            for _ in range(WARM_UP):
                lane.tracker.track(video.images[0])  # a second init forgets it
            lane.tracker.init(video.images[0], video.boxes[0])
        turns = [
            range(i, min(i + TURN, len(video.images))) for i in range(1, len(video.images), TURN)
        ]
        for number, turn in enumerate(tqdm(turns, desc=f"{title}, {video.name}", leave=False)):
            first = number % len(lanes)
            for lane in [*lanes[first:], *lanes[:first]]:
                lane.take_turn(video, turn)
        truth += video.boxes[1:]
    return Race(lanes, truth, skipped)


def _line_up(contenders: Sequence[Contender]) -> tuple[list[Lane], list[str]]:
    lanes, skipped = [], []
    for contender in contenders:
        try:
            with _threads(contender.threads):
                lanes.append(Lane(contender, contender.make()))
        except (ValueError, ImportError, RuntimeError) as reason:
            skipped.append(f"{contender.name}: {reason}")
    return lanes, skipped


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _distance(boxes: Sequence[Box], others: Sequence[Box]) -> float:
    """Mean over all boxes of the largest difference of a coordinate, in pixels."""
    return float(np.abs(np.array(boxes) - np.array(others)).max(axis=1).mean())

"""Which frames of a recording are tracked: all of them, or those that a robot would come to."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from math import inf

from siamdw_msgs.srv import StartTracking

from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.results import FrameResult
from siamdw_ros.ros.conversions import nanoseconds

JUMP = 60.0  # seconds that the tracker is behind at most; more: the time has jumped back
TICK = 1e-6  # seconds between two frames at least
REORDERED = 8  # frames that are held to put them in order of their stamps


@dataclass(frozen=True)
class Arrival:
    """A frame of a recording that arrives at the tracker.

    Attributes:
        index: Of the image, in the order of the stamps.
        frame: The frame; `arrived` is the time of its recording.
        requests: Targets to start on it.
    """

    index: int
    frame: Frame
    requests: Sequence[StartTracking.Request] = ()


@dataclass(frozen=True)
class Done:
    """A frame that was processed, and when its results were published, in seconds."""

    index: int
    result: FrameResult
    published: float


Process = Callable[[Arrival], FrameResult | None]


def in_stamp_order(frames: Iterable[Frame], held: int = REORDERED) -> Iterator[Frame]:
    """Yield frames by their stamps, where they are out of order by few frames only.

    Stamps that jump back further, as where a bag starts over, stay as they are. Each frame arrives
    after the one before: a target is only searched in newer frames.
    """
    arrived = -inf
    for frame in _by_stamp(frames, held):
        arrived = max(frame.arrived, arrived + TICK)
        yield frame if arrived == frame.arrived else replace(frame, arrived=arrived)


def _by_stamp(frames: Iterable[Frame], held: int) -> Iterator[Frame]:
    waiting: list[tuple[int, int, Frame]] = []
    last = 0
    for number, frame in enumerate(frames):
        stamp = nanoseconds(frame.stamp)
        if stamp < last:  # too late to be put in order: another time begins
            while waiting:
                yield heappop(waiting)[2]
            last = 0
        heappush(waiting, (stamp, number, frame))
        if len(waiting) > held:
            last, _, first = heappop(waiting)
            yield first
    while waiting:
        yield heappop(waiting)[2]


def every_frame(arrivals: Iterable[Arrival], process: Process) -> Iterator[Done]:
    """Process all frames; the tracker takes no time."""
    for arrival in arrivals:
        if (result := process(arrival)) is not None:
            yield Done(arrival.index, result, arrival.frame.arrived)


def as_a_robot(
    arrivals: Iterable[Arrival], process: Process, drop: Callable[[], None]
) -> Iterator[Done]:
    """Process the frames that the node would come to, if it took as long as here.

    While a frame is processed, the newest one waits, and replaces an older one that waits. Frames
    that a target starts on are always processed: the node holds them. Nothing sleeps: the time is
    that of the recording.

    Args:
        arrivals: The frames.
        process: Processes one; the time that it took is in the result.
        drop: Called for each frame that is dropped.
    """
    free = -inf  # when the tracker has nothing to do
    waiting: Arrival | None = None

    def run(arrival: Arrival) -> Iterator[Done]:
        nonlocal free
        if (result := process(arrival)) is not None:
            free = max(free, arrival.frame.arrived) + result.inference_seconds
            yield Done(arrival.index, result, free)

    for arrival in arrivals:
        now = arrival.frame.arrived
        if free - now > JUMP:  # the time of the recording has jumped back
            free = now
        if waiting and (free <= now or waiting.requests):
            yield from run(waiting)
            waiting = None
        if waiting:
            drop()
        waiting = arrival
        if free <= now:
            yield from run(waiting)
            waiting = None
    if waiting:
        yield from run(waiting)

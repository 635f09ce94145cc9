"""The targets a node follows, and what it answers when asked to start or stop."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.decoding import UndecodableError
from siamdw_ros.node.frame_buffer import Frame, nanoseconds
from siamdw_ros.node.messages import box_from_message
from siamdw_ros.node.parameters import MAX_NAME_LENGTH, Settings
from siamdw_ros.node.services import RefusedError
from siamdw_ros.node.smoothing import BoxFilter
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.multi_tracker import MultiTracker
from siamdw_ros.siamdw.presence import State, TrackResult
from siamdw_ros.siamdw.redetection import redetect
from siamdw_ros.siamdw.tracker import checked_box

MAX_LOOKS = 8  # at places that a detector proposes, for all lost targets together


@dataclass
class FollowedTarget:
    """One target: the tracker's state of it, and what was last said about it.

    frame: the one that `result` is about. motion: smooths the boxes of the results. lost_since:
    when the frame arrived since which it is lost.
    """

    id: str
    state: Any  # the method's own
    frame: Frame
    result: TrackResult
    last_seen: Time
    motion: BoxFilter
    lost_since: float | None = None

    def take(self, frame: Frame, result: TrackResult) -> None:
        """Note what a frame showed."""
        self.frame = frame
        if result.state is State.TRACKED:
            self.last_seen = frame.stamp
        if result.state is State.LOST:
            self.motion.forget()
            self.result = result
            self.lost_since = frame.arrived if self.lost_since is None else self.lost_since
        else:
            self.lost_since = None
            box = self.motion.update(result.box, nanoseconds(frame.stamp) * 1e-9)
            self.result = replace(result, box=box)


def _catch_up(
    target: FollowedTarget, frames: Sequence[Frame], method: MultiTracker[Any], settings: Settings
) -> int:
    """Search a target in newer frames, as many as there is time for; say how many."""

    def search(frame: Frame) -> None:
        with contextlib.suppress(UndecodableError):
            target.take(frame, method.update(frame.image(), [target.state])[0])

    return catch_up(frames, search, settings.catch_up_seconds)


@dataclass(frozen=True)
class Search:
    """A frame, the targets to find in it, and its image, None where there are no targets."""

    frame: Frame
    targets: list[FollowedTarget]
    image: NDArray[np.uint8] | None


def carry_out(searches: Sequence[Search], method: MultiTracker[Any]) -> None:
    """Find all targets in all frames, in one batch."""
    worth = [(search, search.image) for search in searches if search.image is not None]
    if not worth:
        return
    states = [(image, [target.state for target in search.targets]) for search, image in worth]
    for (search, _), results in zip(worth, method.update_many(states), strict=True):
        for target, result in zip(search.targets, results, strict=True):
            target.take(search.frame, result)


@dataclass
class Targets:
    """All targets, by id, in the order in which they were started.

    Lives in the inference thread.
    """

    _targets: dict[str, FollowedTarget] = field(default_factory=dict)
    _named: int = 0

    def __len__(self) -> int:
        return len(self._targets)

    def __iter__(self) -> Iterator[FollowedTarget]:
        return iter(self._targets.values())

    def in_frame(self, frame: Frame) -> list[FollowedTarget]:
        """Those about which the frame has said something."""
        return [target for target in self if target.frame is frame]

    def start(
        self,
        asked: StartTracking.Request,
        frames: Sequence[Frame],
        method: MultiTracker[Any],
        settings: Settings,
    ) -> tuple[FollowedTarget, int]:
        """Start what a request asks for on the first of some frames, and catch up to the last.

        Returns:
            The target, and how many frames were searched to catch up.

        Raises:
            RefusedError: for the reason in the message; nothing has changed then.
        """
        self._check(asked, settings.max_targets)
        first, *later = frames
        try:
            image = first.image()
            box = checked_box(box_from_message(asked.bbox), image)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        target = FollowedTarget(
            id=asked.target_id or self._new_id(),
            state=method.start(image, box),
            frame=first,
            result=TrackResult(box, 1.0, State.TRACKED),
            last_seen=first.stamp,
            motion=BoxFilter(settings.smoothing),
        )
        target.take(first, target.result)

        searched = _catch_up(target, later, method, settings)
        self._targets[target.id] = target
        return target, searched

    def take_back(
        self,
        boxes: Sequence[Box],
        frames: Sequence[Frame],
        method: MultiTracker[Any],
        settings: Settings,
    ) -> list[FollowedTarget]:
        """Look for a camera's lost targets in some boxes of the first frame, and catch up.

        Returns:
            Those for which one of the boxes speaks.
        """
        first, *later = frames
        lost = [t for t in self if t.frame.camera == first.camera and t.result.state is State.LOST]
        found = []
        for target in lost:
            looked = redetect(
                method, first.image(), target.state, boxes[: max(MAX_LOOKS // len(lost), 1)]
            )
            if looked is not None:
                target.state, score = looked
                box, state = target.state.box, target.state.presence.state
                target.take(first, TrackResult(box, score, state))
                _catch_up(target, later, method, settings)
                found.append(target)
        return found

    def _check(self, asked: StartTracking.Request, max_targets: int) -> None:
        name = asked.target_id
        if len(name) > MAX_NAME_LENGTH:
            raise RefusedError(f"target_id has {len(name)} characters: at most {MAX_NAME_LENGTH}")
        if not name.isprintable():
            raise RefusedError("target_id has characters that cannot be printed")
        if name not in self._targets and len(self) >= max_targets:
            raise RefusedError(
                f"{len(self)} targets are followed already, as many as max_targets allows: "
                "stop one first"
            )

    def _new_id(self) -> str:
        while True:
            self._named += 1
            if str(self._named) not in self._targets:
                return str(self._named)

    def stop(self, asked: StopTracking.Request) -> list[str]:
        """Forget one target, or all, and say which.

        Raises:
            RefusedError: there is no such target.
        """
        if not asked.target_id:
            stopped = list(self._targets)
            self._targets.clear()
            return stopped
        if asked.target_id not in self._targets:
            known = ", ".join(self._targets) or "none"
            wanted = asked.target_id[:MAX_NAME_LENGTH]
            raise RefusedError(f"no target '{wanted}' is followed: {known}")
        del self._targets[asked.target_id]
        return [asked.target_id]

    def search_in(self, frame: Frame) -> "Search":
        """What is to be searched in a camera's newest frame.

        Targets that were started on this frame or a newer one are not searched in it.

        Raises:
            UndecodableError: a compressed image is damaged inside.
        """
        targets = [
            target
            for target in self
            if target.frame.camera == frame.camera and target.frame.arrived < frame.arrived
        ]
        return Search(frame, targets, frame.image() if targets else None)

    def give_up(self, frame: Frame, seconds: float) -> list[str]:
        """Forget the targets that are lost for so long already, and say which; 0: none."""
        gone = [
            target.id
            for target in self
            if seconds
            and target.lost_since is not None
            and frame.arrived - target.lost_since > seconds
        ]
        for name in gone:
            del self._targets[name]
        return gone

    def apply(self, settings: Settings) -> None:
        """Let all targets be judged and smoothed as these say from now on."""
        for target in self:
            target.state.presence.thresholds = settings.thresholds()
            target.motion.time_constant = settings.smoothing


def catch_up(
    frames: Sequence[Frame],
    search: Callable[[Frame], None],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Search frames until the last; leave some out, evenly, where there is no time for all.

    The first is always searched, and shows how many more there is time for; so is the last.

    Args:
        frames: oldest first.
        search: called with each of them that is searched.
        seconds: that it may take, about.
        clock: in seconds.

    Returns:
        How many were searched.
    """
    begin, done, index = clock(), 0, -1
    while index < len(frames) - 1:
        left, used = len(frames) - 1 - index, clock() - begin
        if done == 0:
            affordable = left
        else:
            affordable = int((seconds - used) * done / used) if used > 0 else left
        index += math.ceil(left / max(affordable, 1))
        search(frames[index])
        done += 1
    return done

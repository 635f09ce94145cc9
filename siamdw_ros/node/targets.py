"""The targets a node follows, and what it answers when asked to start or stop."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from builtin_interfaces.msg import Time
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.frames import Frame
from siamdw_ros.node.messages import box_from_message
from siamdw_ros.siamdw import State, TrackResult
from siamdw_ros.siamdw.method import Method
from siamdw_ros.siamdw.tracker import checked_box

MAX_ID_LENGTH = 64


class RefusedError(ValueError):
    """A request cannot be carried out; the message tells the operator why."""


@dataclass
class FollowedTarget:
    """One target: the tracker's state of it, and what was last said about it."""

    id: str
    state: Any  # the method's own
    result: TrackResult
    last_seen: Time


@dataclass
class Targets:
    """All targets, by id, in the order in which they were started.

    Lives in the inference thread.
    """

    max_targets: int
    _targets: dict[str, FollowedTarget] = field(default_factory=dict)
    _named: int = 0

    def __iter__(self) -> Iterator[FollowedTarget]:
        return iter(self._targets.values())

    def __len__(self) -> int:
        return len(self._targets)

    def start(
        self, asked: StartTracking.Request, newest: Frame | None, method: Method[Any]
    ) -> FollowedTarget:
        """Start what a request asks for on the newest frame.

        Raises:
            RefusedError: for the reason in the message; nothing has changed then.
        """
        if newest is None:
            raise RefusedError("no image has arrived yet: check the image topic and its QoS")
        self._check(asked, newest)
        image = newest.image()
        try:
            box = checked_box(box_from_message(asked.bbox), image)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        stamp = newest.message.header.stamp
        target = FollowedTarget(
            id=asked.target_id or self._new_id(),
            state=method.start(image, box),
            result=TrackResult(box, 1.0, State.TRACKED),
            last_seen=stamp,
        )
        self._targets[target.id] = target
        return target

    def _check(self, asked: StartTracking.Request, newest: Frame) -> None:
        header = newest.message.header
        stamp, wanted = header.stamp, asked.header.stamp
        if (wanted.sec or wanted.nanosec) and wanted != stamp:
            raise RefusedError(
                f"stamp {_readable(wanted)} is not that of the newest image, {_readable(stamp)}: "
                "leave it zero to start on the newest"
            )
        if asked.header.frame_id and asked.header.frame_id != header.frame_id:
            raise RefusedError(
                f"frame_id '{asked.header.frame_id}' is not the camera's, '{header.frame_id}'"
            )
        if len(asked.target_id) > MAX_ID_LENGTH:
            raise RefusedError(
                f"target_id has {len(asked.target_id)} characters: at most {MAX_ID_LENGTH}"
            )
        if asked.target_id not in self._targets and len(self) >= self.max_targets:
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
            raise RefusedError(f"no target '{asked.target_id}' is followed: {known}")
        del self._targets[asked.target_id]
        return [asked.target_id]

    def update(self, frame: Frame, method: Method[Any]) -> None:
        """Find all targets in a frame."""
        if not self._targets:
            return
        followed = list(self)
        results = method.update(frame.image(), [target.state for target in followed])
        for target, result in zip(followed, results, strict=True):
            target.result = result
            if result.state is State.TRACKED:
                target.last_seen = frame.message.header.stamp


def _readable(stamp: Time) -> str:
    return f"{stamp.sec}.{stamp.nanosec:09d}"

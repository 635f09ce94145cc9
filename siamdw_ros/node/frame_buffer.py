"""Between the threads that receive and the inference thread: images and requests.

Messages are held by reference; no pixel is copied.
"""

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from siamdw_ros.node.decoding import ImageDecoder, ImageMessage
from siamdw_ros.node.services import RefusedError, Request


@dataclass(frozen=True)
class Frame:
    """An image message that was checked.

    camera: name of the camera that it came from. arrived: when, by the steady clock in seconds.
    decoder: of the camera.
    """

    camera: str
    message: ImageMessage
    arrived: float
    decoder: ImageDecoder = field(default_factory=ImageDecoder)

    def image(self) -> NDArray[np.uint8]:
        """H x W x 3, uint8, BGR; for the inference thread only. Do not write to it.

        Raises:
            UndecodableError: a compressed image is damaged inside.
        """
        return self.decoder.image(self.message, self.arrived)

    @property
    def stamp(self) -> Time:
        """Of the message's header."""
        return self.message.header.stamp

    @property
    def frame_id(self) -> str:
        """Of the message's header."""
        return str(self.message.header.frame_id)

    @property
    def size(self) -> int:
        """Bytes of the message's data."""
        return len(self.message.data)


def nanoseconds(stamp: Time) -> int:
    """A stamp as one number."""
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def check_stamp(stamp: Time) -> str | None:
    """Say what is wrong with a stamp, None if nothing is."""
    if stamp.sec < 0:  # the message allows it, the clocks of ROS do not
        return f"stamp {stamp.sec} s is before the beginning of time"
    return None


@dataclass
class History:
    """The frames of one camera that came last, oldest first; the newest is held in any case.

    Stamps grow from one frame to the next. Where they jump back, as when a bag starts over, what
    was held is of another time and is let go; a repeated stamp replaces the frame that had it.
    """

    _frames: deque[Frame] = field(default_factory=deque)
    _size: int = 0

    def add(self, frame: Frame, seconds: float, size: float) -> None:
        """Append the newest frame; let go of those older than `seconds` or beyond `size` bytes."""
        self._make_room_for_stamp(nanoseconds(frame.stamp))
        self._frames.append(frame)
        self._size += frame.size
        oldest = frame.arrived - seconds
        while len(self._frames) > 1 and (
            self._size > size or self._frames[0].arrived < oldest or seconds == 0
        ):
            self._size -= self._frames.popleft().size

    def _make_room_for_stamp(self, stamp: int) -> None:
        if not self._frames:
            return
        last = nanoseconds(self._frames[-1].stamp)
        if stamp < last:
            self._frames.clear()
            self._size = 0
        elif stamp == last:
            self._size -= self._frames.pop().size

    def frames(self) -> list[Frame]:
        """All that are held, oldest first."""
        return list(self._frames)


@dataclass(frozen=True)
class Work:
    """What the inference thread finds when it looks, beside requests: a frame a camera.

    detections: what a detector said last of each camera.
    """

    frames: list[Frame]
    detections: dict[str, Detection2DArray]


class FrameBuffer:
    """One slot a camera for its newest frame, its history, and a queue of requests.

    A newer frame replaces one that nobody has taken: latency stays one inference, never a queue.
    All cameras' frames are taken at once, so that none waits for another.

    Args:
        cameras: their names.
        seconds, size: how long and how many bytes of frames to hold of each camera.
    """

    def __init__(self, cameras: Iterable[str], seconds: float, size: float) -> None:
        self._histories = {camera: History() for camera in cameras}
        self._limits = seconds, size
        self._frames: dict[str, Frame] = {}
        self._requests: deque[Request] = deque()
        self._detections: dict[str, Detection2DArray] = {}
        self._closed = False
        self._changed = threading.Condition()

    def limit_history(self, seconds: float, size: float) -> None:
        """Hold frames for so many seconds and bytes, from the next one on."""
        with self._changed:
            self._limits = seconds, size

    def put_frame(self, frame: Frame) -> bool:
        """Offer a camera's newest frame; True if it replaces one that nobody has taken."""
        with self._changed:
            replaced = frame.camera in self._frames
            self._frames[frame.camera] = frame
            self._histories[frame.camera].add(frame, *self._limits)
            self._changed.notify()
            return replaced

    def put_request(self, request: Request) -> None:
        """Queue a request."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify()

    def next_request(self) -> Request | None:
        """Take the request that has waited longest, if any does."""
        with self._changed:
            return self._requests.popleft() if self._requests else None

    def put_detections(self, camera: str, message: Detection2DArray) -> None:
        """Offer what a detector says of a camera; it replaces what nobody has taken."""
        with self._changed:
            self._detections[camera] = message
            self._changed.notify()

    def take(self) -> Work | None:
        """Wait for work, or a request, and take the work; None once closed."""
        with self._changed:
            self._changed.wait_for(self._is_work)
            if self._closed:
                return None
            work = Work(list(self._frames.values()), self._detections)
            self._frames.clear()
            self._detections = {}
            return work

    def _is_work(self) -> bool:
        return self._closed or bool(self._frames or self._requests or self._detections)

    def histories(self) -> dict[str, list[Frame]]:
        """The frames that are held of each camera, oldest first."""
        with self._changed:
            return {camera: history.frames() for camera, history in self._histories.items()}

    def close(self) -> None:
        """Let `take` return None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


Histories = Mapping[str, Sequence[Frame]]


def frames_from(header: Header, histories: Histories) -> list[Frame]:
    """The frame that a request names, and the newer ones of its camera.

    Args:
        header: stamp of the image, zero for the newest; frame_id of its camera (or the camera's
            name), empty for the only one.
        histories: the frames held of each camera, oldest first.

    Raises:
        RefusedError: there is no such camera, or no such frame any more.
    """
    held = histories[_camera(header.frame_id, histories)]
    if not held:
        raise RefusedError("no image has arrived yet: check the image topic and its QoS")
    if not (header.stamp.sec or header.stamp.nanosec):
        return [held[-1]]
    for index, frame in enumerate(held):
        if frame.stamp == header.stamp:
            return list(held[index:])
    raise RefusedError(
        f"no image with stamp {_readable(header.stamp)} is held, only {_span(held)}: "
        "leave it zero to start on the newest"
    )


def _camera(frame_id: str, histories: Histories) -> str:
    if not frame_id:
        if len(histories) == 1:
            return next(iter(histories))
        raise RefusedError(f"there are several cameras: give the frame_id of {_known(histories)}")
    fitting = [
        camera
        for camera, held in histories.items()
        if frame_id == camera or (held and held[-1].frame_id == frame_id)
    ]
    if len(fitting) > 1:
        raise RefusedError(
            f"frame_id '{frame_id}' is that of several cameras: give a name, {', '.join(fitting)}"
        )
    if not fitting:
        held_any = any(histories.values())
        reason = f"the cameras are {_known(histories)}" if held_any else "no image has arrived yet"
        raise RefusedError(f"frame_id '{frame_id[:64]}' is of no camera: {reason}")
    return fitting[0]


def _known(histories: Histories) -> str:
    return " or ".join(
        f"'{held[-1].frame_id}' ({camera})" if held else f"{camera} (no image yet)"
        for camera, held in histories.items()
    )


def _span(held: Sequence[Frame]) -> str:
    oldest, newest = _readable(held[0].stamp), _readable(held[-1].stamp)
    return f"{len(held)} from {oldest} to {newest}" if len(held) > 1 else newest


def _readable(stamp: Time) -> str:
    return f"{stamp.sec}.{stamp.nanosec:09d}"

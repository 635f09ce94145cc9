"""The thread-safe buffer of the inference thread: frames, service calls and detector boxes.

For each camera it holds the newest frame that was not processed, and a history of older frames on
which targets can be started.

Messages are stored by reference; no pixel is copied.
"""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from vision_msgs.msg import Detection2DArray

from siamdw_ros.node.decoding import ImageDecoder, ImageMessage
from siamdw_ros.node.services import PendingCall
from siamdw_ros.ros.conversions import nanoseconds


@dataclass(frozen=True)
class Frame:
    """An image message that passed the check.

    Attributes:
        camera: Name of the camera.
        message: The message.
        arrived: Arrival time by the steady clock, in seconds.
        decoder: Decoder of the camera.
    """

    camera: str
    message: ImageMessage
    arrived: float
    decoder: ImageDecoder = field(default_factory=ImageDecoder)

    def image(self) -> NDArray[np.uint8]:
        """Return the image. For the inference thread only.

        Returns:
            H x W x 3, uint8, BGR. Do not write to it: it may share the message's memory.

        Raises:
            UndecodableError: the data of the image is damaged inside.
        """
        return self.decoder.image(self.message, self.arrived)

    @property
    def stamp(self) -> Time:
        """Stamp of the image."""
        return self.message.header.stamp

    @property
    def frame_id(self) -> str:
        """frame_id of the image."""
        return str(self.message.header.frame_id)

    @property
    def num_bytes(self) -> int:
        """Number of bytes of the message's data."""
        return len(self.message.data)


@dataclass
class History:
    """The last frames of one camera, oldest first. The newest one is always kept.

    Stamps increase from one frame to the next. When they jump back, as when a bag starts over,
    the older frames belong to another time and are released. A repeated stamp replaces the frame
    that had it.

    Attributes:
        frames: The frames.
    """

    frames: deque[Frame] = field(default_factory=deque)
    _num_bytes: int = 0

    def add(self, frame: Frame, seconds: float, max_bytes: float) -> None:
        """Append the newest frame; release those older than `seconds` or beyond `max_bytes`."""
        frames = self.frames
        if frames and nanoseconds(frame.stamp) < nanoseconds(frames[-1].stamp):
            frames.clear()
            self._num_bytes = 0
        elif frames and frame.stamp == frames[-1].stamp:
            self._num_bytes -= frames.pop().num_bytes
        frames.append(frame)
        self._num_bytes += frame.num_bytes
        oldest = frame.arrived - seconds
        while len(frames) > 1 and (
            self._num_bytes > max_bytes or frames[0].arrived < oldest or seconds == 0
        ):
            self._num_bytes -= frames.popleft().num_bytes


@dataclass(frozen=True)
class HeldFrames:
    """The frames that are held of one camera.

    Attributes:
        topic: Topic of the images.
        frames: The last frames, oldest first.
        problem: What was wrong with the last image, if it was rejected.
    """

    topic: str
    frames: Sequence[Frame]
    problem: str = ""


@dataclass(frozen=True)
class Batch:
    """Frames and detector boxes for the inference thread.

    Attributes:
        frames: The newest frame of each camera that has one.
        detections: The newest message of a detector, by camera.
    """

    frames: list[Frame]
    detections: dict[str, Detection2DArray]


class FrameBuffer:
    """One slot per camera for its newest frame, its history, and a queue of service calls.

    A newer frame replaces one that was not taken: a frame waits for at most one inference, the one
    that runs. The frames of all cameras are taken together, so that no camera waits for another.

    Args:
        topics: Topic of each camera, by the camera's name.
        seconds: How long frames are held.
        max_bytes: How many bytes of frames are held per camera.
    """

    def __init__(self, topics: Mapping[str, str], seconds: float, max_bytes: float) -> None:
        self._topics = topics
        self._histories = {camera: History() for camera in topics}
        self._limits = seconds, max_bytes
        self._frames: dict[str, Frame] = {}
        self._problems: dict[str, str] = {}
        self._calls: deque[PendingCall] = deque()
        self._detections: dict[str, Detection2DArray] = {}
        self._closed = False
        self._changed = threading.Condition()

    def limit_history(self, seconds: float, max_bytes: float) -> None:
        """Change how long and how many bytes of frames are held, from the next frame on."""
        with self._changed:
            self._limits = seconds, max_bytes

    def put_frame(self, frame: Frame) -> bool:
        """Store a camera's newest frame; return True if it replaces one that was not taken."""
        with self._changed:
            replaced = frame.camera in self._frames
            self._frames[frame.camera] = frame
            self._histories[frame.camera].add(frame, *self._limits)
            self._problems.pop(frame.camera, None)
            self._changed.notify()
            return replaced

    def note_problem(self, camera: str, problem: str) -> None:
        """Store why a camera's newest image was rejected."""
        with self._changed:
            self._problems[camera] = problem

    def put_call(self, call: PendingCall) -> None:
        """Append a service call to the queue."""
        with self._changed:
            self._calls.append(call)
            self._changed.notify()

    def next_call(self) -> PendingCall | None:
        """Take the service call that has waited longest; None if there is none."""
        with self._changed:
            return self._calls.popleft() if self._calls else None

    def put_detections(self, camera: str, message: Detection2DArray) -> None:
        """Store what a detector found in a camera's image; it replaces an older message."""
        with self._changed:
            self._detections[camera] = message
            self._changed.notify()

    def take(self) -> Batch | None:
        """Wait for a frame, a service call or detections, and take all frames and detections.

        Returns:
            What was taken; None once the buffer is closed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._frames or self._calls or self._detections
            )
            if self._closed:
                return None
            batch = Batch(list(self._frames.values()), self._detections)
            self._frames.clear()
            self._detections = {}
            return batch

    def held(self) -> dict[str, HeldFrames]:
        """Return what is held of each camera."""
        with self._changed:
            return {
                camera: HeldFrames(topic, list(history.frames), self._problems.get(camera, ""))
                for (camera, topic), history in zip(
                    self._topics.items(), self._histories.values(), strict=True
                )
            }

    def close(self) -> list[str]:
        """Let `take` return None from now on; return the cameras whose frame was not taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return list(self._frames)

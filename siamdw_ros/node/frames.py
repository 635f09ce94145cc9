"""Between the executor's thread and the inference thread: the newest image, and requests."""

import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rclpy.task import Future
from sensor_msgs.msg import Image
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.images import to_bgr

MAX_REQUESTS = 32  # that wait at a time; more are refused


@dataclass(frozen=True)
class Frame:
    """An image message that was checked."""

    message: Image

    def image(self) -> NDArray[np.uint8]:
        """H x W x 3, uint8, BGR; converted anew at each call."""
        return to_bgr(self.message)


@dataclass(frozen=True)
class Request:
    """What a service was asked; `answer` is given the response when it is carried out."""

    asked: StartTracking.Request | StopTracking.Request
    answer: Future
    deadline: float  # of the steady clock, in seconds


@dataclass(frozen=True)
class Work:
    """What the inference thread finds when it looks: requests in their order, then a frame."""

    requests: list[Request]
    frame: Frame | None


@dataclass
class Inbox:
    """One slot for the newest frame and a short queue of requests.

    A newer frame replaces one that nobody has taken: latency stays one inference, never a queue.
    `dropped` counts those replaced.
    """

    dropped: int = 0
    _frame: Frame | None = None
    _requests: list[Request] = field(default_factory=list)
    _closed: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def put_frame(self, frame: Frame) -> None:
        """Offer the newest frame."""
        with self._changed:
            self.dropped += self._frame is not None
            self._frame = frame
            self._changed.notify()

    def put_request(self, request: Request) -> bool:
        """Queue a request; False when the queue is full or closed."""
        with self._changed:
            if self._closed or len(self._requests) >= MAX_REQUESTS:
                return False
            self._requests.append(request)
            self._changed.notify()
            return True

    def take(self) -> Work | None:
        """Wait for work and take all of it; None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._frame or self._requests)
            if self._closed:
                return None
            work = Work(self._requests, self._frame)
            self._requests, self._frame = [], None
            return work

    def take_overdue(self, now: float) -> list[Request]:
        """Take the requests whose deadline has passed."""
        with self._changed:
            overdue = [request for request in self._requests if request.deadline <= now]
            self._requests = [request for request in self._requests if request.deadline > now]
            return overdue

    def close(self) -> list[Request]:
        """Let `take` return None from now on, and take the requests that are left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left, self._requests = self._requests, []
            return left

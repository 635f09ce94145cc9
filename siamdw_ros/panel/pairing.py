"""Matches the images of one camera with what the tracker found in them, by stamp."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.node.decoding import ImageMessage
from siamdw_ros.ros.conversions import nanoseconds

MAX_IMAGES = 64  # that wait for their status
MAX_BYTES = 2**26
MAX_STATUSES = 16  # that wait for their image: the two take different ways
SILENCE = 1.0  # seconds without a match after which images are shown without boxes


@dataclass
class Frame:
    """One image to show.

    Attributes:
        message: The image.
        status: What the tracker found in this very image; None if there is none.
        serial: Grows by one with every frame of the camera.
        encoding: The task that encodes it, shared by all clients; None before the first asks.
    """

    message: ImageMessage
    status: TrackerStatus | None
    serial: int
    encoding: Any = None


@dataclass
class Pairing:
    """Images wait here until their status comes, so that video and boxes are never out of step.

    While the tracker is silent, the newest image is shown without boxes. Lives in one thread.
    """

    newest: Frame | None = None
    _images: OrderedDict[int, ImageMessage] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _statuses: deque[TrackerStatus] = field(default_factory=lambda: deque(maxlen=MAX_STATUSES))
    _matched: float = -1e9  # time of the last match

    def add_image(self, message: ImageMessage, now: float) -> bool:
        """Take an image; True if there is a new frame to show.

        Args:
            message: The image.
            now: Steady time in seconds.
        """
        stamp = message.header.stamp
        for status in self._statuses:
            if status.header.stamp == stamp:
                return self._show(message, status, now)
        self._store(message)
        if now - self._matched < SILENCE:
            return False
        return self._show(message, None, None)

    def add_status(self, status: TrackerStatus, now: float) -> bool:
        """Take what the tracker found in an image; True if there is a new frame to show."""
        key = _key(status)
        if key not in self._images:
            self._statuses.append(status)
            return False
        message = self._images[key]
        for older in list(self._images):  # in the order of arrival, up to this one
            self._drop(older)
            if older == key:
                break
        return self._show(message, status, now)

    def _show(
        self, message: ImageMessage, status: TrackerStatus | None, now: float | None
    ) -> bool:
        if now is not None:
            self._matched = now
        serial = self.newest.serial + 1 if self.newest else 0
        self.newest = Frame(message, status, serial)
        return True

    def _store(self, message: ImageMessage) -> None:
        key = _key(message)
        if key in self._images:
            self._drop(key)
        self._images[key] = message
        self._bytes += len(message.data)
        while len(self._images) > 1 and (
            len(self._images) > MAX_IMAGES or self._bytes > MAX_BYTES
        ):
            self._drop(next(iter(self._images)))

    def _drop(self, key: int) -> None:
        self._bytes -= len(self._images.pop(key).data)


def _key(stamped: Any) -> int:
    return nanoseconds(stamped.header.stamp)

"""A camera as a thread of the test: images at a steady rate."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from siamdw_ros.evaluation.robot import Robot


class Camera(threading.Thread):
    """Publishes images through a robot at a steady rate, until its `with` block ends.

    Args:
        robot: whose image topic is used.
        image: called for each image that is sent, raw or compressed.
        rate: images per second.
    """

    def __init__(self, robot: Robot, image: Callable[[], Any], rate: float) -> None:
        super().__init__(name="camera")
        self.robot = robot
        self.image = image
        self.rate = rate
        self.sent = 0
        self.stamp: Callable[[], int] = robot.now
        self._ended = threading.Event()

    def run(self) -> None:
        """Send until it is ended; a late image does not delay the ones behind it."""
        begin = time.monotonic()
        while not self._ended.wait(self._until_next(begin)):
            self.robot.send(self.image(), self.stamp())
            self.sent += 1

    def _until_next(self, begin: float) -> float:
        passed = time.monotonic() - begin
        return math.ceil(passed * self.rate + 1e-6) / self.rate - passed

    def __enter__(self) -> "Camera":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self.join()

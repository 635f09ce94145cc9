"""A target's box without jitter, and where the box will be a moment later.

A critically damped g-h filter (Brookner, Tracking and Kalman Filtering Made Easy, section 1.2.6):
least squares over all images, whose weight fades with their age. It assumes a constant velocity,
so that a target that keeps its velocity is followed without lag; one that accelerates by a px/s^2
is followed with a lag of at most a * time_constant^2 pixels.
"""

import math

import numpy as np

from siamdw_ros.siamdw.crops import Box, Vector

MAX_GAP = 1.0  # seconds without an image, after which nothing is known of the velocity
MIN_GAP = 1e-6  # seconds; images so close are one image twice
MIN_SIZE = 1.0  # pixels, of what is predicted


class BoxFilter:
    """The motion of one target: centre and size, each with its rate of change.

    Args:
        time_constant: seconds in which the weight of an image fades to 1/e; 0 smooths nothing.
    """

    def __init__(self, time_constant: float) -> None:
        self.time_constant = time_constant
        self._updates = 0
        self._place: Vector = np.zeros(4)  # centre x, y, width, height: pixels
        self._rate: Vector = np.zeros(4)  # of these: pixels a second
        self.forget()

    def forget(self) -> None:
        """Start over with the next box."""
        self._stamp = -math.inf

    @property
    def velocity(self) -> tuple[float, float]:
        """Of the centre, in pixels a second."""
        return float(self._rate[0]), float(self._rate[1])

    def update(self, box: Box, stamp: float) -> Box:
        """Take in where the target was seen, and say where it is.

        Args:
            box: (x, y, w, h) in pixels; what is returned too.
            stamp: of the image, in seconds. When it lies before that of the last image, or long
                after it, the filter starts over.
        """
        measured, passed = _center_size(box), stamp - self._stamp
        self._stamp = stamp
        if not MIN_GAP < passed <= MAX_GAP:
            self._updates, self._place, self._rate = 0, measured, np.zeros(4)
            return box
        self._updates += 1
        g, h = self._gains(passed)
        predicted = self._place + self._rate * passed
        self._place = predicted + g * (measured - predicted)
        self._rate = self._rate + h / passed * (measured - predicted)
        return _corner_size(self._place) if self.time_constant else box

    def predict(self, ahead: float) -> Box:
        """Where the target will be `ahead` seconds after the last image, (x, y, w, h), pixels."""
        return _corner_size(self._place + self._rate * ahead)

    def _gains(self, passed: float) -> tuple[float, float]:
        """Of place and rate: those of plain least squares until the fading ones are smaller."""
        n, constant = self._updates, self.time_constant
        fading = math.exp(-passed / constant) if constant else 0.0
        g = max(1 - fading**2, 2 * (2 * n + 1) / ((n + 1) * (n + 2)))
        h = max((1 - fading) ** 2, 6 / ((n + 1) * (n + 2)))
        return g, h


def _center_size(box: Box) -> Vector:
    x, y, width, height = box
    return np.array([x + width / 2, y + height / 2, width, height])


def _corner_size(place: Vector) -> Box:
    x, y = place[:2]
    width, height = np.maximum(place[2:], MIN_SIZE)
    return float(x - width / 2), float(y - height / 2), float(width), float(height)

"""A filter that removes jitter from a target's box and predicts the box.

A critically damped g-h filter (Brookner, Tracking and Kalman Filtering Made Easy, section 1.2.6):
least squares over all images, weighted by their age. It assumes a constant velocity: a target that
keeps its velocity is filtered without lag, one that accelerates by a px/s^2 with a lag of at most
a * time_constant^2 pixels.
"""

import math

import numpy as np

from siamdw_ros.siamdw.crops import Box, Vector

MAX_GAP = 1.0  # seconds without an image after which the velocity is unknown
MIN_GAP = 1e-6  # seconds; closer images are the same image twice
MIN_SIZE = 1.0  # pixels, of a predicted box


class BoxFilter:
    """The motion of one target: centre and size, each with its rate of change.

    Args:
        time_constant: Seconds in which the weight of an image falls to 1/e; 0: no smoothing.
    """

    def __init__(self, time_constant: float) -> None:
        self.time_constant = time_constant
        self._updates = 0
        self._place: Vector = np.zeros(4)  # centre x, y, width, height: pixels
        self._rate: Vector = np.zeros(4)  # rates of these: pixels per second
        self.reset()

    def reset(self) -> None:
        """Start over with the next box."""
        self._stamp = -math.inf

    def update(self, box: Box, stamp: float) -> Box:
        """Add the box of an image and return the filtered box.

        Args:
            box: (x, y, w, h) in pixels.
            stamp: Stamp of the image, in seconds. If it is before that of the last image, or
                long after it, the filter starts over.

        Returns:
            (x, y, w, h) in pixels.
        """
        x, y, width, height = box
        measured = np.array([x + width / 2, y + height / 2, width, height])
        passed = stamp - self._stamp
        self._stamp = stamp
        if not MIN_GAP < passed <= MAX_GAP:
            self._updates = 0
            self._place = measured
            self._rate = np.zeros(4)
            return box
        self._updates += 1
        g, h = self._gains(passed)
        predicted = self._place + self._rate * passed
        self._place = predicted + g * (measured - predicted)
        self._rate = self._rate + h / passed * (measured - predicted)
        return _corner_size(self._place) if self.time_constant else box

    def predict(self, ahead: float) -> Box:
        """Return the box `ahead` seconds after the last image, (x, y, w, h) in pixels."""
        return _corner_size(self._place + self._rate * ahead)

    def _gains(self, passed: float) -> tuple[float, float]:
        """Return the gains g and h; those of a least-squares fit while they are larger."""
        n, constant = self._updates, self.time_constant
        fading = math.exp(-passed / constant) if constant else 0.0
        g = max(1 - fading**2, 2 * (2 * n + 1) / ((n + 1) * (n + 2)))
        h = max((1 - fading) ** 2, 6 / ((n + 1) * (n + 2)))
        return g, h


def _corner_size(place: Vector) -> Box:
    x, y = place[:2]
    width, height = np.maximum(place[2:], MIN_SIZE)
    return float(x - width / 2), float(y - height / 2), float(width), float(height)

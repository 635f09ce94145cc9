"""Counts, rates and durations, for the status, the diagnostics and the log."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

WINDOW = 2.0  # seconds over which a rate is taken
LONG_WINDOW = 10.0  # seconds over which percentiles are taken
# Latency from an image's stamp to the publishing, in seconds. Outside of these limits the stamps
# are of another clock: the stamps of two synchronised machines differ by a few milliseconds.
LATENCY_LIMITS = (-0.1, 60.0)


@dataclass
class Rate:
    """Events per second over the last seconds. Written by one thread, read by any."""

    _times: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    def tick(self, now: float) -> None:
        """Count an event at a time of the steady clock, in seconds."""
        while self._times and now - self._times[0] > WINDOW:
            self._times.popleft()
        self._times.append(now)

    def value(self, now: float) -> float:
        """Return the events per second."""
        return sum(now - time <= WINDOW for time in tuple(self._times)) / WINDOW


@dataclass
class Durations:
    """Durations of the last seconds. Written by one thread, read by any."""

    _values: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=1000))

    def add(self, now: float, value: float) -> None:
        """Store a duration at a time of the steady clock, in seconds."""
        self._values.append((now, value))

    def percentiles(self, now: float, wanted: tuple[float, ...] = (50, 95)) -> list[float]:
        """Return percentiles over the last seconds; NaN where nothing was stored."""
        recent = [value for time, value in tuple(self._values) if now - time <= LONG_WINDOW]
        return [float(p) for p in np.percentile(recent or [np.nan], wanted)]


@dataclass
class ReceiveStats:
    """Counts of the images that arrived from one camera.

    Written by the receiving thread, read by any.

    Attributes:
        images: Number of images.
        lost_messages: Number of images lost between camera and node, as far as the middleware
            reports it.
        last: Time of the steady clock at which the last image arrived, in seconds.
        problem: What was wrong with the last image that was rejected.
        rejected: Number of images that failed the check.
        dropped: Number of images replaced by a newer one before they were processed.
        rate: Images per second.
    """

    images: int = 0
    lost_messages: int = 0
    last: float | None = None
    problem: str = ""
    rejected: int = 0
    dropped: int = 0
    rate: Rate = field(default_factory=Rate)

    def count(self, now: float) -> None:
        """Count an image that arrived at a time of the steady clock, in seconds."""
        self.images += 1
        self.rate.tick(now)
        self.last = now


@dataclass
class ProcessStats:
    """Counts of the images of one camera that were processed.

    Written by the inference thread, read by any.

    Attributes:
        images: Number of images.
        failed: Number of images whose search failed with an exception.
        rejected: Number of images that could not be decoded.
        last: Time of the steady clock at which the last image was done, in seconds.
        stamp_age: Seconds from the last image's stamp to its publishing, whatever clock the
            stamp is of.
        waiting: Milliseconds that an image waited for the inference thread.
        inference: Milliseconds of the batch that an image was part of.
        latency: Milliseconds from the stamp to the publishing, of stamps of the node's clock.
        rate: Images per second.
    """

    images: int = 0
    failed: int = 0
    rejected: int = 0
    last: float | None = None
    stamp_age: float = 0.0
    waiting: Durations = field(default_factory=Durations)
    inference: Durations = field(default_factory=Durations)
    latency: Durations = field(default_factory=Durations)
    rate: Rate = field(default_factory=Rate)

    def count(self, now: float, seconds: float) -> None:
        """Count an image whose search ended at `now`, by the steady clock, and took `seconds`."""
        self.images += 1
        self.rate.tick(now)
        self.last = now
        self.inference.add(now, 1e3 * seconds)

    def count_latency(self, now: float, seconds: float) -> float:
        """Store the age of an image's stamp when its detections are published.

        Args:
            now: Time of the steady clock, in seconds.
            seconds: The node's time minus the stamp.

        Returns:
            The latency in milliseconds; NaN if the stamp is of another clock.
        """
        self.stamp_age = seconds
        if self.foreign_clock:
            return float("nan")
        self.latency.add(now, 1e3 * seconds)
        return 1e3 * seconds

    @property
    def foreign_clock(self) -> bool:
        """Whether the last image's stamp cannot be of the node's clock."""
        low, high = LATENCY_LIMITS
        return not low <= self.stamp_age <= high


def rejected_images(received: ReceiveStats, processed: ProcessStats) -> int:
    """Return the number of images that failed the check or could not be decoded."""
    return received.rejected + processed.rejected

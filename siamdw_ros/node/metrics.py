"""Counts, rates and durations of what the node does, for status, diagnostics and log."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

WINDOW = 2.0  # seconds over which a rate is taken
LONG_WINDOW = 10.0  # seconds over which percentiles are taken


@dataclass
class Rate:
    """Events a second over the last seconds. Written by one thread, read by any."""

    _times: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    def tick(self, now: float) -> None:
        """Count an event at a time of the steady clock, in seconds."""
        self._times.append(now)

    def value(self, now: float) -> float:
        """Events a second."""
        return sum(now - time <= WINDOW for time in tuple(self._times)) / WINDOW


@dataclass
class Durations:
    """How long something took lately. Written by one thread, read by any."""

    _values: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=1000))

    def add(self, now: float, value: float) -> None:
        """Note a duration at a time of the steady clock, in seconds."""
        self._values.append((now, value))

    def percentiles(self, now: float, wanted: tuple[float, ...] = (50, 95)) -> list[float]:
        """Percentiles over the last seconds; NaN where nothing was noted."""
        recent = [value for time, value in tuple(self._values) if now - time <= LONG_WINDOW]
        return [float(p) for p in np.percentile(recent or [np.nan], wanted)]


@dataclass
class ReceiveStats:
    """What arrived. Written by the receiver's thread, read by any.

    lost: between camera and node, as far as the middleware noticed. last: time of the steady clock
    at which the last image came. problem: with the last image that was rejected.
    """

    received: int = 0
    lost: int = 0
    last: float | None = None
    problem: str = ""
    rejected: int = 0
    dropped: int = 0  # replaced by a newer image before inference came to them
    rate: Rate = field(default_factory=Rate)


@dataclass
class ProcessStats:
    """What was done. Written by the inference thread, read by any.

    last: time of the steady clock at which the last image was done. Of each image, in
    milliseconds: waiting until inference came to it, inference, and latency from its stamp to the
    publishing of its detections.
    """

    processed: int = 0
    failed: int = 0
    rejected: int = 0  # could not be decoded
    last: float | None = None
    waiting: Durations = field(default_factory=Durations)
    inference: Durations = field(default_factory=Durations)
    latency: Durations = field(default_factory=Durations)
    rate: Rate = field(default_factory=Rate)

    def count(self, now: float, seconds: float) -> None:
        """Count an image that was done now, by the steady clock, and took so long."""
        self.processed += 1
        self.rate.tick(now)
        self.last = now
        self.inference.add(now, 1e3 * seconds)

"""Counts and rates of what the node does, for the status topic and the log."""

from collections import deque
from dataclasses import dataclass, field

WINDOW = 2.0  # seconds over which a rate is taken


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
class Intake:
    """What arrived. Written by the executor's thread, read by any."""

    received: int = 0
    rejected: int = 0
    dropped: int = 0  # replaced by a newer image before inference came to them
    rate: Rate = field(default_factory=Rate)


@dataclass
class Progress:
    """What was done. Written by the inference thread, read by any."""

    processed: int = 0
    failed: int = 0
    rejected: int = 0  # could not be decoded
    rate: Rate = field(default_factory=Rate)

"""From a response to a presence score in [0, 1], and to tracked, uncertain or lost."""

from dataclasses import dataclass
from enum import IntEnum

from siamdw_ros.siamdw.crops import Box


class State(IntEnum):
    """What a tracker knows about its target; the numbers are those of siamdw_msgs/TargetState."""

    IDLE = 0
    TRACKED = 1
    UNCERTAIN = 2
    LOST = 3


@dataclass(frozen=True)
class TrackResult:
    """What one image said about a target.

    box: (x, y, w, h) in pixels of the image. When the state is LOST it is where the search went
    on, not where the target is. score: presence in [0, 1].
    """

    box: Box
    score: float
    state: State


@dataclass(frozen=True)
class PresenceThresholds:
    """Scores at which a target's state changes.

    tracked: at least this, and the target is seen. lost: below this, for `patience` images one
    after the other, and it is lost. Anything else is uncertain. recovered: a lost target is seen
    again once it scores at least this (and `tracked`) in `confirmations` images one after the
    other.
    """

    tracked: float = 0.5
    lost: float = 0.15
    patience: int = 5
    recovered: float = 0.8
    confirmations: int = 2

    def __post_init__(self) -> None:
        if not (0 <= self.lost <= self.tracked <= 1 and 0 <= self.recovered <= 1):
            raise ValueError(
                "thresholds need 0 <= lost <= tracked <= 1 and 0 <= recovered <= 1, not "
                f"lost {self.lost}, tracked {self.tracked}, recovered {self.recovered}"
            )
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1 image, not {self.patience}")
        if self.confirmations < 1:
            raise ValueError(f"confirmations must be at least 1, not {self.confirmations}")

    @property
    def evidence(self) -> float:
        """The score that speaks for a target that was lost."""
        return max(self.tracked, self.recovered)


DEFAULT_THRESHOLDS = PresenceThresholds()


class Presence:
    """The state of one target, image by image."""

    def __init__(self, thresholds: PresenceThresholds) -> None:
        self.thresholds = thresholds
        self.state = State.TRACKED  # a person has just pointed at it
        self._faint = 0
        self._evidence = 0  # images in a row that speak for a lost target

    @property
    def searching(self) -> bool:
        """Is the target lost, and nothing found that may be it?"""
        return self.state is State.LOST and not self._evidence

    def judge(self, score: float) -> State:
        """Take the score of the next image in and say what it means."""
        if self.state is State.LOST:
            self._evidence = self._evidence + 1 if score >= self.thresholds.evidence else 0
            if self._evidence >= self.thresholds.confirmations:
                self.state = State.TRACKED
            return self.state
        self._faint = self._faint + 1 if score < self.thresholds.lost else 0
        if score >= self.thresholds.tracked:
            self.state = State.TRACKED
        elif self._faint >= self.thresholds.patience:
            self.state, self._evidence = State.LOST, 0
        else:
            self.state = State.UNCERTAIN
        return self.state

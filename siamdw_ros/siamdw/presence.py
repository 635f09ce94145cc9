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
    after the other, and it is lost. Anything else is uncertain.
    """

    tracked: float = 0.8
    lost: float = 0.5
    patience: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.lost <= self.tracked <= 1:
            raise ValueError(
                f"thresholds need 0 <= lost <= tracked <= 1, not lost {self.lost}, "
                f"tracked {self.tracked}"
            )
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1 image, not {self.patience}")


DEFAULT_THRESHOLDS = PresenceThresholds()


class Presence:
    """The state of one target, image by image."""

    def __init__(self, thresholds: PresenceThresholds) -> None:
        self.thresholds = thresholds
        self.state = State.TRACKED  # a person has just pointed at it
        self._faint = 0

    def judge(self, score: float) -> State:
        """Take the score of the next image in and say what it means."""
        self._faint = self._faint + 1 if score < self.thresholds.lost else 0
        if score >= self.thresholds.tracked:
            self.state = State.TRACKED
        elif self._faint >= self.thresholds.patience:
            self.state = State.LOST
        elif self.state is not State.LOST:
            self.state = State.UNCERTAIN
        return self.state

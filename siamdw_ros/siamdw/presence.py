"""From presence scores in [0, 1] to the state of a target: tracked, uncertain or lost."""

from dataclasses import dataclass
from enum import IntEnum

from siamdw_ros.siamdw.crops import Box


class State(IntEnum):
    """State of a target; the numbers are those of siamdw_msgs/TargetState."""

    IDLE = 0
    TRACKED = 1
    UNCERTAIN = 2
    LOST = 3


@dataclass(frozen=True)
class TrackResult:
    """Result of one image for one target.

    Attributes:
        box: (x, y, w, h) in pixels of the image. When the state is LOST it is where the search
            continues, not where the target is.
        score: presence in [0, 1].
        state: tracked, uncertain or lost.
    """

    box: Box
    score: float
    state: State


@dataclass(frozen=True)
class PresenceThresholds:
    """Scores at which the state of a target changes.

    Attributes:
        tracked: with at least this score the target is tracked.
        lost: with a score below this in `patience` images in a row the target is lost. Anything
            else is uncertain.
        patience: in images.
        recovered: a lost target is tracked again with at least this score (and `tracked`) in
            `confirmations` images in a row.
        confirmations: in images.
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
    def reacquire(self) -> float:
        """The score that a lost target needs to be re-acquired."""
        return max(self.tracked, self.recovered)


DEFAULT_THRESHOLDS = PresenceThresholds()


class Presence:
    """The state of one target, updated with the score of each image.

    Args:
        thresholds: may be replaced at any time.

    Attributes:
        state: the present state; a new target is tracked, because the user has just drawn its box.
    """

    def __init__(self, thresholds: PresenceThresholds) -> None:
        self.thresholds = thresholds
        self.state = State.TRACKED
        self._low_scores = 0  # images in a row with a score below `lost`
        self._confirmations = 0  # images in a row in which a lost target was seen

    @property
    def searching(self) -> bool:
        """Whether the target is lost and the last image did not show it."""
        return self.state is State.LOST and not self._confirmations

    def lose(self) -> None:
        """Set the state to LOST, when it is known from elsewhere that the target is lost."""
        self.state = State.LOST
        self._low_scores = 0
        self._confirmations = 0

    def judge(self, score: float) -> State:
        """Update the state with the score of the next image and return it."""
        if self.state is State.LOST:
            seen = score >= self.thresholds.reacquire
            self._confirmations = self._confirmations + 1 if seen else 0
            if self._confirmations >= self.thresholds.confirmations:
                self.state = State.TRACKED
                self._low_scores = 0  # those before were of the target that was lost
            return self.state
        self._low_scores = self._low_scores + 1 if score < self.thresholds.lost else 0
        if score >= self.thresholds.tracked:
            self.state = State.TRACKED
        elif self._low_scores >= self.thresholds.patience:
            self.state = State.LOST
            self._confirmations = 0
        else:
            self.state = State.UNCERTAIN
        return self.state

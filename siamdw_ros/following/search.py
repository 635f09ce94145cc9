"""Search of the robot for a lost target, and acceptance of a re-detection."""

import math
from dataclasses import dataclass, field

from siamdw_ros.following.camera import wrap
from siamdw_ros.following.settings import FollowSettings

IMAGES_IN_VIEW = 3  # images that show a standing target while the robot turns past it
ARRIVED = 0.05  # angle to the end of a leg at which it counts as reached, radians
SIZE_TOLERANCE = 1.8  # factor by which a re-acquired target's size in metres may differ
IMAGE_SIZE_TOLERANCE = 3.0  # the same for its size in the image, where no distance is known


@dataclass
class Search:
    """One search: stand, turn to where the target was lost, then sweep to both sides.

    Attributes:
        begun: Stamp of the loss, seconds.
        middle: Azimuth at which the target was lost, odometry frame, radians.
        side: 1 if the target left to the left, -1 to the right. This side is swept first.
    """

    begun: float
    middle: float
    side: float
    _leg: int = field(default=0, init=False)
    _error: float = field(default=0.0, init=False)  # angle to the end of the leg, one image ago

    def turn(
        self,
        stamp: float,
        yaw: float,
        settings: FollowSettings,
        field_of_view: float,
        image_seconds: float,
    ) -> float | None:
        """Compute the turn rate, rad/s; None when the time is over.

        Args:
            stamp: Present time, seconds.
            yaw: Yaw of the robot in the odometry frame, radians.
            settings: Settings of the search.
            field_of_view: Horizontal field of view, radians.
            image_seconds: Time between two images.
        """
        elapsed = stamp - self.begun - settings.search_wait
        if settings.search_seconds and elapsed > settings.search_seconds:
            return None
        if elapsed < 0:
            return 0.0
        legs = (0.0, self.side * settings.search_sweep, -self.side * settings.search_sweep)
        # Unwrapped: from one side to the other through the middle, never around the back.
        offset = wrap(yaw - self.middle)
        error = legs[self._leg] - offset
        if abs(error) < ARRIVED or error * self._error < 0:  # reached, or passed since
            self._leg = 2 if self._leg == 1 else 1
            error = legs[self._leg] - offset
        self._error = error
        slow_enough = field_of_view / (IMAGES_IN_VIEW * max(image_seconds, 1e-3))
        rate = min(settings.search_turn, slow_enough, settings.max_turn)
        return math.copysign(rate, error)


@dataclass
class Confirmation:
    """Counts images that show the target again. The robot drives after enough of them.

    Attributes:
        image_size: Size of the target before the loss, radians across.
        metric_size: The same in metres; None: the distance was not known.
    """

    image_size: float
    metric_size: float | None
    seen: int = 0

    def update(self, image_size: float, distance: float | None, needed: int) -> tuple[bool, str]:
        """Count an image in which the tracker finds the target.

        Args:
            image_size: Present size of the target, radians across.
            distance: Metres; None: not known.
            needed: Number of images.

        Returns:
            Whether the target is confirmed; if not, why.
        """
        if self.metric_size is not None and distance is not None:
            ratio = image_size * distance / self.metric_size
            tolerance = SIZE_TOLERANCE
        else:
            ratio = image_size / self.image_size
            tolerance = IMAGE_SIZE_TOLERANCE
        if not 1 / tolerance <= ratio <= tolerance:
            self.seen = 0
            return False, (
                f"what the tracker re-acquired has {ratio:.1f} times the target's size: call "
                "~/start to accept it"
            )
        self.seen += 1
        if self.seen >= needed:
            return True, ""
        return False, f"re-acquired in {self.seen} of {needed} images"

    def missed(self) -> None:
        """Start counting again: the target was not seen."""
        self.seen = 0

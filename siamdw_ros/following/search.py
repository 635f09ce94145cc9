"""How the robot searches for a lost target, and when a re-detection is accepted."""

import math
from dataclasses import dataclass, field

from siamdw_ros.following.camera import wrap
from siamdw_ros.following.settings import FollowSettings

IMAGES_IN_VIEW = 3  # in which a standing target is seen while the robot turns past it
ARRIVED = 0.05  # radians
SIZE_TOLERANCE = 1.8  # factor by which a re-acquired target's size in metres may differ
IMAGE_SIZE_TOLERANCE = 3.0  # the same for its size in the image, where no distance is known


@dataclass
class Search:
    """One search: stand, turn to where the target was lost, then sweep to both sides.

    Attributes:
        begun: seconds.
        middle: azimuth at which the target was lost, odometry frame, radians.
        side: 1 when it left to the left, -1 to the right; swept first.
    """

    begun: float
    middle: float
    side: float
    _leg: int = field(default=0, init=False)

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
            stamp: now, seconds.
            yaw: of the robot in the odometry frame, radians.
            settings: of the search.
            field_of_view: horizontal, radians.
            image_seconds: between two images.
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
        if abs(error) < ARRIVED:
            self._leg = 2 if self._leg == 1 else 1
            error = legs[self._leg] - offset
        slow_enough = field_of_view / (IMAGES_IN_VIEW * max(image_seconds, 1e-3))
        rate = min(settings.search_turn, slow_enough, settings.max_turn)
        return math.copysign(rate, error)


@dataclass
class Confirmation:
    """Counts images with the target again; only then the robot drives.

    Attributes:
        image_size: of the target before the loss, radians across.
        metric_size: in metres, None: the distance was not known.
    """

    image_size: float
    metric_size: float | None
    seen: int = 0

    def see(self, image_size: float, distance: float | None, needed: int) -> tuple[bool, str]:
        """Count an image in which the tracker sees the target.

        Args:
            image_size: of the target now, radians across.
            distance: metres, None: not known.
            needed: images.

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

"""A filter of the target's position over stamps, in polar coordinates.

The line of sight is filtered in the odometry frame, so that the robot's own turn does not look
like motion of the target. Direction and distance have filters of their own: a direction is known
from every box, a distance only from some.
"""

from dataclasses import dataclass

import numpy as np

from siamdw_ros.following.camera import Matrix, wrap

DISTANCE_SECONDS = 0.25  # age from which on a distance counts as unknown
MAX_GAP = 1.0  # seconds without a measurement after which a filter starts over


@dataclass
class RateFilter:
    """A Kalman filter of a value and its rate of change.

    Attributes:
        acceleration: Standard deviation of the rate's change per second.
        cyclic: Whether the value is an angle.
        value: Value at `stamp`; None before the first measurement.
        rate: Change of the value per second.
        stamp: Stamp of the last measurement, seconds.
    """

    acceleration: float
    cyclic: bool = False
    value: float | None = None
    rate: float = 0.0
    stamp: float = 0.0

    def __post_init__(self) -> None:
        self._covariance: Matrix = np.zeros((2, 2))

    def update(self, measured: float, sigma: float, stamp: float) -> None:
        """Update the filter with a measurement; one that is not newer than the last is ignored."""
        elapsed = stamp - self.stamp
        if self.value is None or elapsed > MAX_GAP or elapsed < -MAX_GAP:
            self.value = measured
            self.rate = 0.0
            self.stamp = stamp
            self._covariance = np.diag([sigma**2, self.acceleration**2])
            return
        if elapsed <= 0:
            return
        step = np.array([[1.0, elapsed], [0.0, 1.0]])
        noise = self.acceleration**2 * np.array(
            [[elapsed**3 / 3, elapsed**2 / 2], [elapsed**2 / 2, elapsed]]
        )
        predicted = step @ self._covariance @ step.T + noise
        expected = self.value + self.rate * elapsed
        innovation = measured - expected
        if self.cyclic:
            innovation = wrap(innovation)
        gain = predicted[:, 0] / (predicted[0, 0] + sigma**2)
        self.value = expected + float(gain[0]) * innovation
        self.rate += float(gain[1]) * innovation
        self.stamp = stamp
        self._covariance = predicted - np.outer(gain, predicted[0])

    def shift(self, amount: float) -> None:
        """Add a known change to the value."""
        if self.value is not None:
            self.value += amount

    def predict(self, stamp: float) -> float | None:
        """Return the value at a time; no further than MAX_GAP past the last measurement."""
        if self.value is None:
            return None
        return self.value + self.rate * float(np.clip(stamp - self.stamp, 0.0, MAX_GAP))


@dataclass(frozen=True)
class Sight:
    """Position of the target relative to the robot's origin.

    Attributes:
        stamp: Seconds.
        azimuth: Angle of the line of sight in the odometry frame, radians.
        azimuth_rate: rad/s.
        elevation: Angle above the horizon, radians.
        elevation_rate: rad/s.
        distance: Metres; None: not known.
        target_speed: Speed of the target away from the robot, without the robot's own, m/s.
    """

    stamp: float
    azimuth: float
    azimuth_rate: float
    elevation: float
    elevation_rate: float
    distance: float | None
    target_speed: float


class TargetFilter:
    """Filters the direction and the distance of one target."""

    def __init__(self) -> None:
        self.azimuth = RateFilter(acceleration=2.0, cyclic=True)
        self.elevation = RateFilter(acceleration=2.0)
        self.distance = RateFilter(acceleration=1.5)

    def update_direction(
        self, azimuth: float, elevation: float, sigma: float, stamp: float
    ) -> None:
        """Update the filter with a direction in the odometry frame; radians, seconds."""
        self.azimuth.update(azimuth, sigma, stamp)
        self.elevation.update(elevation, sigma, stamp)

    def update_distance(
        self, metres: float, sigma: float, stamp: float, own_advance: float
    ) -> None:
        """Update the filter with a distance.

        Args:
            metres: Measured distance.
            sigma: Standard deviation, metres.
            stamp: Stamp of the measurement, seconds.
            own_advance: Metres the robot moved towards the target since the last measurement.
        """
        self.distance.shift(-own_advance)
        self.distance.update(metres, sigma, stamp)

    def at(self, stamp: float, own_advance: float = 0.0) -> Sight | None:
        """Return where the target is at a time; None before it was seen.

        Args:
            stamp: Seconds.
            own_advance: Metres the robot moved towards the target since the last distance.
        """
        azimuth = self.azimuth.predict(stamp)
        elevation = self.elevation.predict(stamp)
        if azimuth is None or elevation is None:
            return None
        distance = self.distance.predict(stamp)
        if distance is not None and stamp - self.distance.stamp > DISTANCE_SECONDS:
            distance = None
        if distance is not None:
            distance = max(distance - own_advance, 0.0)
        return Sight(
            stamp,
            wrap(azimuth),
            self.azimuth.rate,
            elevation,
            self.elevation.rate,
            distance,
            self.distance.rate,
        )

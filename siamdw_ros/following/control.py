"""Control laws: from where the target is, seen from the robot, to how the robot should move.

Image-based visual servoing in its simplest stable form: each image feature drives one axis. The
horizontal angle drives the turn, the vertical angle the climb or the tilt, and the distance (or
the size, which gives it) the approach. The target's own motion is fed forward.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

from siamdw_ros.following.settings import FollowSettings

MAX_APPROACH_BEARING = math.radians(60)  # beyond, the robot turns without driving
STANDING_SPEED = 0.15  # m/s; a slower target is taken to stand
CLIMB_DISTANCE = 2.0  # metres that an unknown distance counts as


@dataclass(frozen=True)
class Motion:
    """Velocities of the robot in its own frame.

    Attributes:
        forward: m/s.
        left: m/s.
        up: m/s.
        turn: to the left, rad/s.
        tilt: of a pan-tilt head, positive up, rad/s.
    """

    forward: float = 0.0
    left: float = 0.0
    up: float = 0.0
    turn: float = 0.0
    tilt: float = 0.0

    def stands(self) -> bool:
        """Whether every velocity is zero."""
        return not any(getattr(self, field.name) for field in fields(self))


STOP = Motion()


@dataclass(frozen=True)
class Aim:
    """Where the target is, seen from the robot, now.

    Attributes:
        bearing: left positive, radians.
        bearing_rate: of the line of sight in the odometry frame, rad/s.
        elevation: up positive, radians.
        elevation_rate: rad/s.
        excess: metres between the robot's edge and the target's beyond the gap to keep; None:
            the distance is not known.
        target_speed: of the target away from the robot, m/s.
        distance: metres between the centres, None: not known.
    """

    bearing: float
    bearing_rate: float = 0.0
    elevation: float = 0.0
    elevation_rate: float = 0.0
    excess: float | None = None
    target_speed: float = 0.0
    distance: float | None = None


@dataclass
class DeadZone:
    """Suppresses small errors, with hysteresis: no jitter at the goal.

    An error has to exceed the size to count, and then counts until it is below half of it.
    """

    active: bool = False

    def apply(self, error: float, size: float) -> float:
        """The error, or zero inside the dead zone."""
        self.active = abs(error) > (size / 2 if self.active else size)
        return error if self.active else 0.0


class Controller:
    """Control law of one vehicle. Holds the dead zones' state, nothing else."""

    def __init__(self) -> None:
        self._bearing = DeadZone()
        self._elevation = DeadZone()
        self._excess = DeadZone()

    def follow(self, aim: Aim, settings: FollowSettings, *, turn_only: bool = False) -> Motion:
        """Compute the velocities that bring and keep the target where it should be.

        Args:
            aim: where it is.
            settings: gains, limits and the kind of vehicle.
            turn_only: do not approach, only turn to it.
        """
        law = LAWS[settings.vehicle]
        approach = 0.0 if turn_only else self._approach(aim, settings)
        motion = law(aim, self._turn(aim, settings), approach, self, settings)
        if turn_only:
            motion = Motion(turn=motion.turn, tilt=motion.tilt)
        return clamp(motion, settings)

    def _turn(self, aim: Aim, settings: FollowSettings) -> float:
        error = self._bearing.apply(aim.bearing, settings.bearing_dead_zone)
        # Feed the target's motion forward, never against the error, and only while there is one:
        # the dead zone is for standing still.
        rate = aim.bearing_rate * settings.feed_forward if error else 0.0
        turn = settings.turn_gain * error + rate
        return turn if turn * error > 0 else 0.0

    def _approach(self, aim: Aim, settings: FollowSettings) -> float:
        if aim.excess is None:
            return 0.0
        error = self._excess.apply(aim.excess, settings.distance_dead_zone)
        moving = abs(aim.target_speed) > STANDING_SPEED
        forward = settings.feed_forward * aim.target_speed if moving else 0.0
        return settings.approach_gain * error + forward

    def climb(self, aim: Aim, settings: FollowSettings) -> float:
        """Compute the climb that brings the target to the elevation to hold, m/s."""
        error = self._elevation.apply(
            aim.elevation - settings.elevation, settings.bearing_dead_zone
        )
        distance = CLIMB_DISTANCE if aim.distance is None else aim.distance
        return settings.climb_gain * error * distance

    def tilt(self, aim: Aim, settings: FollowSettings) -> float:
        """Compute the tilt rate that brings the target to the middle, rad/s."""
        error = self._elevation.apply(aim.elevation, settings.bearing_dead_zone)
        return settings.turn_gain * error


def facing(bearing: float) -> float:
    """Share of the approach that a robot drives which does not face the target yet, in [0, 1]."""
    return max(math.cos(bearing), 0.0) ** 2 if abs(bearing) < MAX_APPROACH_BEARING else 0.0


def _differential(
    aim: Aim, turn: float, approach: float, _: Controller, __: FollowSettings
) -> Motion:
    return Motion(forward=approach * facing(aim.bearing), turn=turn)


def _omni(aim: Aim, turn: float, approach: float, _: Controller, __: FollowSettings) -> Motion:
    """Drives along the line of sight while it turns."""
    return Motion(
        forward=approach * math.cos(aim.bearing), left=approach * math.sin(aim.bearing), turn=turn
    )


def _ackermann(
    aim: Aim, turn: float, approach: float, _: Controller, settings: FollowSettings
) -> Motion:
    """Steers along the arc through the target (pure pursuit); it turns only while it drives."""
    forward = approach * facing(aim.bearing)
    if turn == 0.0:
        return Motion(forward=forward)
    reach = max(aim.distance or CLIMB_DISTANCE, settings.min_turning_radius)
    curvature = 2 * math.sin(aim.bearing) / reach
    most = 1 / settings.min_turning_radius
    return Motion(forward=forward, turn=forward * min(max(curvature, -most), most))


def _pan_tilt(
    aim: Aim, turn: float, _: float, controller: Controller, settings: FollowSettings
) -> Motion:
    return Motion(turn=turn, tilt=controller.tilt(aim, settings))


def _drone(
    aim: Aim, turn: float, approach: float, controller: Controller, settings: FollowSettings
) -> Motion:
    return Motion(
        forward=approach * facing(aim.bearing), up=controller.climb(aim, settings), turn=turn
    )


Law = Callable[[Aim, float, float, Controller, FollowSettings], Motion]
LAWS: dict[str, Law] = {
    "differential": _differential,
    "omni": _omni,
    "ackermann": _ackermann,
    "pan_tilt": _pan_tilt,
    "drone": _drone,
}


def clamp(motion: Motion, settings: FollowSettings) -> Motion:
    """Cut velocities to the envelope; not finite ones become zero.

    An ackermann base keeps its curvature, an omni base its direction.
    """
    forward = _within(motion.forward, settings.max_reverse, settings.max_speed)
    left = _within(motion.left, settings.max_speed, settings.max_speed)
    turn = _within(motion.turn, settings.max_turn, settings.max_turn)
    if settings.vehicle == "ackermann" and motion.forward:
        turn = _within(turn * forward / motion.forward, settings.max_turn, settings.max_turn)
    speed = math.hypot(forward, left)
    if speed > settings.max_speed:
        forward *= settings.max_speed / speed
        left *= settings.max_speed / speed
    return Motion(
        forward,
        left,
        _within(motion.up, settings.max_climb, settings.max_climb),
        turn,
        _within(motion.tilt, settings.max_turn, settings.max_turn),
    )


def _within(value: float, below: float, above: float) -> float:
    """Cut a value to [-below, above]."""
    return min(max(value, -below), above) if math.isfinite(value) else 0.0

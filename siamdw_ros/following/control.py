"""Control laws: from the target's position relative to the robot to the robot's velocity.

Image-based visual servoing in its simplest stable form: each image feature drives one axis. The
horizontal angle drives the turn, the vertical angle the climb or the tilt, and the distance (or
the size, which gives it) the approach. The target's own motion is fed forward.
"""

import math
from dataclasses import dataclass, fields

from siamdw_ros.following.settings import FollowSettings

MAX_APPROACH_BEARING = math.radians(60)  # beyond it, the robot turns without driving
STANDING_SPEED = 0.15  # m/s; a slower target is taken to stand
CLIMB_DISTANCE = 2.0  # assumed distance where it is not known, metres


@dataclass(frozen=True)
class Motion:
    """Velocities of the robot in its own frame.

    Attributes:
        forward: m/s.
        left: m/s.
        up: m/s.
        turn: Turn rate to the left, rad/s.
        tilt: Tilt rate of a pan-tilt head, positive up, rad/s.
    """

    forward: float = 0.0
    left: float = 0.0
    up: float = 0.0
    turn: float = 0.0
    tilt: float = 0.0

    def stands(self) -> bool:
        """Return whether every velocity is zero."""
        return not any(getattr(self, field.name) for field in fields(self))


STOP = Motion()


@dataclass(frozen=True)
class Aim:
    """Present position of the target relative to the robot.

    Attributes:
        bearing: Left positive, radians.
        bearing_rate: Rate of the line of sight in the odometry frame, rad/s.
        elevation: Up positive, radians.
        elevation_rate: rad/s.
        excess: Clear distance minus `gap`, metres; positive: too far away; None: not known.
        target_speed: Speed of the target away from the robot, m/s.
        distance: Distance between the centres, metres; None: not known.
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
        """Return the error, or zero inside the dead zone."""
        self.active = abs(error) > (size / 2 if self.active else size)
        return error if self.active else 0.0


class Controller:
    """Control law of one vehicle. Its only state is that of the dead zones."""

    def __init__(self) -> None:
        self._bearing = DeadZone()
        self._elevation = DeadZone()
        self._excess = DeadZone()

    def follow(self, aim: Aim, settings: FollowSettings, *, turn_only: bool = False) -> Motion:
        """Compute the velocities that bring and keep the target where it should be.

        Args:
            aim: Position of the target.
            settings: Gains, limits and the kind of vehicle.
            turn_only: Do not approach, only turn to the target.
        """
        turn = self._turn(aim, settings)
        approach = 0.0 if turn_only else self._approach(aim, settings)
        motion = self._move(aim, turn, approach, settings)
        if turn_only:
            motion = Motion(turn=motion.turn, tilt=motion.tilt)
        return clamp(motion, settings)

    def _move(self, aim: Aim, turn: float, approach: float, settings: FollowSettings) -> Motion:
        """Return the motion with which a kind of vehicle turns and approaches."""
        if settings.vehicle == "pan_tilt":
            return Motion(turn=turn, tilt=self._tilt(aim, settings))
        if settings.vehicle == "ackermann":
            return _along_arc(aim, turn, approach, settings)
        if settings.vehicle == "omni":  # along the line of sight, while it turns
            forward = approach * math.cos(aim.bearing)
            return Motion(forward=forward, left=approach * math.sin(aim.bearing), turn=turn)
        climb = self._climb(aim, settings) if settings.vehicle == "drone" else 0.0
        return Motion(forward=approach * facing(aim.bearing), up=climb, turn=turn)

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

    def _climb(self, aim: Aim, settings: FollowSettings) -> float:
        """Compute the climb that brings the target to the elevation to hold, m/s."""
        error = self._elevation.apply(
            aim.elevation - settings.elevation, settings.bearing_dead_zone
        )
        distance = CLIMB_DISTANCE if aim.distance is None else aim.distance
        return settings.climb_gain * error * distance

    def _tilt(self, aim: Aim, settings: FollowSettings) -> float:
        """Compute the tilt rate that brings the target to the middle, rad/s."""
        error = self._elevation.apply(aim.elevation, settings.bearing_dead_zone)
        return settings.turn_gain * error


def facing(bearing: float) -> float:
    """Return the share of the approach speed to use while the robot is turned away, in [0, 1].

    Args:
        bearing: Bearing of the target, radians.
    """
    return max(math.cos(bearing), 0.0) ** 2 if abs(bearing) < MAX_APPROACH_BEARING else 0.0


def _along_arc(aim: Aim, turn: float, approach: float, settings: FollowSettings) -> Motion:
    """Steer along the arc through the target (pure pursuit), turning only while driving.

    Backwards, too, the robot turns to the side of the target: the target stays in view.
    """
    forward = approach * facing(aim.bearing)
    if turn == 0.0:
        return Motion(forward=forward)
    reach = max(aim.distance or CLIMB_DISTANCE, settings.min_turning_radius)
    curvature = 2 * math.sin(aim.bearing) / reach
    most = 1 / settings.min_turning_radius
    return Motion(forward=forward, turn=abs(forward) * min(max(curvature, -most), most))


def clamp(motion: Motion, settings: FollowSettings) -> Motion:
    """Limit velocities to the envelope; those that are not finite become zero.

    An ackermann base keeps its curvature, within its steering; an omni base its direction.
    """
    forward = _within(motion.forward, settings.max_reverse, settings.max_speed)
    left = _within(motion.left, settings.max_speed, settings.max_speed)
    turn = _within(motion.turn, settings.max_turn, settings.max_turn)
    if settings.vehicle == "ackermann":
        if motion.forward:
            turn = motion.turn * forward / motion.forward
        most = min(abs(forward) / settings.min_turning_radius, settings.max_turn)
        turn = _within(turn, most, most)
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
    """Limit a value to [-below, above]."""
    return min(max(value, -below), above) if math.isfinite(value) else 0.0

"""Limits on acceleration and jerk: how fast a command may approach the wanted velocity."""

import math
from dataclasses import dataclass, field, replace

from siamdw_ros.following.control import Motion
from siamdw_ros.following.settings import FollowSettings

STOP_SECONDS = 0.1  # time from full speed to zero when the robot has to stop


@dataclass(frozen=True)
class AxisLimits:
    """Limits on the change of a velocity, per second (jerk: per second squared).

    Attributes:
        acceleration: Limit while the speed rises.
        deceleration: Limit while it falls.
        jerk: Limit on the change of the acceleration.
    """

    acceleration: float
    deceleration: float
    jerk: float


@dataclass
class Axis:
    """One velocity with limited acceleration and jerk.

    Attributes:
        velocity: Present velocity.
        acceleration: Present acceleration.
    """

    velocity: float = 0.0
    acceleration: float = 0.0

    def step(self, wanted: float, seconds: float, limits: AxisLimits) -> float:
        """Approach a velocity for a time, without overshoot, and return the new velocity.

        Args:
            wanted: Velocity to approach.
            seconds: Time since the last step.
            limits: Limits on the change.
        """
        error = wanted - self.velocity
        if seconds <= 0:
            return self.velocity
        if error * self.velocity < 0:
            return self._slow_down(wanted, seconds * limits.deceleration)
        most, jerk = limits.acceleration, limits.jerk
        # The largest acceleration that the jerk limit lets fall to zero in time.
        ending = math.sqrt(2 * jerk * abs(error))
        aim = math.copysign(min(most, ending, abs(error) / seconds), error)
        change = min(max(aim - self.acceleration, -jerk * seconds), jerk * seconds)
        self.acceleration = min(max(self.acceleration + change, -most), most)
        moved = self.velocity + self.acceleration * seconds
        if (wanted - moved) * error <= 0:
            moved = wanted
            self.acceleration = 0.0
        self.velocity = moved
        return moved

    def _slow_down(self, wanted: float, less: float) -> float:
        """Approach a lower speed without a limit on jerk, and return the new velocity.

        A limit on jerk would let the robot roll on when the target stops.

        Args:
            wanted: Velocity to approach. If its sign is opposite, the axis slows to zero first.
            less: Largest change of the velocity.
        """
        aim = wanted if wanted * self.velocity > 0 else 0.0
        change = min(max(aim - self.velocity, -less), less)
        self.set(self.velocity + change)
        return self.velocity

    def brake(self, seconds: float, most: float) -> float:
        """Approach zero without a limit on jerk, and return the new velocity."""
        less = max(abs(self.velocity) - most * seconds, 0.0)
        self.set(math.copysign(less, self.velocity) if less else 0.0)
        return self.velocity

    def set(self, velocity: float) -> None:
        """Set the velocity at once, as a safety limit does."""
        self.velocity = velocity
        self.acceleration = 0.0


@dataclass
class Limiter:
    """The five axes of a command."""

    forward: Axis = field(default_factory=Axis)
    left: Axis = field(default_factory=Axis)
    up: Axis = field(default_factory=Axis)
    turn: Axis = field(default_factory=Axis)
    tilt: Axis = field(default_factory=Axis)

    def step(
        self,
        wanted: Motion,
        seconds: float,
        settings: FollowSettings,
        *,
        halt: bool = False,
        halt_linear: bool = False,
    ) -> Motion:
        """Approach a command for a time, and return the new velocities.

        Args:
            wanted: Command to approach.
            seconds: Time since the last step.
            settings: Limits.
            halt: Brake on all axes instead.
            halt_linear: Brake on the linear axes instead.
        """
        if halt:
            return self.brake(seconds, settings)
        most = settings.max_turn_acceleration
        turn = AxisLimits(most, most, settings.max_turn_jerk)
        if halt_linear:
            stopping = self.brake_linear(seconds, settings)
        else:
            linear = AxisLimits(
                settings.max_acceleration, settings.max_deceleration, settings.max_jerk
            )
            stopping = Motion(
                self.forward.step(wanted.forward, seconds, linear),
                self.left.step(wanted.left, seconds, linear),
                self.up.step(wanted.up, seconds, linear),
            )
        return replace(
            stopping,
            turn=self.turn.step(wanted.turn, seconds, turn),
            tilt=self.tilt.step(wanted.tilt, seconds, turn),
        )

    def brake_linear(self, seconds: float, settings: FollowSettings) -> Motion:
        """Stop forward, sideways and vertical motion within STOP_SECONDS."""
        speed = max(settings.max_speed, settings.max_reverse) / STOP_SECONDS
        return Motion(
            self.forward.brake(seconds, speed),
            self.left.brake(seconds, speed),
            self.up.brake(seconds, settings.max_climb / STOP_SECONDS),
        )

    def brake(self, seconds: float, settings: FollowSettings) -> Motion:
        """Come to a stop within STOP_SECONDS from any speed within the envelope."""
        turn = settings.max_turn / STOP_SECONDS
        return replace(
            self.brake_linear(seconds, settings),
            turn=self.turn.brake(seconds, turn),
            tilt=self.tilt.brake(seconds, turn),
        )

    def reduce_to(self, motion: Motion) -> None:
        """Set each axis that a later limit has reduced to the reduced velocity."""
        for name in ("forward", "left", "up", "turn", "tilt"):
            axis: Axis = getattr(self, name)
            if axis.velocity != getattr(motion, name):
                axis.set(getattr(motion, name))

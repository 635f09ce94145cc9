"""Limits on acceleration and jerk: how fast a command may follow what is wanted."""

import math
from dataclasses import dataclass, field, replace

from siamdw_ros.following.control import Motion
from siamdw_ros.following.settings import FollowSettings

STOP_SECONDS = 0.1  # from full speed to zero when the robot has to stop


@dataclass(frozen=True)
class AxisLimits:
    """How fast a velocity may change: a second, and a second squared for jerk.

    Attributes:
        acceleration: of the speed's rise.
        deceleration: of its fall.
        jerk: change of the acceleration.
    """

    acceleration: float
    deceleration: float
    jerk: float


@dataclass
class Axis:
    """One velocity with limited acceleration and jerk.

    Attributes:
        velocity: now.
        acceleration: now.
    """

    velocity: float = 0.0
    acceleration: float = 0.0

    def step(self, wanted: float, seconds: float, limits: AxisLimits) -> float:
        """Move towards a velocity for a time; it is reached without overshoot.

        Args:
            wanted: velocity.
            seconds: since the last step.
            limits: of the motion.
        """
        error = wanted - self.velocity
        if seconds <= 0:
            return self.velocity
        if error * self.velocity < 0:
            return self._slow_down(wanted, seconds * limits.deceleration)
        most, jerk = limits.acceleration, limits.jerk
        # The largest acceleration from which the jerk limit still lets it end at the velocity.
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
        """Move towards a lower speed, or towards zero, without regard to jerk.

        A limit on jerk would let the robot roll on when the target stops.

        Args:
            wanted: velocity; of the other direction: it stops first.
            less: most change of the velocity.
        """
        aim = wanted if wanted * self.velocity > 0 else 0.0
        change = min(max(aim - self.velocity, -less), less)
        self.set(self.velocity + change)
        return self.velocity

    def brake(self, seconds: float, most: float) -> float:
        """Move towards zero at a rate, without regard to jerk."""
        less = max(abs(self.velocity) - most * seconds, 0.0)
        self.set(math.copysign(less, self.velocity) if less else 0.0)
        return self.velocity

    def set(self, velocity: float) -> None:
        """Put the velocity to a value at once, as a safety limit does."""
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
        """Move towards a command for a time.

        Args:
            wanted: the command.
            seconds: since the last step.
            settings: limits.
            halt: brake on all axes instead.
            halt_linear: brake on the linear ones instead.
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

    def hold_to(self, motion: Motion) -> None:
        """Put those axes that a later limit has changed to what it left."""
        for name in ("forward", "left", "up", "turn", "tilt"):
            axis: Axis = getattr(self, name)
            if axis.velocity != getattr(motion, name):
                axis.set(getattr(motion, name))

"""The last stage before the motors: turns plans into commands, by the clocks of this machine.

Whatever the stages before it do, the command is within the envelope, decays with the image's age,
and is zero when that age, the operator's enable message or a sensor is too old.
"""

import dataclasses
import math
import threading
from dataclasses import dataclass, field

import numpy as np

from siamdw_ros.following.camera import Matrix, wrap
from siamdw_ros.following.control import STOP, Motion, clamp
from siamdw_ros.following.limiter import Limiter
from siamdw_ros.following.obstacles import clearance, speed_for
from siamdw_ros.following.pilot import Observation, Plan
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.siamdw.presence import State

AHEAD = 0.1  # largest time by which an image may be ahead of this machine's clock, seconds
SENSOR_SECONDS = 0.25  # age from which on a laser scan or odometry is too old
FROZEN_SECONDS = 0.2  # duration of identical results while the robot moves that stops it
FROZEN_RESULTS = 3  # smallest number of identical results that stops it
# Ages of the distance from which on the robot slows down, and from which on it does not drive, in
# seconds. The pilot drops an old distance with the next image; this is for a late image.
DISTANCE_OLD = 0.28
DISTANCE_TOO_OLD = 0.4
HALTED = ("waiting", "stopped", "given up")  # modes in which the robot stands
MAX_STEP = 0.1  # seconds; after a longer pause, the velocity changes by this time's worth only


@dataclass(frozen=True)
class Now:
    """Both clocks, seconds.

    Attributes:
        ros: the clock that stamps images; may jump, may be simulated.
        steady: never jumps.
    """

    ros: float
    steady: float


@dataclass(frozen=True)
class Command:
    """Velocity command.

    Attributes:
        motion: Velocities.
        reasons: Why the robot stands or is slowed down, for the operator; empty if it is not.
        age: Age of the image, seconds; infinite before the first one.
    """

    motion: Motion
    reasons: tuple[str, ...]
    age: float


@dataclass
class Freshness:
    """Age of the newest image, by both clocks."""

    _stamp: float = -math.inf
    _age_on_arrival: float = math.inf
    _arrived: float = -math.inf

    def update(self, stamp: float, now: Now) -> None:
        """Store the stamp of an image with a result; an older one than the last is ignored."""
        if stamp <= self._stamp and self.age(now) < 1.0:
            return
        self._stamp = stamp
        self._age_on_arrival = max(now.ros - stamp, 0.0)
        self._arrived = now.steady

    def age(self, now: Now) -> float:
        """Return the larger of the ages by the two clocks, seconds."""
        return max(now.ros - self._stamp, now.steady - self._arrived + self._age_on_arrival)

    def ahead(self, now: Now) -> float:
        """Return how far the image's stamp is in the future, seconds."""
        return self._stamp - now.ros


@dataclass
class FrozenResults:
    """Detects results that repeat the same box and score under new stamps while the robot moves.

    Results of different images from a moving robot are never exactly the same.
    """

    _last: tuple[object, ...] | None = None
    _since: float = 0.0
    _count: int = 0

    def update(self, seen: Observation | None, steady: float) -> None:
        """Compare a result with the last one."""
        visible = seen is not None and seen.state in (State.TRACKED, State.UNCERTAIN)
        key = (seen.box, seen.score) if seen is not None and visible else None
        if key is None or key != self._last:
            self._since = steady
            self._count = 0
        self._count += 1
        self._last = key

    def add_command(self, motion: Motion, steady: float) -> None:
        """Take a command into account: while the robot stands, identical results are right."""
        if motion.stands() and not self.frozen(steady):
            self._since = steady

    def frozen(self, steady: float) -> bool:
        """Return whether the results have not changed for too long."""
        repeated = self._last is not None and self._count >= FROZEN_RESULTS
        return repeated and steady - self._since > FROZEN_SECONDS


@dataclass
class Guard:
    """Turns plans into commands.

    Messages arrive in one thread and commands are decided on in another one: each method locks.

    Attributes:
        settings: Envelope and time limits.
        started: Whether the operator has called ~/start. Changed by `start` and `stop`.
        preview: Whether commands are only shown. Changed by `set_preview`.
    """

    settings: FollowSettings
    started: bool = False
    preview: bool = False
    freshness: Freshness = field(default_factory=Freshness)
    frozen: FrozenResults = field(default_factory=FrozenResults)
    _limiter: Limiter = field(default_factory=Limiter)
    _plan: Plan | None = None
    _enabled: tuple[bool, float] = (False, -math.inf)
    _odometry: tuple[float, float] = (-math.inf, math.nan)
    _obstacles: tuple[float, Matrix] | None = None
    _stepped: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def configure(self, settings: FollowSettings) -> None:
        """Use changed settings from now on."""
        with self._lock:
            self.settings = settings

    def accept(self, plan: Plan, seen: Observation | None, now: Now) -> None:
        """Store the plan of the newest image."""
        with self._lock:
            self.freshness.update(plan.stamp, now)
            self.frozen.update(seen, now.steady)
            self._plan = plan

    def enable(self, pressed: bool, now: Now) -> bool:
        """Store a message on ~/enable; return whether it is true after a false one."""
        with self._lock:
            pressed_again = pressed and not self._enabled[0]
            self._enabled = (pressed, now.steady)
            return pressed_again

    def odometry(self, height: float, now: Now) -> None:
        """Store that odometry arrived, and the robot's height, metres."""
        with self._lock:
            self._odometry = (now.steady, height)

    def obstacles(self, points: Matrix, now: Now) -> None:
        """Store obstacle points: n x 2, forward and left of the robot's origin, metres."""
        with self._lock:
            self._obstacles = (now.steady, points)

    def nearest_obstacle(self) -> tuple[float, float] | None:
        """Return bearing and distance of the nearest point from the robot's origin; None: none."""
        with self._lock:
            points = self._obstacles[1] if self._obstacles is not None else None
        if points is None or not len(points):
            return None
        x, y = points[np.argmin(np.linalg.norm(points, axis=1))]
        return math.atan2(y, x), math.hypot(x, y)

    def start(self, now: Now) -> list[str]:
        """Start to follow, by plans that arrive from now on.

        Returns:
            Why the robot does not drive yet, as far as it is known; empty if nothing is.
        """
        with self._lock:
            self.started = True
            plan = self._plan
            reasons = self._reasons_to_stop(now)
            self._plan = None  # it was made for what was followed before
            return reasons or ([plan.reason] if plan is not None and plan.reason else [])

    def stop(self) -> None:
        """Stop to follow; the robot brakes."""
        with self._lock:
            self.started = False
            self._plan = None

    def set_preview(self, preview: bool) -> None:
        """Only show commands, or let the robot move again."""
        with self._lock:
            self.preview = preview

    def command(self, now: Now) -> Command:
        """Decide on the command to send now."""
        with self._lock:
            return self._decide(now)

    def _decide(self, now: Now) -> Command:
        seconds = 0.0 if self._stepped is None else now.steady - self._stepped
        seconds = min(max(seconds, 0.0), MAX_STEP)
        self._stepped = now.steady
        age = self.freshness.age(now)
        reasons = self._reasons_to_stop(now)
        if reasons or self._plan is None:
            motion = self._limiter.brake(seconds, self.settings)
            if age >= self.settings.stale_at:
                motion = STOP
        else:
            motion, reasons = self._follow(self._plan, seconds, age, now)
        motion = clamp(motion, self.settings)
        self._limiter.reduce_to(motion)
        self.frozen.add_command(motion, now.steady)
        return Command(motion, tuple(reasons), age)

    def _reasons_to_stop(self, now: Now) -> list[str]:
        """Return why nothing may move at all; empty if it may."""
        settings = self.settings
        reasons = []
        if not self.started:
            reasons.append("not started: call ~/start")
        if self.preview:
            reasons.append("preview: commands are only shown on ~/command")
        if settings.deadman:
            reasons += self._deadman(now)
        if self._plan is None:
            return [*reasons, "no status from the tracker has arrived yet"]
        age = self.freshness.age(now)
        if age >= settings.stale_at:
            reasons.append(f"the newest result's image is {age:.2f} s old")
        if self.freshness.ahead(now) > AHEAD:
            reasons.append(
                f"images are stamped {self.freshness.ahead(now):.2f} s in the future: "
                "synchronize the clocks"
            )
        if self.frozen.frozen(now.steady):
            reasons.append("the tracker repeats one result while the robot moves")
        if settings.use_odometry and now.steady - self._odometry[0] > SENSOR_SECONDS:
            reasons.append("no odometry on odom: publish it, or set use_odometry to false")
        return reasons

    def _deadman(self, now: Now) -> list[str]:
        pressed, since = self._enabled
        if not pressed:
            return ["not enabled: publish true on ~/enable"]
        if now.steady - since > self.settings.deadman_timeout:
            return [f"the last message on ~/enable is {now.steady - since:.2f} s old"]
        return []

    def _follow(
        self, plan: Plan, seconds: float, age: float, now: Now
    ) -> tuple[Motion, list[str]]:
        """Return the plan's motion within all limits, and why it is slowed down."""
        reasons = [plan.reason] if plan.reason else []
        motion = self._limiter.step(
            plan.motion,
            seconds,
            self.settings,
            halt=plan.mode in HALTED,
            halt_linear=plan.mode != "driving",
        )
        motion, slowed = self._decayed(motion, plan, age)
        reasons += slowed
        motion, slowed = self._clear_of_obstacles(motion, plan, now)
        reasons += slowed
        if self.settings.vehicle == "drone":
            motion, slowed = self._within_altitude(motion)
            reasons += slowed
        return motion, reasons

    def _decayed(self, motion: Motion, plan: Plan, age: float) -> tuple[Motion, list[str]]:
        """Scale the motion down as the image and the distance get old."""
        reasons = []
        share = _fresh(age, self.settings.stale_from, self.settings.stale_at)
        if share < 1:
            reasons.append(f"slowed down: the image is {age:.2f} s old")
            motion = _bounded(motion, plan.motion, share, share)
        if plan.measured is not None:
            distance_age = age + plan.stamp - plan.measured
            share = _fresh(distance_age, DISTANCE_OLD, DISTANCE_TOO_OLD)
            if share < 1:
                reasons.append(f"slowed down: the distance is {distance_age:.2f} s old")
                motion = _bounded(motion, plan.motion, share, 1.0)
        return motion, reasons

    def _clear_of_obstacles(
        self, motion: Motion, plan: Plan, now: Now
    ) -> tuple[Motion, list[str]]:
        """Slow down before obstacles; stand if the obstacle sensor is silent."""
        settings = self.settings
        if settings.obstacle_source == "none" or not (motion.forward or motion.left):
            return motion, []
        if self._obstacles is None or now.steady - self._obstacles[0] > SENSOR_SECONDS:
            stands = dataclasses.replace(motion, forward=0.0, left=0.0)
            return stands, [f"the obstacle sensor ({settings.obstacle_source}) is silent"]
        heading = math.atan2(motion.left, motion.forward)
        c, s = math.cos(heading), math.sin(heading)
        points = self._obstacles[1] @ np.array([[c, -s], [s, c]])
        target = None
        if plan.bearing is not None and plan.distance is not None:
            target = (wrap(plan.bearing - heading), plan.distance)
        free = clearance(points, settings.robot_radius, target, settings.target_radius)
        # Gently, by the acceleration, but never faster than the robot may brake.
        deceleration = min(settings.max_acceleration, settings.max_deceleration)
        allowed = speed_for(free, settings.obstacle_margin, deceleration)
        speed = math.hypot(motion.forward, motion.left)
        if speed <= allowed:
            return motion, []
        scale = allowed / speed
        slowed = dataclasses.replace(
            motion, forward=motion.forward * scale, left=motion.left * scale
        )
        return slowed, [f"an obstacle is {free:.2f} m ahead"]

    def _within_altitude(self, motion: Motion) -> tuple[Motion, list[str]]:
        """Keep a drone between its floor and its ceiling; without a height it keeps its own."""
        height = self._odometry[1]
        settings = self.settings
        if motion.up < 0 and not height > settings.min_altitude:
            why = "the drone is at min_altitude" if math.isfinite(height) else "no height known"
            return dataclasses.replace(motion, up=0.0), [f"does not descend: {why}"]
        if motion.up > 0 and not height < settings.max_altitude:
            why = "the drone is at max_altitude" if math.isfinite(height) else "no height known"
            return dataclasses.replace(motion, up=0.0), [f"does not climb: {why}"]
        return motion, []


def _fresh(age: float, old: float, too_old: float) -> float:
    """Return the share of a command that is left at an age of its data, in [0, 1]."""
    return min(max((too_old - age) / (too_old - old), 0.0), 1.0)


def _bounded(motion: Motion, plan: Motion, linear: float, angular: float) -> Motion:
    """Limit a motion to shares of a plan, axis by axis."""
    values = {}
    for axis in dataclasses.fields(Motion):
        share = angular if axis.name in ("turn", "tilt") else linear
        most = abs(getattr(plan, axis.name)) * share
        values[axis.name] = min(max(getattr(motion, axis.name), -most), most)
    return Motion(**values)

"""What the follower wants to do after each image: the part that only depends on messages.

Fed the same observations, distances and odometry in the same order, it gives the same commands:
it reads no clock. guard.py decides which commands are sent.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from siamdw_ros.following.camera import (
    Camera,
    Mount,
    Vector,
    bearing_and_elevation,
    box_center,
    wrap,
)
from siamdw_ros.following.control import STOP, Aim, Controller, Motion
from siamdw_ros.following.own_motion import OwnMotion, Pose
from siamdw_ros.following.search import Confirmation, Search
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.following.target_filter import Sight, TargetFilter
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.presence import State

MAX_LATENCY = 0.5  # seconds that are predicted over
DRIFT_SECONDS = 1.5  # in which a target shows where it goes
LEAST_DRIFT = 0.05  # radians; less is no direction
SIGMA_TRACKED = 0.008  # of a direction, radians
SIGMA_UNCERTAIN = 0.05


@dataclass(frozen=True)
class Observation:
    """The tracker's result for the target after an image.

    Attributes:
        stamp: of the image, seconds.
        latency: from the image to the tracker's result, seconds.
        state: of the target.
        box: pixels. When the state is LOST: where the search continues, not where the target is.
        score: in [0, 1].
    """

    stamp: float
    latency: float
    state: State
    box: Box
    score: float = 1.0


@dataclass(frozen=True)
class Plan:
    """A command, and why.

    Attributes:
        stamp: of the image, seconds.
        motion: wanted.
        mode: waiting, driving, turning, stopped, searching, confirming or given up.
        reason: in words, why the robot does not drive; empty when it does.
        bearing: of the target from the robot, radians; None: not known.
        distance: between the centres, metres; None: not known.
        measured: stamp of the newest measurement of the distance, seconds; None: not known.
    """

    stamp: float
    motion: Motion
    mode: str
    reason: str = ""
    bearing: float | None = None
    distance: float | None = None
    measured: float | None = None


class Pilot:
    """Follows one target. All methods take stamps, in seconds, and read no clock.

    Args:
        settings: of the follower.
        mount: of the camera on the robot.
    """

    def __init__(self, settings: FollowSettings, mount: Mount) -> None:
        self.settings = settings
        self.mount = mount
        self.own = OwnMotion()
        self.camera: Camera | None = None
        self.restart()

    def restart(self) -> None:
        """Forget the target, as when the operator starts to follow another one."""
        self._filter = TargetFilter()
        self._tracked: deque[tuple[float, float]] = deque(maxlen=100)
        self._controller = Controller()
        self._search: Search | None = None
        self._confirmation: Confirmation | None = None
        self._gave_up = False
        self._gap = self.settings.gap
        self._image_size = 0.0
        self._image_seconds = 0.1
        self._last_stamp: float | None = None

    def measure(self, stamp: float, position: Vector, sigma: float) -> None:
        """Take in the target's position.

        Args:
            stamp: of the image it was measured in, seconds.
            position: in the camera's optical frame, metres.
            sigma: standard deviation of the distance, metres.
        """
        in_robot = self.mount.rotation() @ position + self.mount.origin()
        level = self._level(self.own.at(stamp)) @ in_robot
        metres = math.hypot(float(level[0]), float(level[1]))
        if not math.isfinite(metres) or not math.isfinite(sigma):
            return
        advance = self._advance(self._filter.distance.stamp, stamp)
        self._filter.measure(metres, max(sigma, 1e-3), stamp, advance)
        if self._gap == 0.0:  # to keep the distance that it has at the start
            self._gap = max(self._clear(metres), 0.01)

    def plan(self, seen: Observation | None, stamp: float) -> Plan:
        """Decide on the command after an image.

        Args:
            seen: the target; None: the tracker has no target.
            stamp: of the image, seconds.
        """
        if self._last_stamp is not None and 0 < stamp - self._last_stamp < 1:
            self._image_seconds += 0.1 * (stamp - self._last_stamp - self._image_seconds)
        self._last_stamp = stamp
        if self.camera is None:
            return Plan(stamp, STOP, "waiting", "no calibrated CameraInfo has arrived")
        if seen is None or seen.state is State.IDLE:
            return Plan(stamp, STOP, "waiting", "the tracker has no target: start one")
        if seen.state is State.LOST:
            return self._lost(seen)
        return self._seen(seen, self.camera)

    def _seen(self, seen: Observation, camera: Camera) -> Plan:
        """Follow a target that is in the image."""
        tracked = seen.state is State.TRACKED
        size = _angular_size(seen.box, camera)
        plausible, reason = self._confirm(seen, size)
        if not plausible:
            return self._turn_to(seen, camera, reason)
        self._look(seen, camera, SIGMA_TRACKED if tracked else SIGMA_UNCERTAIN)
        if tracked:
            self._image_size = size
        sight = self._sight(seen)
        if sight is None:
            return Plan(seen.stamp, STOP, "waiting", "no direction to the target yet")
        aim = self._aim(sight)
        turn_only = not tracked or aim.excess is None
        motion = self._controller.follow(aim, self.settings, turn_only=turn_only)
        if not tracked:
            reason = f"turns only: the target is uncertain (score {seen.score:.2f})"
        elif aim.excess is None:
            reason = "turns only: the distance is not known, is target_pose running?"
        elif motion.stands():
            reason = "the target is where it should be"
        mode = "turning" if turn_only else "driving"
        measured = None if sight.distance is None else self._filter.distance.stamp
        return Plan(seen.stamp, motion, mode, reason, aim.bearing, sight.distance, measured)

    def _confirm(self, seen: Observation, size: float) -> tuple[bool, str]:
        """After a loss: whether the target has been seen often enough to be accepted."""
        if self._confirmation is None:
            return True, ""
        if seen.state is not State.TRACKED:
            self._confirmation.missed()
            return False, "re-acquired, but uncertain"
        distance = self._filter.at(seen.stamp)
        confirmed, reason = self._confirmation.see(
            size, distance.distance if distance else None, self.settings.confirmations
        )
        if confirmed:
            self._search = None
            self._confirmation = None
            self._gave_up = False
            self._filter.azimuth.value = None  # start anew, where it is now
            self._filter.elevation.value = None
        return confirmed, reason

    def _turn_to(self, seen: Observation, camera: Camera, reason: str) -> Plan:
        """Keep a candidate in view until it is confirmed; a wrong one is not followed far."""
        pose = self.own.at(seen.stamp)
        direction = self._level(pose) @ self.mount.rotation() @ _ray(seen.box, camera)
        bearing, _ = bearing_and_elevation(direction)
        later = self.own.at(seen.stamp + min(max(seen.latency, 0.0), MAX_LATENCY))
        bearing = wrap(bearing - _yaw(later) + _yaw(pose))
        motion = self._controller.follow(Aim(bearing), self.settings, turn_only=True)
        most = self.settings.search_turn
        slow = Motion(turn=min(max(motion.turn, -most), most))
        return Plan(seen.stamp, slow, "confirming", reason, bearing)

    def _lost(self, seen: Observation) -> Plan:
        """Stand, search, and give up in the end."""
        assert self.camera is not None
        if self._confirmation is None:
            self._begin_search(seen)
        else:
            self._confirmation.missed()
        if self._search is None:
            return Plan(seen.stamp, STOP, "stopped", "the target is lost and was never seen")
        yaw = _yaw(self.own.at(seen.stamp))
        turn = self._search.turn(
            seen.stamp,
            yaw,
            self.settings,
            self.camera.horizontal_field_of_view(),
            self._image_seconds,
        )
        if turn is None or self._gave_up:
            self._gave_up = True
            return Plan(seen.stamp, STOP, "given up", "the target is lost, the search is over")
        if turn == 0.0 or self.settings.vehicle == "ackermann":
            return Plan(seen.stamp, STOP, "stopped", "the target is lost")
        return Plan(seen.stamp, Motion(turn=turn), "searching", "the target is lost: searching")

    def _begin_search(self, seen: Observation) -> None:
        """Note where and how large the target was when it was lost."""
        sight = self._filter.at(seen.stamp)
        if sight is None or self._image_size == 0.0:
            return
        metric = sight.distance * self._image_size if sight.distance is not None else None
        self._confirmation = Confirmation(self._image_size, metric)
        side = self._drift()
        if abs(side) < LEAST_DRIFT:
            side = wrap(sight.azimuth - _yaw(self.own.at(seen.stamp)))
        self._search = Search(seen.stamp, sight.azimuth, 1.0 if side >= 0 else -1.0)

    def _drift(self) -> float:
        """How far the target moved to the left in the last DRIFT_SECONDS it was tracked, radians.

        The filter's rate is no measure of it: just before a loss the box often sticks to what
        covers the target.
        """
        if not self._tracked:
            return 0.0
        newest, azimuth = self._tracked[-1]
        recent = (a for stamp, a in self._tracked if newest - stamp <= DRIFT_SECONDS)
        return wrap(azimuth - next(recent))

    def _look(self, seen: Observation, camera: Camera, sigma: float) -> None:
        """Put the direction to the target into the filter."""
        rotation = self.own.at(seen.stamp).rotation
        direction = rotation @ self.mount.rotation() @ _ray(seen.box, camera)
        azimuth, elevation = bearing_and_elevation(direction)
        self._filter.see(azimuth, elevation, sigma, seen.stamp)
        if seen.state is State.TRACKED:
            self._tracked.append((seen.stamp, azimuth))

    def _sight(self, seen: Observation) -> Sight | None:
        """Where the target is when the tracker's result is published, latency compensated."""
        now = seen.stamp + min(max(seen.latency, 0.0), MAX_LATENCY)
        return self._filter.at(now, self._advance(self._filter.distance.stamp, now))

    def _aim(self, sight: Sight) -> Aim:
        bearing = wrap(sight.azimuth - _yaw(self.own.at(sight.stamp)))
        clear = None if sight.distance is None else self._clear(sight.distance) - self._gap
        return Aim(
            bearing,
            sight.azimuth_rate,
            sight.elevation,
            sight.elevation_rate,
            clear,
            sight.target_speed,
            sight.distance,
        )

    def _clear(self, metres: float) -> float:
        """Distance between the edges of robot and target, metres."""
        return metres - self.settings.robot_radius - self.settings.target_radius

    def _advance(self, begin: float, end: float) -> float:
        """How far the robot moved towards the target between two stamps, metres."""
        azimuth = self._filter.azimuth.value
        if azimuth is None or not 0 < end - begin < 1:
            return 0.0
        moved = self.own.at(end).position - self.own.at(begin).position
        return float(moved[0] * math.cos(azimuth) + moved[1] * math.sin(azimuth))

    @staticmethod
    def _level(pose: Pose) -> Vector:
        """Robot frame to a level frame with the robot's heading, 3 x 3."""
        yaw = _yaw(pose)
        c, s = math.cos(yaw), math.sin(yaw)
        back = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        return np.asarray(back @ pose.rotation)


def _yaw(pose: Pose) -> float:
    return math.atan2(float(pose.rotation[1, 0]), float(pose.rotation[0, 0]))


def _ray(box: Box, camera: Camera) -> Vector:
    """Unit vector in the optical frame to the middle of a box."""
    return np.asarray(camera.rays(np.array([box_center(box)]))[0])


def _angular_size(box: Box, camera: Camera) -> float:
    """Geometric mean of a box's sides, radians."""
    fx, fy = (float(value) for value in camera.focal)
    return math.sqrt(max(box[2], 1e-6) / fx * max(box[3], 1e-6) / fy)

"""Plans a velocity after each image. It depends on messages only.

It reads no clock: the same observations, distances and odometry in the same order lead to the
same plans. guard.py decides which commands are sent.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

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

MAX_LATENCY = 0.5  # largest latency that is compensated, seconds
DRIFT_SECONDS = 1.5  # time over which a target's drift is measured
MIN_DRIFT = 0.05  # radians; a smaller drift has no direction
SIGMA_TRACKED = 0.008  # standard deviation of the direction to a TRACKED target, radians
SIGMA_UNCERTAIN = 0.05  # standard deviation of the direction to an UNCERTAIN target, radians
MAX_DEVIATION = 0.35  # radians between a position and the box; beyond it: another target


@dataclass(frozen=True)
class Observation:
    """The tracker's result for the target after an image.

    Attributes:
        stamp: Stamp of the image, seconds.
        latency: Time from the image to the tracker's result, seconds.
        state: State of the target.
        box: Pixels. When the state is LOST: where the search continues, not where the target is.
        score: Presence score in [0, 1].
        target: Id of the target.
    """

    stamp: float
    latency: float
    state: State
    box: Box
    score: float = 1.0
    target: str = ""


class Measured(NamedTuple):
    """A position in the camera's optical frame, metres, and the distance's standard deviation."""

    stamp: float
    position: Vector
    sigma: float


@dataclass(frozen=True)
class Plan:
    """A planned velocity, and the reason for it.

    Attributes:
        stamp: Stamp of the image, seconds.
        motion: Velocity, before the guard's limits.
        mode: waiting, driving, turning, stopped, searching, confirming or given up.
        reason: Why the robot does not drive, for the operator; empty if it drives.
        bearing: Bearing of the target from the robot, radians; None: not known.
        distance: Distance between the centres, metres; None: not known.
        measured: Stamp of the newest measurement of the distance, seconds; None: not known.
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
        settings: Settings of the follower.
        mount: Mount of the camera on the robot.
    """

    def __init__(self, settings: FollowSettings, mount: Mount) -> None:
        self.settings = settings
        self.mount = mount
        self.own = OwnMotion()
        self.camera: Camera | None = None
        self.restart()

    def restart(self) -> None:
        """Start over, with the target of the next observation."""
        self._target: str | None = None  # id; None: the one that is seen next
        self._other: str | None = None  # id of another target, which is not followed
        self._begin_target(None)
        self._measured: Measured | None = None
        self._controller = Controller()
        self._confirmation: Confirmation | None = None
        self._gave_up = False
        self._first_gap: float | None = None  # of the start, kept while `gap` is 0
        self._image_seconds = 0.1
        self._last_stamp: float | None = None

    def _begin_target(self, seen: Observation | None) -> None:
        """Discard what is known of the target's position.

        After a loss the confirmation stays: what has the id of the target that was lost is not
        followed without it.

        Args:
            seen: First observation of the target; None: there is none yet.
        """
        if seen is not None:
            self._target = seen.target
        self._since = seen.stamp if seen is not None else math.inf
        self._search: Search | None = None
        self._filter = TargetFilter()
        self._tracked: deque[tuple[float, float]] = deque(maxlen=100)
        self._image_size = 0.0
        self._line: Vector | None = None

    def measure(self, stamp: float, position: Vector, sigma: float) -> None:
        """Take a measured position of the target.

        It counts once the observation of its image is known: a position in another direction than
        the box is that of another target.

        Args:
            stamp: Stamp of the image it was measured in, seconds.
            position: Position in the camera's optical frame, metres.
            sigma: Standard deviation of the distance, metres.
        """
        if not np.isfinite(position).all() or not math.isfinite(sigma):
            return
        self._measured = Measured(stamp, position, sigma)
        self._take_measured()

    def _take_measured(self) -> None:
        """Update the distance's filter with the last position, if its image's result is known."""
        measured = self._measured
        if measured is None or self._last_stamp is None or measured.stamp > self._last_stamp:
            return
        self._measured = None
        if measured.stamp < self._since or not self._is_in_line(measured):
            return
        pose = self.own.at(measured.stamp)
        in_robot = self.mount.rotation() @ measured.position + self.mount.origin()
        level = self._level(pose) @ in_robot
        metres = math.hypot(float(level[0]), float(level[1]))
        advance = self._advance(self._filter.distance.stamp, measured.stamp)
        sigma = max(measured.sigma, 1e-3)
        self._filter.update_distance(metres, sigma, measured.stamp, advance)
        if self._first_gap is None:
            self._first_gap = max(self._clear(metres), 0.01)

    def _is_in_line(self, measured: Measured) -> bool:
        """Return whether a position is in the direction in which the target was seen last."""
        length = float(np.linalg.norm(measured.position))
        if self._line is None or length == 0.0:
            return False
        rotation = self.own.at(measured.stamp).rotation @ self.mount.rotation()
        along = float(self._line @ rotation @ measured.position) / length
        return along > math.cos(MAX_DEVIATION)

    def plan(self, seen: Observation | None, stamp: float) -> Plan:
        """Plan a velocity after an image.

        Args:
            seen: Observation of the target; None: the tracker has no target.
            stamp: Stamp of the image, seconds.
        """
        if self._last_stamp is not None and 0 < stamp - self._last_stamp < 1:
            self._image_seconds += 0.1 * (stamp - self._last_stamp - self._image_seconds)
        self._last_stamp = stamp
        self._other = None
        if seen is None:
            self._begin_target(None)
        elif self._target is not None and seen.target != self._target:
            return self._wait_for_consent(seen)
        elif self._since == math.inf:
            self._begin_target(seen)
        self._line = self._direction(seen)
        self._take_measured()
        if self.camera is None:
            return Plan(stamp, STOP, "waiting", "no calibrated CameraInfo has arrived")
        if seen is None or seen.state is State.IDLE:
            return Plan(stamp, STOP, "waiting", "the tracker has no target: start one")
        if seen.state is State.LOST:
            return self._lost(seen)
        return self._seen(seen, self.camera)

    def accept_other(self) -> None:
        """Follow the other target that the tracker has now, if it has one."""
        if self._other is not None:
            self.restart()

    def _wait_for_consent(self, seen: Observation) -> Plan:
        """Stand before another target than the one that the robot was to follow."""
        self._begin_target(None)
        self._other = seen.target
        reason = (
            f"the target is '{seen.target}' now, not '{self._target}': release ~/enable and press "
            "it again, or call ~/start"
        )
        return Plan(seen.stamp, STOP, "waiting", reason)

    def _direction(self, seen: Observation | None) -> Vector | None:
        """Return the unit vector to a target in the odometry frame; None while it is not seen."""
        if seen is None or self.camera is None:
            return None
        if seen.state not in (State.TRACKED, State.UNCERTAIN):
            return None
        ray = _ray(seen.box, self.camera)
        return np.asarray(self.own.at(seen.stamp).rotation @ self.mount.rotation() @ ray)

    def _seen(self, seen: Observation, camera: Camera) -> Plan:
        """Follow a target that is in the image."""
        tracked = seen.state is State.TRACKED
        size = _angular_size(seen.box, camera)
        plausible, reason = self._confirm(seen, size)
        if not plausible:
            return self._turn_to(seen, reason)
        self._add_direction(seen, SIGMA_TRACKED if tracked else SIGMA_UNCERTAIN)
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
            reason = (
                "turns only: the distance is not known, is target_pose running, and with the same "
                "target_id?"
            )
        elif motion.stands():
            reason = "the target is where it should be"
        mode = "turning" if turn_only else "driving"
        measured = None if sight.distance is None else self._filter.distance.stamp
        return Plan(seen.stamp, motion, mode, reason, aim.bearing, sight.distance, measured)

    def _confirm(self, seen: Observation, size: float) -> tuple[bool, str]:
        """Return whether a target is accepted after a loss, and if not, why."""
        if self._confirmation is None:
            return True, ""
        if seen.state is not State.TRACKED:
            self._confirmation.missed()
            return False, "re-acquired, but uncertain"
        distance = self._filter.at(seen.stamp)
        confirmed, reason = self._confirmation.update(
            size, distance.distance if distance else None, self.settings.confirmations
        )
        if confirmed:
            self._search = None
            self._confirmation = None
            self._gave_up = False
            # The filter of the direction starts over: the target did not move there, it came back.
            self._filter.azimuth.value = None
            self._filter.elevation.value = None
        return confirmed, reason

    def _turn_to(self, seen: Observation, reason: str) -> Plan:
        """Turn slowly to a candidate until it is confirmed, so that it stays in view."""
        assert self._line is not None
        azimuth, _ = bearing_and_elevation(self._line)
        later = self.own.at(seen.stamp + min(max(seen.latency, 0.0), MAX_LATENCY))
        bearing = wrap(azimuth - _yaw(later))
        motion = self._controller.follow(Aim(bearing), self.settings, turn_only=True)
        most = self.settings.search_turn
        slow = Motion(turn=min(max(motion.turn, -most), most))
        return Plan(seen.stamp, slow, "confirming", reason, bearing)

    def _lost(self, seen: Observation) -> Plan:
        """Plan for a lost target: stand, search, and give up in the end."""
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
        """Store the direction and the size that the target had when it was lost."""
        sight = self._filter.at(seen.stamp)
        if sight is None or self._image_size == 0.0:
            return
        metric = sight.distance * self._image_size if sight.distance is not None else None
        self._confirmation = Confirmation(self._image_size, metric)
        side = self._drift()
        if abs(side) < MIN_DRIFT:
            side = wrap(sight.azimuth - _yaw(self.own.at(seen.stamp)))
        self._search = Search(seen.stamp, sight.azimuth, 1.0 if side >= 0 else -1.0)

    def _drift(self) -> float:
        """Return how far the target moved to the left in the last DRIFT_SECONDS, radians.

        The filter's rate is no measure of it: just before a loss the box often stays on the object
        that occludes the target.
        """
        if not self._tracked:
            return 0.0
        newest, azimuth = self._tracked[-1]
        recent = (a for stamp, a in self._tracked if newest - stamp <= DRIFT_SECONDS)
        return wrap(azimuth - next(recent))

    def _add_direction(self, seen: Observation, sigma: float) -> None:
        """Update the filter with the direction to the target."""
        assert self._line is not None
        azimuth, elevation = bearing_and_elevation(self._line)
        self._filter.update_direction(azimuth, elevation, sigma, seen.stamp)
        if seen.state is State.TRACKED:
            self._tracked.append((seen.stamp, azimuth))

    def _sight(self, seen: Observation) -> Sight | None:
        """Return where the target is when the tracker's result is published."""
        now = seen.stamp + min(max(seen.latency, 0.0), MAX_LATENCY)
        return self._filter.at(now, self._advance(self._filter.distance.stamp, now))

    def _aim(self, sight: Sight) -> Aim:
        bearing = wrap(sight.azimuth - _yaw(self.own.at(sight.stamp)))
        gap = self.settings.gap or self._first_gap
        excess = None
        if sight.distance is not None and gap is not None:
            excess = self._clear(sight.distance) - gap
        return Aim(
            bearing,
            sight.azimuth_rate,
            sight.elevation,
            sight.elevation_rate,
            excess,
            sight.target_speed,
            sight.distance,
        )

    def _clear(self, metres: float) -> float:
        """Return the distance between the edges of robot and target, metres."""
        return metres - self.settings.robot_radius - self.settings.target_radius

    def _advance(self, begin: float, end: float) -> float:
        """Return how far the robot moved towards the target between two stamps, metres."""
        azimuth = self._filter.azimuth.value
        if azimuth is None or not 0 < end - begin < 1:
            return 0.0
        moved = self.own.at(end).position - self.own.at(begin).position
        return float(moved[0] * math.cos(azimuth) + moved[1] * math.sin(azimuth))

    @staticmethod
    def _level(pose: Pose) -> Vector:
        """Return the rotation from the robot frame to a level frame with its heading, 3 x 3."""
        yaw = _yaw(pose)
        c, s = math.cos(yaw), math.sin(yaw)
        back = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        return np.asarray(back @ pose.rotation)


def _yaw(pose: Pose) -> float:
    return math.atan2(float(pose.rotation[1, 0]), float(pose.rotation[0, 0]))


def _ray(box: Box, camera: Camera) -> Vector:
    """Return the unit vector to the middle of a box, in the optical frame."""
    return np.asarray(camera.rays(np.array([box_center(box)]))[0])


def _angular_size(box: Box, camera: Camera) -> float:
    """Return the geometric mean of a box's sides, radians."""
    fx, fy = (float(value) for value in camera.focal)
    return math.sqrt(max(box[2], 1e-6) / fx * max(box[3], 1e-6) / fy)

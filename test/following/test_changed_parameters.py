"""Each parameter of the follower that may be changed at any time counts as soon as it is changed.

The node's own callbacks run here, with messages and a clock that this file makes.
"""

import functools
import math
from collections import deque
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseWithCovarianceStamped
from kinematics import CAMERA, TARGET
from nav_msgs.msg import Odometry
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from siamdw_msgs.msg import TargetState, TrackerStatus
from std_msgs.msg import Bool
from vision_msgs.msg import BoundingBox2D

from siamdw_ros.following.camera import Mount, rotation_from_euler
from siamdw_ros.following.control import STOP, Motion
from siamdw_ros.following.follower_node import FollowerNode
from siamdw_ros.following.guard import Guard, Now
from siamdw_ros.following.messages import mount_from
from siamdw_ros.following.pilot import Pilot
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.ros.parameters import Read, loosened, parameters_of
from siamdw_ros.siamdw.presence import State

PERIOD = 0.1  # seconds between two images
AGE = 0.1  # of a result when it arrives, seconds
CHANGE = 1.0  # seconds after the start
LOSS = (3.0, 5.2)  # the target is lost between these times
END = 7.0
MOUNT = Mount(z=0.5)  # where the camera truly is
DRONE = {"vehicle": "drone", "min_altitude": -1.0}
SCAN = {"obstacle_source": "scan", "scan_ignore": 0.2}
DEPTH = {"obstacle_source": "depth", "camera_z": 0.5}
# Of each parameter: what else is set, its value at the start, and another one that matters.
CASES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "camera_x": ({}, 0.0, 1.0),
    "camera_y": ({}, 0.0, 1.0),
    "camera_z": (DEPTH, 0.5, 5.0),
    "camera_pitch": (DRONE, 0.0, 0.3),
    "camera_yaw": ({}, 0.0, 0.3),
    "rectified": ({}, False, True),
    "target_id": ({}, "", "two"),
    "gap": ({}, 1.0, 3.0),
    "robot_radius": ({}, 0.2, 1.0),
    "target_radius": ({}, 0.25, 1.0),
    "elevation": (DRONE, 0.0, 0.3),
    "max_speed": ({}, 0.5, 0.1),
    "max_reverse": ({"gap": 6.0}, 0.5, 0.1),
    "max_turn": ({}, 1.0, 0.05),
    "max_climb": (DRONE, 0.5, 0.1),
    "max_acceleration": ({}, 0.8, 0.1),
    "max_deceleration": ({}, 2.0, 0.2),
    "max_turn_acceleration": ({}, 3.0, 0.1),
    "max_jerk": ({}, 4.0, 0.1),
    "max_turn_jerk": ({}, 20.0, 0.1),
    "min_altitude": (DRONE, -1.0, 5.0),
    "max_altitude": ({**DRONE, "elevation": -0.9}, 10.0, 0.0),
    "min_turning_radius": ({"vehicle": "ackermann"}, 0.6, 20.0),
    "turn_gain": ({}, 1.8, 0.2),
    "approach_gain": ({}, 0.9, 0.1),
    "climb_gain": (DRONE, 1.0, 0.1),
    "feed_forward": ({}, 0.9, 0.0),
    "bearing_dead_zone": ({}, 0.04, 1.0),
    "distance_dead_zone": ({}, 0.08, 10.0),
    "stale_from": ({}, 0.2, 0.05),
    "stale_at": ({"stale_from": 0.05}, 0.4, 0.12),
    "deadman_timeout": ({}, 0.3, 0.05),
    "scan_x": (SCAN, 0.0, -0.3),
    "scan_y": (SCAN, 0.0, 1.0),
    "scan_yaw": (SCAN, 0.0, 1.57),
    "scan_ignore": (SCAN, 0.2, 0.0),
    "obstacle_margin": (SCAN, 0.25, 1.0),
    "search_wait": ({}, 1.0, 2.0),
    "search_seconds": ({}, 20.0, 0.5),
    "search_turn": ({}, 0.4, 0.1),
    "search_sweep": ({}, 1.57, 0.1),
    "confirmations": ({}, 5, 100),
}


class Follower(FollowerNode):
    """The node's callbacks without a node: no ROS, and a clock that stands."""

    def __init__(self, settings: FollowSettings) -> None:
        self.parameters = SimpleNamespace(settings=settings)
        self.pilot = Pilot(settings, mount_from(settings))
        self.guard = Guard(settings)
        self.time = 0.0
        self._sent = deque()
        self._plans = SimpleNamespace(publish=lambda _: None)

    def now(self) -> Now:
        return Now(self.time, self.time)

    def arrival(self, info) -> Now:
        return self.now()

    def get_logger(self) -> Any:
        def error(text: str, **_: Any) -> None:
            raise AssertionError(text)

        return SimpleNamespace(error=error)

    def change(self, **values: Any) -> None:
        """Change parameters, as NodeParameters does."""
        settings = replace(self.parameters.settings, **values)
        settings.check()
        assert not loosened(self.parameters.settings, settings)
        self.parameters.settings = settings
        self._on_changed(settings)


class Run:
    """A robot that follows a person, who is lost and seen again; a second person stands still."""

    def __init__(self, settings: FollowSettings) -> None:
        self.follower = Follower(settings)
        self.time = 0.0
        self.position = np.array([0.0, 0.0, 1.5 if settings.vehicle == "drone" else 0.0])
        self.yaw = 0.0
        self.motion = STOP
        self.target = np.array([2.2, 0.5, 0.9])
        self.motions: list[Motion] = []
        self.follower.pilot.restart()
        self.follower.guard.start(self.follower.now())

    def until(self, end: float) -> "Run":
        while self.time < end:
            self.step()
        return self

    def step(self) -> None:
        """One image and two commands."""
        self.time += PERIOD
        follower, motion = self.follower, self.motion
        follower.time = 1000.0 + self.time
        turned = rotation_from_euler(0, 0, self.yaw)
        self.position = self.position + PERIOD * (
            turned @ [motion.forward, motion.left, motion.up]
        )
        self.yaw += PERIOD * motion.turn
        if self.time < LOSS[0]:
            self.target = self.target + PERIOD * np.array([0.4, 0.2, 0.0])
        follower._on_odometry(self.odometry(), {})
        if len(self.motions) % 4 == 0:
            follower._on_enable(Bool(data=True), {})
        follower._on_camera_info(camera_info())
        follower._on_scan(scan(), {})
        if follower.parameters.settings.obstacle_source == "depth":
            follower._on_depth(depth(), {})
        self.see()
        for _ in range(2):
            self.motion = follower.guard.command(follower.now()).motion
            self.motions.append(self.motion)
            follower.time += PERIOD / 2

    def optical(self, where: np.ndarray) -> np.ndarray:
        level = rotation_from_euler(0, 0, self.yaw).T @ (where - self.position)
        return MOUNT.rotation().T @ (level - MOUNT.origin())

    def see(self) -> None:
        status = TrackerStatus(latency_ms=AGE * 1e3)
        status.header.stamp = self.stamp(-AGE)
        lost = LOSS[0] <= self.time < LOSS[1]
        one = self.optical(self.target)
        two = self.optical(np.array([4.0, -1.5, 0.9]))
        status.targets = [target("one", one, lost), target("two", two, False)]
        if status.targets[0].state == TargetState.TRACKED:
            pose = PoseWithCovarianceStamped()
            pose.header.stamp = status.header.stamp
            where = pose.pose.pose.position
            where.x, where.y, where.z = map(float, one)
            pose.pose.covariance = (0.01 * np.eye(6)).ravel()
            self.follower._on_target(pose)
        self.follower._on_status(status)

    def stamp(self, later: float = 0.0) -> Any:
        return Time(nanoseconds=round((self.follower.time + later) * 1e9)).to_msg()

    def odometry(self) -> Odometry:
        message = Odometry()
        message.header.stamp = self.stamp()
        pose, twist = message.pose.pose, message.twist.twist
        pose.position.x, pose.position.y, pose.position.z = map(float, self.position)
        pose.orientation.z, pose.orientation.w = math.sin(self.yaw / 2), math.cos(self.yaw / 2)
        twist.linear.x, twist.angular.z = self.motion.forward, self.motion.turn
        return message


def target(name: str, optical: np.ndarray, lost: bool) -> TargetState:
    """The state of a person at a position in the optical frame."""
    message = TargetState(id=name, state=int(State.LOST), score=0.9)
    if lost or optical[2] < 0.3:
        return message
    x, y = CAMERA.project(optical.reshape(1, 3))[0]
    if not (0 < x < CAMERA.width and 0 < y < CAMERA.height):
        return message
    width, height = CAMERA.focal * TARGET / optical[2]
    message.state = TargetState.TRACKED
    message.bbox = BoundingBox2D(size_x=float(width), size_y=float(height))
    message.bbox.center.position.x, message.bbox.center.position.y = float(x), float(y)
    return message


@functools.cache
def camera_info() -> CameraInfo:
    """A calibration whose rectified image has another focal length."""
    p = np.zeros((3, 4))
    p[:, :3] = CAMERA.matrix * np.array([[1.4, 1.0, 1.0], [1.0, 1.4, 1.0], [1.0, 1.0, 1.0]])
    size = {"width": CAMERA.width, "height": CAMERA.height}
    return CameraInfo(k=CAMERA.matrix.ravel(), p=p.ravel(), **size)


@functools.cache
def scan() -> LaserScan:
    """An obstacle ahead, and a part of the robot beside its scanner."""
    angles = np.linspace(-math.pi, math.pi, 120, endpoint=False)
    ranges = np.where(np.abs(angles) < 0.15, 0.7, np.inf)
    ranges[np.abs(angles - 1.0) < 0.1] = 0.1
    increment = float(angles[1] - angles[0])
    limits = {"range_min": 0.05, "range_max": 9.0}
    return LaserScan(angle_min=-math.pi, angle_increment=increment, ranges=ranges, **limits)


@functools.cache
def depth() -> Image:
    """Something 0.7 m ahead, at the camera's height."""
    pixels = np.full((48, 64), np.nan, np.float32)
    pixels[20:28, 24:40] = 0.7
    return Image(width=64, height=48, step=256, encoding="32FC1", data=pixels.tobytes())


@functools.cache
def motions_with(settings: FollowSettings) -> list[Motion]:
    """The commands of a run in which nothing is changed."""
    return Run(settings).until(END).motions


def settings_of(name: str, value: Any) -> FollowSettings:
    return FollowSettings(**{**CASES[name][0], name: value})


def test_there_is_a_case_for_each_parameter_that_may_be_changed() -> None:
    known = [one.name for one in parameters_of(FollowSettings) if one.read is Read.ALWAYS]
    assert sorted(CASES) == sorted(known)


@pytest.mark.parametrize("name", CASES)
def test_a_changed_parameter_counts_at_once_and_without_a_new_start(name: str) -> None:
    _, first, other = CASES[name]
    changed = Run(settings_of(name, first)).until(CHANGE)
    changed.follower.change(**{name: other})
    assert changed.until(END).motions != motions_with(settings_of(name, first))


@pytest.mark.parametrize("name", CASES)
def test_a_parameter_changed_after_the_start_is_as_good_as_one_given_before(name: str) -> None:
    _, first, other = CASES[name]
    changed = Run(settings_of(name, first))
    changed.follower.change(**{name: other})
    assert changed.until(END).motions == motions_with(settings_of(name, other))

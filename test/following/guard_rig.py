"""A guard of the follower with clocks, a camera and a laser scanner, without ROS."""

import math
from dataclasses import replace

import numpy as np

from siamdw_ros.following.control import Motion
from siamdw_ros.following.guard import Command, Guard, Now
from siamdw_ros.following.obstacles import points_from_scan
from siamdw_ros.following.pilot import Observation, Plan
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.siamdw.presence import State

FAST = Motion(forward=0.5, turn=0.5)
TICK = 1 / 30
SETTINGS = FollowSettings(use_odometry=False, stale_from=0.2, stale_at=0.5)


class Rig:
    """A guard, its clocks, and a camera at 30 Hz."""

    def __init__(self, settings: FollowSettings = SETTINGS) -> None:
        self.guard = Guard(settings, started=True)
        self.steady = 50.0
        self.offset = 1e6  # of the ROS clock
        self.count = 0

    @property
    def now(self) -> Now:
        return Now(self.steady + self.offset, self.steady)

    def image(self, motion: Motion = FAST, age: float = 0.05, **changes) -> None:
        self.count += 1
        stamp = self.now.ros - age
        box = (100.0 + 0.1 * self.count, 100.0, 50.0, 100.0)
        seen = Observation(stamp, age, State.TRACKED, box, 0.9)
        plan = Plan(stamp, motion, "driving", bearing=0.0, distance=3.0)
        self.guard.accept(replace(plan, **changes), seen, self.now)

    def tick(self, seconds: float = TICK, *, enable: bool = True) -> Command:
        self.steady += seconds
        if enable:
            self.guard.enable(True, self.now)
        return self.guard.command(self.now)

    def drive(self, seconds: float = 2.0) -> Command:
        for _ in range(round(seconds / TICK)):
            self.image()
            command = self.tick()
        return command


def scan(distance: float, bearing: float = 0.0) -> np.ndarray:
    """Return the points of a scan with one obstacle; bearing in radians."""
    angles = np.linspace(-math.pi, math.pi, 721)
    ranges = np.full(721, 9.0)
    ranges[np.abs(angles - bearing) < 0.1] = distance
    return points_from_scan(ranges, -math.pi, angles[1] - angles[0], (0.1, 8.0))

"""Kinematic robots: commands in, motion out, with the lag of real ones."""

import math
from dataclasses import dataclass, field

import numpy as np

from siamdw_ros.following.camera import Matrix, Mount, Vector, rotation_from_euler
from siamdw_ros.following.control import STOP, Motion
from siamdw_ros.following.own_motion import Pose
from siamdw_ros.simulation.renderer import View

GRAVITY = 9.81


@dataclass
class Vehicle:
    """A ground robot: its velocity follows the command with a first-order lag.

    Attributes:
        mount: of its camera; for a ground robot z is above the ground.
        radius: of its footprint, metres.
        lag: seconds in which an error of the velocity fades to 1/e.
        position: world frame, metres.
        yaw: radians.
    """

    mount: Mount
    radius: float = 0.2
    lag: float = 0.12
    position: Vector = field(default_factory=lambda: np.zeros(3))
    yaw: float = 0.0
    motion: Motion = STOP

    def step(self, command: Motion, seconds: float) -> None:
        """Move for a time."""
        share = 1 - math.exp(-seconds / self.lag)
        before = self.motion
        self.motion = Motion(
            before.forward + share * (command.forward - before.forward),
            before.left + share * (command.left - before.left),
            before.up + share * (command.up - before.up),
            before.turn + share * (command.turn - before.turn),
        )
        middle = rotation_from_euler(0, 0, self.yaw + self.motion.turn * seconds / 2)
        self.position = self.position + seconds * (middle @ self.velocity())
        self.yaw += self.motion.turn * seconds

    def tilt(self) -> float:
        """How far the front is tilted down, radians."""
        return 0.0

    def velocity(self) -> Vector:
        """In the robot's level frame, m/s."""
        return np.array([self.motion.forward, self.motion.left, self.motion.up])

    def rotation(self) -> Matrix:
        """Robot frame to world frame, 3 x 3."""
        return rotation_from_euler(0.0, self.tilt(), self.yaw)

    def pose(self, stamp: float) -> Pose:
        """Return the pose and velocity by odometry."""
        turn = np.array([0.0, 0.0, self.motion.turn])
        return Pose(stamp, self.position, self.rotation(), self.velocity(), turn)

    def view(self) -> View:
        """Where the camera is."""
        rotation = self.rotation()
        return View(
            self.position + rotation @ self.mount.origin(), rotation @ self.mount.rotation()
        )


@dataclass
class Quadrotor(Vehicle):
    """A drone, which pitches forward to accelerate and so moves its camera's view."""

    lag: float = 0.3
    pitch: float = 0.0

    def step(self, command: Motion, seconds: float) -> None:
        """Move for a time; the pitch follows the acceleration it takes."""
        before = self.motion.forward
        super().step(command, seconds)
        wanted = math.atan2((self.motion.forward - before) / seconds, GRAVITY)
        self.pitch += (1 - math.exp(-seconds / 0.1)) * (wanted - self.pitch)

    def tilt(self) -> float:
        """How far the front is tilted down, radians."""
        return self.pitch

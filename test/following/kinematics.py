"""A robot and a target on a plane, and the boxes of a perfect tracker: no images, no clock."""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from siamdw_ros.following.camera import Camera, Mount, rotation_from_euler
from siamdw_ros.following.control import STOP, Motion
from siamdw_ros.following.guard import Guard, Now
from siamdw_ros.following.own_motion import Pose
from siamdw_ros.following.pilot import Observation, Pilot, Plan
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.presence import State

CAMERA = Camera.from_field_of_view(640, 480, math.radians(70))
PERIOD = 1 / 30
TARGET = (0.5, 1.7)  # width and height, metres


@dataclass
class World:
    """Steps at the camera's rate; results arrive `delay` images late, as a tracker's do."""

    settings: FollowSettings
    target: np.ndarray = field(default_factory=lambda: np.array([4.0, 0.0, 0.9]))
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(3))
    delay: int = 2
    height: float = 0.6
    state: State = State.TRACKED
    noise: float = 0.5
    seed: int = 1
    with_distance: bool = True
    time: float = 100.0

    def __post_init__(self) -> None:
        self.mount = Mount(z=self.height)
        self.pilot = Pilot(self.settings, self.mount)
        self.pilot.camera = CAMERA
        self.guard = Guard(self.settings, started=True)
        self.position = np.zeros(3)
        self.yaw = 0.0
        self.motion = STOP
        self.plan: Plan | None = None
        self.reasons: tuple[str, ...] = ()
        self.random = np.random.default_rng(self.seed)
        self._waiting: deque[tuple[Observation, np.ndarray]] = deque()

    def relative(self) -> np.ndarray:
        """The target in the camera's level frame, metres."""
        origin = self.position + np.array([0, 0, self.mount.z])
        return rotation_from_euler(0, 0, self.yaw).T @ (self.target - origin)

    def bearing(self) -> float:
        x, y, _ = self.relative()
        return math.atan2(y, x)

    def gap(self) -> float:
        x, y, _ = self.relative()
        return math.hypot(x, y) - self.settings.robot_radius - self.settings.target_radius

    def observe(self) -> Observation:
        optical = self.mount.rotation().T @ self.relative()
        if optical[2] < 0.2:
            return Observation(self.time, self.delay * PERIOD, State.LOST, (0, 0, 1, 1))
        center = CAMERA.project(optical.reshape(1, 3))[0] + self.random.normal(0, self.noise, 2)
        size = CAMERA.focal * TARGET / optical[2]
        inside = 0 < center[0] < CAMERA.width and 0 < center[1] < CAMERA.height
        box: Box = (*(center - size / 2).tolist(), *size.tolist())
        state = self.state if inside else State.LOST
        score = 0.9 + 0.01 * float(self.random.random())
        return Observation(self.time, self.delay * PERIOD, state, box, score)

    def advance(self) -> None:
        """Move robot and target for the time of one image."""
        m = self.motion
        self.position = self.position + PERIOD * (
            rotation_from_euler(0, 0, self.yaw) @ np.array([m.forward, m.left, m.up])
        )
        self.yaw += m.turn * PERIOD
        self.target = self.target + self.velocity * PERIOD

    def step(self) -> None:
        """One image: move, see, decide."""
        self.time += PERIOD
        self.advance()
        m = self.motion
        now = Now(self.time, self.time)
        pose = Pose(
            self.time,
            self.position,
            rotation_from_euler(0, 0, self.yaw),
            np.array([m.forward, m.left, m.up]),
            np.array([0.0, 0.0, m.turn]),
        )
        self.pilot.own.add(pose)
        self.guard.odometry(float(self.position[2]), now)
        self.guard.enable(True, now)
        self._waiting.append((self.observe(), self.mount.rotation().T @ self.relative()))
        if len(self._waiting) > self.delay:
            self.arrive(*self._waiting.popleft(), now)
        command = self.guard.command(now)
        self.motion, self.reasons = command.motion, command.reasons

    def arrive(self, seen: Observation, position: np.ndarray, now: Now) -> None:
        if self.with_distance and seen.state is not State.LOST:
            self.pilot.measure(seen.stamp, position, 0.05 * float(position[2]))
        self.plan = self.pilot.plan(seen, seen.stamp)
        self.guard.accept(self.plan, seen, now)

    def run(self, seconds: float) -> list[Motion]:
        motions = []
        for _ in range(round(seconds / PERIOD)):
            self.step()
            motions.append(self.motion)
        return motions

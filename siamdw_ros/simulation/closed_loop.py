"""A whole run in simulated time: render, track, plan, command, move, and note everything.

The steps are locked: each image is tracked, however long that takes, and its result takes effect
`latency` seconds of simulated time later. So a run is the same on a fast and on a busy machine.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Camera, Mount, box_center
from siamdw_ros.following.control import STOP, Motion
from siamdw_ros.following.guard import Guard, Now
from siamdw_ros.following.obstacles import points_from_depth
from siamdw_ros.following.pilot import Observation, Pilot, Plan
from siamdw_ros.following.settings import FollowSettings, PoseSettings
from siamdw_ros.following.sources import DepthView, DistanceSources
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.presence import State
from siamdw_ros.simulation.renderer import Picture, Renderer
from siamdw_ros.simulation.scenarios import Actors, Scenario
from siamdw_ros.simulation.vehicles import Quadrotor, Vehicle

Image = NDArray[np.uint8]
VEHICLES = ("base", "drone")
TICKS = 2  # commands between two images
TARGET_RADIUS = 0.3
ROBOT_HEIGHT = 1.0  # metres
EPOCH = 1000.0  # stamp of the first image, seconds


class Result(Protocol):
    """A tracker's result for an image."""

    @property
    def box(self) -> Box:
        """Pixels."""

    @property
    def score(self) -> float:
        """In [0, 1]."""

    @property
    def state(self) -> int:
        """Number of a State."""


class Tracker(Protocol):
    """The interface of a tracker in the closed loop."""

    def init(self, image: Image, box: Box) -> None:
        """Start on a box."""

    def track(self, image: Image) -> Result:
        """Find the target in the next image."""


@dataclass(frozen=True)
class Record:
    """One image of a run.

    Attributes:
        time: since the start, seconds.
        image: what the camera saw, None while it stalls.
        truth: box of the target in it, None where it is not to be seen.
        seen: the tracker's result.
        plan: made from the newest result.
        motion: commanded.
        reasons: why the robot stands or is slowed down.
        robot: position and yaw.
        target: its position.
        bearing: of the target from the robot, radians.
        gap: between their edges, metres.
    """

    time: float
    image: Image | None
    truth: Box | None
    seen: Observation | None
    plan: Plan | None
    motion: Motion
    reasons: tuple[str, ...]
    robot: tuple[float, float, float]
    target: tuple[float, float]
    bearing: float
    gap: float


def vehicle_for(kind: str) -> tuple[Vehicle, FollowSettings]:
    """A vehicle at its start, and how it is to follow.

    Args:
        kind: base or drone.

    Raises:
        ValueError: It is neither.
    """
    if kind not in VEHICLES:
        raise ValueError(f"vehicle '{kind}' is none of {', '.join(VEHICLES)}")
    common = FollowSettings(
        target_radius=TARGET_RADIUS, max_speed=1.2, deadman=False, search_wait=2.0
    )
    if kind == "base":
        mount = Mount(x=0.1, z=0.6)
        return Vehicle(mount), replace(
            common, camera_x=mount.x, camera_z=mount.z, obstacle_source="depth"
        )
    mount = Mount(pitch=0.25)
    drone = Quadrotor(mount, radius=0.3, position=np.array([0.0, 0.0, 2.0]))
    settings = replace(
        common, vehicle="drone", robot_radius=drone.radius, gap=2.0, camera_pitch=mount.pitch,
        elevation=-0.3, min_altitude=1.5, max_altitude=4.0,
    )  # fmt: skip
    return drone, settings


@dataclass
class ClosedLoop:
    """One run of one vehicle through one scenario.

    Attributes:
        scenario: what happens.
        kind: base or drone.
        tracker: that is tried.
        rate: images per second.
        latency: from an image to the tracker's result, seconds.
        seed: of the place.
    """

    scenario: Scenario
    kind: str
    tracker: Tracker
    rate: float = 15.0
    latency: float = 0.05
    seed: int = 3
    _waiting: deque[tuple[float, Observation, Picture]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.camera = Camera.from_field_of_view(640, 480, math.radians(70))
        self.renderer = Renderer(self.camera, self.seed)
        self.actors = Actors(self.scenario, self.seed)
        self.vehicle, self.settings = vehicle_for(self.kind)
        self.pilot = Pilot(self.settings, self.vehicle.mount)
        self.pilot.camera = self.camera
        self.guard = Guard(self.settings, started=True)
        self.sources = DistanceSources(PoseSettings(use_depth=True), self.vehicle.mount)
        self._plan: Plan | None = None
        self._seen: Observation | None = None

    def run(self, progress: Callable[[], None] = lambda: None) -> Iterator[Record]:
        """Run to the scenario's end."""
        period = 1 / self.rate
        for index in range(round(self.scenario.seconds * self.rate)):
            yield self._image(index * period, first=index == 0)
            progress()

    def _image(self, time: float, *, first: bool) -> Record:
        """One image, and the commands until the next one."""
        begin, end = self.scenario.stall
        picture = None
        if not begin <= time < end:
            picture = self.renderer.render(self.vehicle.view(), self.actors.cards(time))
            if first:
                self.tracker.init(picture.image, picture.boxes["target"])
            result = self.tracker.track(picture.image)
            self._seen = Observation(
                EPOCH + time, self.latency, State(result.state), result.box, result.score
            )
            self._waiting.append((time + self.latency, self._seen, picture))
            points = points_from_depth(
                picture.depth, self.camera, self.vehicle.mount, ROBOT_HEIGHT
            )
            now = Now(EPOCH + time, EPOCH + time)
            self.guard.obstacles(points, now)
        motion = STOP
        reasons: tuple[str, ...] = ()
        for tick in range(TICKS):
            motion, reasons = self._command(time + tick / (self.rate * TICKS))
        return self._record(time, picture, motion, reasons)

    def _command(self, time: float) -> tuple[Motion, tuple[str, ...]]:
        """Take over the results that are due, decide on a command and carry it out."""
        now = Now(EPOCH + time, EPOCH + time)
        self.pilot.own.add(self.vehicle.pose(now.ros))
        self.guard.odometry(float(self.vehicle.position[2]), now)
        while self._waiting and self._waiting[0][0] <= time + 1e-9:
            _, seen, picture = self._waiting.popleft()
            self._measure(seen, picture)
            self._plan = self.pilot.plan(seen, seen.stamp)
            self.guard.accept(self._plan, seen, now)
        command = self.guard.command(now)
        self.vehicle.step(command.motion, 1 / (self.rate * TICKS))
        return command.motion, command.reasons

    def _measure(self, seen: Observation, picture: Picture) -> None:
        """Measure the position by depth as target_pose does, while the target is seen."""
        if seen.state not in (State.TRACKED, State.UNCERTAIN):
            return
        size = (self.camera.width, self.camera.height)
        distance = self.sources.measure(
            "target", seen.box, self.camera, seen.stamp, DepthView(picture.depth, size)
        )
        if distance is not None:
            ray = self.camera.rays(np.array([box_center(seen.box)]))[0]
            self.pilot.measure(seen.stamp, ray * distance.metres, distance.sigma)

    def _record(
        self,
        time: float,
        picture: Picture | None,
        motion: Motion,
        reasons: tuple[str, ...],
    ) -> Record:
        target = self.actors.target(time)
        away = target - self.vehicle.position
        heading = math.atan2(float(away[1]), float(away[0])) - self.vehicle.yaw
        distance = math.hypot(float(away[0]), float(away[1]))
        truth = picture.boxes.get("target") if picture else None
        if truth is not None:
            center = box_center(truth)
            if not (0 < center[0] < self.camera.width and 0 < center[1] < self.camera.height):
                truth = None
        return Record(
            time,
            picture.image if picture else None,
            truth,
            self._seen,
            self._plan,
            motion,
            reasons,
            (float(self.vehicle.position[0]), float(self.vehicle.position[1]), self.vehicle.yaw),
            (float(target[0]), float(target[1])),
            (heading + math.pi) % (2 * math.pi) - math.pi,
            distance - self.vehicle.radius - TARGET_RADIUS,
        )

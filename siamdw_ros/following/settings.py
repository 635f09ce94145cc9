"""What can be set of the two nodes: each value with its default, its limits and what it does.

A settings class is a frozen dataclass whose fields are made by :func:`option`. The nodes declare
them as ROS parameters, see parameters.py.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

VEHICLES = ("differential", "omni", "ackermann", "pan_tilt", "drone")
OBSTACLE_SOURCES = ("none", "scan", "depth")


@dataclass(frozen=True)
class Option:
    """What is known about one value beside its default.

    Attributes:
        description: one sentence, with the unit.
        limits: smallest and largest value, None: any.
        envelope: +1 where a smaller value is safer, -1 where a larger one is, 0 for others. While
            the node runs such a value can be made safer than at the start, but not less safe.
        fixed: read at the start only.
    """

    description: str
    limits: tuple[Any, Any] | None = None
    envelope: int = 0
    fixed: bool = False


def option(
    default: Any,
    description: str,
    limits: tuple[Any, Any] | None = None,
    *,
    envelope: int = 0,
    fixed: bool = False,
) -> Any:
    """Make a field of a settings class."""
    made = Option(description, limits, envelope, fixed)
    return dataclasses.field(default=default, metadata={"option": made})


@dataclass(frozen=True)
class MountSettings:
    """How the camera sits on the robot."""

    camera_x: float = option(0.0, "camera forward of the robot's origin, m", (-10.0, 10.0))
    camera_y: float = option(0.0, "camera left of the robot's origin, m", (-10.0, 10.0))
    camera_z: float = option(
        0.0,
        "camera above the ground, m; 0: not known, the ground is not used",
        (0.0, 10.0),
    )
    camera_pitch: float = option(0.0, "positive: the camera looks down, rad", (-1.6, 1.6))
    camera_yaw: float = option(0.0, "positive: the camera looks left, rad", (-3.2, 3.2))
    rectified: bool = option(
        False, "the tracker works in the rectified image: P of CameraInfo counts, not K and D"
    )


@dataclass(frozen=True)
class PoseSettings(MountSettings):
    """Settings of the target_pose node."""

    target_id: str = option("", "which target; empty: the first one that is seen")
    use_depth: bool = option(
        False, "subscribe to depth images, registered to the camera's", fixed=True
    )
    depth_tolerance: float = option(
        0.06, "most seconds between an image and its depth image", (0.0, 1.0)
    )
    target_height: float = option(0.0, "known height of the target, m; 0: not known", (0.0, 50.0))
    target_width: float = option(0.0, "known width of the target, m; 0: not known", (0.0, 50.0))
    start_distance: float = option(
        0.0,
        "distance of the target when it was first seen, m; 0: not known. Without another source "
        "the box's size against its first size then gives the distance",
        (0.0, 100.0),
    )
    max_target_speed: float = option(
        4.0, "at which the distance can change, m/s; faster jumps are rejected", (0.1, 100.0)
    )
    fixed_frame: str = option(
        "odom", "frame of the poses, needs TF; empty: the camera's frame", fixed=True
    )
    target_frame: str = option(
        "", "child frame that is published on TF while the target is seen; empty: none"
    )

    def check(self) -> None:
        """See whether the values fit together; they all do."""


@dataclass(frozen=True)
class FollowSettings(MountSettings):
    """Settings of the follower node."""

    vehicle: str = option("differential", f"one of {', '.join(VEHICLES)}", fixed=True)
    target_id: str = option("", "which target; empty: the first one of the tracker")
    gap: float = option(
        1.0,
        "distance to keep between the robot's edge and the target's, m; 0: that at the start",
        (0.0, 50.0),
    )
    robot_radius: float = option(0.2, "of the robot's footprint, m", (0.0, 5.0))
    target_radius: float = option(0.25, "of the target, m", (0.0, 5.0))
    elevation: float = option(
        0.0, "drone: angle above the horizon at which to hold the target, rad", (-1.5, 1.5)
    )

    max_speed: float = option(0.5, "m/s", (0.0, 20.0), envelope=1)
    max_reverse: float = option(
        0.0, "backwards, m/s; 0: the robot never drives backwards", (0.0, 20.0), envelope=1
    )
    max_turn: float = option(1.0, "rad/s", (0.0, 10.0), envelope=1)
    max_climb: float = option(0.5, "drone: up and down, m/s", (0.0, 10.0), envelope=1)
    max_acceleration: float = option(0.8, "m/s^2", (0.01, 20.0), envelope=1)
    max_deceleration: float = option(2.0, "m/s^2", (0.01, 20.0), envelope=1)
    max_turn_acceleration: float = option(3.0, "rad/s^2", (0.01, 50.0), envelope=1)
    max_jerk: float = option(4.0, "m/s^3", (0.1, 1000.0), envelope=1)
    max_turn_jerk: float = option(20.0, "rad/s^3", (0.1, 1000.0), envelope=1)
    min_altitude: float = option(
        1.0, "drone: lowest height of the odometry, m", (-1e4, 1e4), envelope=-1
    )
    max_altitude: float = option(
        10.0, "drone: largest height of the odometry, m", (-1e4, 1e4), envelope=1
    )
    min_turning_radius: float = option(0.6, "ackermann: m", (0.05, 50.0), envelope=-1)

    turn_gain: float = option(1.8, "rad/s for a bearing of 1 rad", (0.0, 10.0))
    approach_gain: float = option(0.9, "m/s for a distance error of 1 m", (0.0, 10.0))
    climb_gain: float = option(1.0, "1/s", (0.0, 10.0))
    feed_forward: float = option(0.9, "share of the target's own speed that is added", (0.0, 1.0))
    bearing_dead_zone: float = option(0.04, "rad", (0.0, 1.0))
    distance_dead_zone: float = option(0.08, "m", (0.0, 10.0))

    stale_from: float = option(
        0.2, "age of an image from which on the command decays, s", (0.01, 0.2), envelope=1
    )
    stale_at: float = option(
        0.4, "age of an image from which on the command is zero, s", (0.02, 0.5), envelope=1
    )
    deadman: bool = option(True, "drive only while ~/enable is true", fixed=True)
    deadman_timeout: float = option(0.3, "age of that message, s", (0.05, 0.3), envelope=1)
    use_odometry: bool = option(
        True, "subscribe to odom; false: the robot's motion is taken from the commands", fixed=True
    )
    obstacle_source: str = option(
        "none", f"one of {', '.join(OBSTACLE_SOURCES)}: what sees obstacles", fixed=True
    )
    obstacle_margin: float = option(
        0.25, "distance to keep to obstacles, beyond the footprint, m", (0.0, 5.0), envelope=-1
    )

    search_wait: float = option(1.0, "stand so long after a loss before searching, s", (0.0, 60.0))
    search_seconds: float = option(20.0, "search so long, then give up; 0: never", (0.0, 3600.0))
    search_turn: float = option(0.4, "rad/s", (0.0, 10.0), envelope=1)
    search_sweep: float = option(1.57, "to each side of where it was lost, rad", (0.0, 3.1))
    confirmations: int = option(
        5, "images in a row with the target until the robot drives again", (1, 1000)
    )
    command_rate: float = option(30.0, "commands a second", (5.0, 200.0), fixed=True)
    stamped: bool = option(True, "TwistStamped on cmd_vel; false: Twist", fixed=True)
    command_frame: str = option("base_link", "frame_id of the commands", fixed=True)

    def check(self) -> None:
        """See whether the values fit together.

        Raises:
            ValueError: they do not.
        """
        if self.vehicle not in VEHICLES:
            raise ValueError(f"vehicle '{self.vehicle}' is none of {', '.join(VEHICLES)}")
        if self.obstacle_source not in OBSTACLE_SOURCES:
            raise ValueError(
                f"obstacle_source '{self.obstacle_source}' is none of "
                f"{', '.join(OBSTACLE_SOURCES)}"
            )
        if self.stale_from >= self.stale_at:
            raise ValueError(
                f"stale_from {self.stale_from:g} s must be below stale_at {self.stale_at:g} s"
            )
        if self.min_altitude > self.max_altitude:
            raise ValueError("min_altitude is above max_altitude")


def loosened(first: FollowSettings, changed: FollowSettings) -> str:
    """Return which safety limit of `changed` is less safe than at the start; empty if none is."""
    for field in dataclasses.fields(first):
        side = field.metadata["option"].envelope
        before = getattr(first, field.name)
        after = getattr(changed, field.name)
        if side * (after - before) > 0 if side else False:
            word = "above" if side > 0 else "below"
            return (
                f"{field.name} {after:g} is {word} {before:g}, its value at the start: safety "
                "limits can only be tightened while the node runs"
            )
    return ""


def table(kind: type) -> str:
    """The settings of a class as a Markdown table, as the pages have it."""
    lines = ["| parameter | default | range | |", "| --- | --- | --- | --- |"]
    for field in dataclasses.fields(kind):
        known: Option = field.metadata["option"]
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        default = "" if default == ("",) else default  # ROS has no empty lists of strings
        limits = f"{known.limits[0]:g} to {known.limits[1]:g}" if known.limits else ""
        notes = [known.description]
        if known.fixed:
            notes.append("read at the start")
        if known.envelope:
            notes.append("can only be tightened")
        shown = f"`{default}`" if default != "" else "empty"
        lines.append(f"| `{field.name}` | {shown} | {limits} | {'; '.join(notes)} |")
    return "\n".join(lines) + "\n"

"""The parameters of target_pose and follower, see ros/parameters.py for their declaration."""

from dataclasses import dataclass

from siamdw_ros.ros.parameters import ParameterSet, Read, parameter

VEHICLES = ("differential", "omni", "ackermann", "pan_tilt", "drone")
OBSTACLE_SOURCES = ("none", "scan", "depth")


@dataclass(frozen=True)
class MountSettings(ParameterSet):
    """How the camera sits on the robot."""

    camera_x: float = parameter(
        0.0, "position of the camera forward of the robot's origin, m", (-10.0, 10.0)
    )
    camera_y: float = parameter(
        0.0, "position of the camera to the left of the robot's origin, m", (-10.0, 10.0)
    )
    camera_z: float = parameter(
        0.0,
        "height of the camera above the ground, m; 0: not known, the ground is not used",
        (0.0, 10.0),
    )
    camera_pitch: float = parameter(
        0.0, "pitch of the camera, rad; positive: it looks down", (-1.6, 1.6)
    )
    camera_yaw: float = parameter(
        0.0, "yaw of the camera, rad; positive: it looks left", (-3.2, 3.2)
    )
    rectified: bool = parameter(
        False, "the tracker works in the rectified image: P of CameraInfo counts, not K and D"
    )


@dataclass(frozen=True)
class PoseSettings(MountSettings):
    """Settings of the target_pose node."""

    target_id: str = parameter(
        "", "id of the target to locate; empty: the first one of the tracker"
    )
    use_depth: bool = parameter(
        False, "subscribe to depth images, registered to the camera's images", read=Read.START
    )
    depth_tolerance: float = parameter(
        0.06,
        "largest difference between the stamps of an image and its depth image, s",
        (0.0, 1.0),
    )
    target_height: float = parameter(
        0.0, "known height of the target, m; 0: not known", (0.0, 50.0)
    )
    target_width: float = parameter(0.0, "known width of the target, m; 0: not known", (0.0, 50.0))
    start_distance: float = parameter(
        0.0,
        "distance of the target when it was first seen, m; 0: not known. Without another source "
        "the box's size against its first size then gives the distance",
        (0.0, 100.0),
    )
    max_target_speed: float = parameter(
        4.0,
        "largest speed at which the target's distance can change, m/s; faster jumps are rejected",
        (0.1, 100.0),
    )
    fixed_frame: str = parameter(
        "odom",
        "frame of the published poses, needs TF; empty: the camera's frame",
        read=Read.START,
    )
    target_frame: str = parameter(
        "", "child frame that is published on TF while the target is seen; empty: none"
    )


@dataclass(frozen=True)
class FollowSettings(MountSettings):
    """Settings of the follower node."""

    vehicle: str = parameter(
        "differential", f"kind of vehicle: one of {', '.join(VEHICLES)}", read=Read.START
    )
    target_id: str = parameter(
        "", "id of the target to follow; empty: the first one of the tracker"
    )
    gap: float = parameter(
        1.0,
        "distance to keep between the edges of robot and target, m; 0: the one at the start",
        (0.0, 50.0),
    )
    robot_radius: float = parameter(0.2, "radius of the robot's footprint, m", (0.0, 5.0))
    target_radius: float = parameter(0.25, "radius of the target's footprint, m", (0.0, 5.0))
    elevation: float = parameter(
        0.0, "drone: angle above the horizon at which to hold the target, rad", (-1.5, 1.5)
    )

    max_speed: float = parameter(0.5, "largest forward speed, m/s", (0.0, 20.0), envelope=1)
    max_reverse: float = parameter(
        0.0,
        "largest backward speed, m/s; 0: the robot never drives backwards",
        (0.0, 20.0),
        envelope=1,
    )
    max_turn: float = parameter(1.0, "largest turn rate, rad/s", (0.0, 10.0), envelope=1)
    max_climb: float = parameter(
        0.5, "drone: largest vertical speed, m/s", (0.0, 10.0), envelope=1
    )
    max_acceleration: float = parameter(
        0.8, "largest linear acceleration, m/s^2", (0.01, 20.0), envelope=1
    )
    max_deceleration: float = parameter(
        2.0, "largest linear deceleration, m/s^2", (0.01, 20.0), envelope=1
    )
    max_turn_acceleration: float = parameter(
        3.0, "largest change of the turn rate, rad/s^2", (0.01, 50.0), envelope=1
    )
    max_jerk: float = parameter(
        4.0, "largest change of the linear acceleration, m/s^3", (0.1, 1000.0), envelope=1
    )
    max_turn_jerk: float = parameter(
        20.0, "largest change of the turn acceleration, rad/s^3", (0.1, 1000.0), envelope=1
    )
    min_altitude: float = parameter(
        1.0, "drone: lowest height of the odometry, m", (-1e4, 1e4), envelope=-1
    )
    max_altitude: float = parameter(
        10.0, "drone: largest height of the odometry, m", (-1e4, 1e4), envelope=1
    )
    min_turning_radius: float = parameter(
        0.6, "ackermann: smallest radius of a curve, m", (0.05, 50.0), envelope=-1
    )

    turn_gain: float = parameter(1.8, "turn rate per radian of bearing, 1/s", (0.0, 10.0))
    approach_gain: float = parameter(0.9, "speed per metre of distance error, 1/s", (0.0, 10.0))
    climb_gain: float = parameter(
        1.0, "drone: vertical speed per metre of height error, 1/s", (0.0, 10.0)
    )
    feed_forward: float = parameter(
        0.9, "share of the target's own motion that is added to the command", (0.0, 1.0)
    )
    bearing_dead_zone: float = parameter(
        0.04, "angle to the target below which the robot does not turn or climb, rad", (0.0, 1.0)
    )
    distance_dead_zone: float = parameter(
        0.08, "distance error below which the robot does not drive, m", (0.0, 10.0)
    )

    stale_from: float = parameter(
        0.2, "age of an image from which on the command decays, s", (0.01, 0.2), envelope=1
    )
    stale_at: float = parameter(
        0.4, "age of an image from which on the command is zero, s", (0.02, 0.5), envelope=1
    )
    deadman: bool = parameter(True, "drive only while ~/enable is true", read=Read.START)
    deadman_timeout: float = parameter(
        0.3,
        "age of the last message on ~/enable from which on the robot stops, s",
        (0.05, 0.3),
        envelope=1,
    )
    use_odometry: bool = parameter(
        True,
        "subscribe to odom; false: integrate the commands instead",
        read=Read.START,
    )
    obstacle_source: str = parameter(
        "none", f"sensor of obstacles: one of {', '.join(OBSTACLE_SOURCES)}", read=Read.START
    )
    scan_x: float = parameter(
        0.0, "position of the laser scanner forward of the robot's origin, m", (-10.0, 10.0)
    )
    scan_y: float = parameter(
        0.0,
        "position of the laser scanner to the left of the robot's origin, m",
        (-10.0, 10.0),
    )
    scan_yaw: float = parameter(
        0.0,
        "direction of the scan's angle 0 on the robot, rad; 0: forward, positive: to the left",
        (-3.2, 3.2),
    )
    scan_ignore: float = parameter(
        0.0,
        "distance from the laser scanner below which readings within robot_radius are parts of "
        "the robot, m; 0: every reading counts",
        (0.0, 2.0),
        envelope=1,
    )
    obstacle_margin: float = parameter(
        0.25, "distance to keep to obstacles, beyond the footprint, m", (0.0, 5.0), envelope=-1
    )

    search_wait: float = parameter(
        1.0, "time to stand after a loss before searching, s", (0.0, 60.0)
    )
    search_seconds: float = parameter(
        20.0, "time to search before giving up, s; 0: no limit", (0.0, 3600.0)
    )
    search_turn: float = parameter(
        0.4, "turn rate while searching for a lost target, rad/s", (0.0, 10.0), envelope=1
    )
    search_sweep: float = parameter(
        1.57, "angle of the search to each side of where the target was lost, rad", (0.0, 3.1)
    )
    confirmations: int = parameter(
        5, "consecutive images with a re-acquired target before the robot drives again", (1, 1000)
    )
    command_rate: float = parameter(
        30.0, "commands per second on cmd_vel", (5.0, 200.0), read=Read.START
    )
    stamped: bool = parameter(
        True, "publish TwistStamped on cmd_vel; false: Twist", read=Read.START
    )
    command_frame: str = parameter("base_link", "frame_id of the commands", read=Read.START)

    def check(self) -> None:
        """Check whether the values fit together."""
        if self.vehicle not in VEHICLES:
            raise ValueError(f"vehicle '{self.vehicle}' is none of {', '.join(VEHICLES)}")
        if self.obstacle_source not in OBSTACLE_SOURCES:
            raise ValueError(
                f"obstacle_source '{self.obstacle_source}' is none of "
                f"{', '.join(OBSTACLE_SOURCES)}"
            )
        if self.obstacle_source == "depth" and (self.vehicle == "drone" or not self.camera_z):
            raise ValueError(
                "obstacle_source depth is for a ground vehicle with camera_z, the height of its "
                "camera above the ground: depth points are obstacles from the ground up"
            )
        if self.vehicle == "pan_tilt" and self.use_odometry:
            raise ValueError(
                "vehicle pan_tilt needs use_odometry false: odom is that of the base, and the "
                "camera turns with the head"
            )
        if self.stale_from >= self.stale_at:
            raise ValueError(
                f"stale_from {self.stale_from:g} s must be below stale_at {self.stale_at:g} s"
            )
        if self.min_altitude > self.max_altitude:
            raise ValueError("min_altitude is above max_altitude")

"""Conversions between ROS messages and the values of the modules without ROS."""

import math
import time
from collections.abc import Mapping

import numpy as np
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from siamdw_msgs.msg import TargetState, TrackerStatus
from vision_msgs.msg import BoundingBox2D

from siamdw_ros.following.camera import (
    CalibrationError,
    Camera,
    Matrix,
    Mount,
    rotation_from_quaternion,
)
from siamdw_ros.following.control import Motion
from siamdw_ros.following.obstacles import on_robot, points_from_scan
from siamdw_ros.following.own_motion import Pose
from siamdw_ros.following.pilot import Observation
from siamdw_ros.following.settings import FollowSettings, MountSettings
from siamdw_ros.ros.conversions import box_from_message, seconds
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.presence import State

DEPTH_TYPES = {"16UC1": np.uint16, "mono16": np.uint16, "32FC1": np.float32}
MAX_PIXELS = 2**26
MAX_WAIT = 2.0  # seconds; a longer wait is a jump of the system clock


def waited(info: Mapping[str, int]) -> float:
    """Return how long a message has waited for its callback, seconds.

    Args:
        info: MessageInfo that rclpy gives to a subscription's callback.
    """
    received = info["received_timestamp"]  # system clock, ns; 0: this middleware has none
    if received <= 0:
        return 0.0
    return min(max((time.time_ns() - received) * 1e-9, 0.0), MAX_WAIT)


def mount_from(settings: MountSettings) -> Mount:
    """Return the camera's mount."""
    return Mount(
        settings.camera_x,
        settings.camera_y,
        settings.camera_z,
        settings.camera_pitch,
        settings.camera_yaw,
    )


def camera_from(info: CameraInfo, *, rectified: bool) -> Camera:
    """Return the camera of the image that a CameraInfo describes.

    K and P are those of the sensor's full image. The image itself is its region of interest,
    binned: image_geometry's PinholeCameraModel scales and shifts them in the same way.

    Args:
        info: CameraInfo of the raw image.
        rectified: The tracker works in the rectified image, which has no distortion.

    Raises:
        CalibrationError: The camera is not calibrated, or its region of interest is not possible.
    """
    x, y, width, height = _region_of_interest(info)
    binning = max(info.binning_x, 1), max(info.binning_y, 1)  # 0: none, as 1
    to_image = np.diag([1 / binning[0], 1 / binning[1], 1.0])
    to_image = to_image @ np.array([[1.0, 0.0, -x], [0.0, 1.0, -y], [0.0, 0.0, 1.0]])
    size = width // binning[0], height // binning[1]
    if rectified:
        matrix = to_image @ np.array(info.p, np.float64).reshape(3, 4)[:, :3]
        return Camera.from_calibration(matrix, np.zeros(0), *size, source="p")
    matrix = to_image @ np.array(info.k, np.float64).reshape(3, 3)
    return Camera.from_calibration(matrix, np.array(info.d), *size, info.distortion_model)


def _region_of_interest(info: CameraInfo) -> tuple[int, int, int, int]:
    """Return the region of the full image that the image shows, (x, y, w, h), before binning.

    Raises:
        CalibrationError: It is not within the full image.
    """
    roi = info.roi
    if not (roi.x_offset or roi.y_offset or roi.width or roi.height):
        return 0, 0, info.width, info.height
    if not (
        0 < roi.width <= info.width - roi.x_offset and 0 < roi.height <= info.height - roi.y_offset
    ):
        raise CalibrationError(
            f"CameraInfo.roi of {roi.width}x{roi.height} px at ({roi.x_offset}, {roi.y_offset}) "
            f"is not within the full image of {info.width}x{info.height} px"
        )
    return roi.x_offset, roi.y_offset, roi.width, roi.height


def box_from(bbox: BoundingBox2D) -> Box:
    """Convert a box to (x, y, w, h) with the top-left corner, pixels.

    Raises:
        ValueError: The box is not finite, or has no area.
    """
    box = box_from_message(bbox)
    if not all(map(math.isfinite, box)):
        raise ValueError("a bounding box has values that are not finite")
    width, height = box[2:]
    if width <= 0 or height <= 0:
        raise ValueError(f"bounding box of {width:g}x{height:g} px: its sides must be positive")
    return box


def depth_pixels(message: Image) -> NDArray[np.generic]:
    """Return the H x W depth pixels of an image message, uint16 or float32, as a view.

    Raises:
        ValueError: It is no depth image, or its data is too short.
    """
    dtype = DEPTH_TYPES.get(message.encoding)
    if dtype is None:
        raise ValueError(
            f"depth image has encoding '{message.encoding}': expected {', '.join(DEPTH_TYPES)}"
        )
    item = np.dtype(dtype).itemsize
    width, height, step = message.width, message.height, message.step
    if not 0 < width * height <= MAX_PIXELS or step < width * item or step % item:
        raise ValueError(f"depth image of {width}x{height} px has step {step}")
    if len(message.data) < step * height:
        raise ValueError(f"depth image has {len(message.data)} bytes, expected {step * height}")
    kind = np.dtype(dtype).newbyteorder(">" if message.is_bigendian else "<")
    rows = np.frombuffer(message.data, kind, count=height * step // item)
    pixels = rows.reshape(height, step // item)[:, :width]
    return np.asarray(pixels, dtype)


def observation_from(status: TrackerStatus, target_id: str) -> Observation | None:
    """Return the observation of a target in a tracker's status; None if it is not there.

    Args:
        status: Status after an image.
        target_id: Id of the target; empty: the first one.

    Raises:
        ValueError: The target is seen, but its box is not possible.
    """
    chosen = [t for t in status.targets if not target_id or t.id == target_id]
    if not chosen:
        return None
    target: TargetState = chosen[0]
    state = State(target.state)
    visible = state in (State.TRACKED, State.UNCERTAIN)
    return Observation(
        seconds(status.header.stamp),
        max(float(status.latency_ms), 0.0) / 1e3 if math.isfinite(status.latency_ms) else 0.0,
        state,
        box_from(target.bbox) if visible else (0.0, 0.0, 1.0, 1.0),
        float(target.score),
        target.id,
    )


def pose_from(odometry: Odometry) -> Pose:
    """Return the robot's pose and velocity.

    Raises:
        ValueError: The message has values that are not finite, or no orientation.
    """
    where = odometry.pose.pose.position
    q = odometry.pose.pose.orientation
    linear = odometry.twist.twist.linear
    angular = odometry.twist.twist.angular
    vectors = [np.array([v.x, v.y, v.z]) for v in (where, linear, angular)]
    if not all(np.isfinite(vector).all() for vector in vectors):
        raise ValueError("odometry has values that are not finite")
    rotation = rotation_from_quaternion(q.x, q.y, q.z, q.w)
    return Pose(seconds(odometry.header.stamp), vectors[0], rotation, vectors[1], vectors[2])


def obstacles_from(scan: LaserScan, settings: FollowSettings) -> Matrix:
    """Return the points of a laser scanner, n x 2, forward and left of the robot's origin, metres.

    Args:
        scan: Scan of a scanner that stands upright.
        settings: Where it sits on the robot. TF is not used: where it is missing or wrong, the
            robot would take a wall ahead for one beside it.

    Raises:
        ValueError: The scan has no readings, or its angles or limits are not possible.
    """
    points = points_from_scan(
        np.array(scan.ranges),
        scan.angle_min,
        scan.angle_increment,
        (scan.range_min, scan.range_max),
    )
    return on_robot(points, settings)


def twist_from(motion: Motion) -> Twist:
    """Return velocities as a Twist (REP 103): a tilt is about y, positive looks down."""
    twist = Twist()
    twist.linear.x = motion.forward
    twist.linear.y = motion.left
    twist.linear.z = motion.up
    twist.angular.y = -motion.tilt
    twist.angular.z = motion.turn
    return twist

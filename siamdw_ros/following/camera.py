"""Pixels and rays: a calibrated camera, and how it is mounted on the robot."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Box

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Columns: the optical axes x (right), y (down) and z (forward) in robot axes (REP 103).
OPTICAL_IN_ROBOT: Matrix = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
# Numbers of coefficients with which OpenCV undistorts, for each model. Some drivers name none.
OPENCV_COUNTS = (4, 5, 8, 12, 14)
DISTORTION_COUNTS = {
    "plumb_bob": OPENCV_COUNTS,
    "rational_polynomial": OPENCV_COUNTS,
    "equidistant": (4,),
    "": OPENCV_COUNTS,
}


class CalibrationError(ValueError):
    """A calibration that describes no camera; the message has the reason."""


@dataclass(frozen=True)
class Camera:
    """A calibrated camera, as sensor_msgs/CameraInfo describes it.

    Attributes:
        matrix: 3 x 3, pixels.
        distortion: Coefficients of the model, empty for a rectified image.
        width: Width of the image, pixels.
        height: Height of the image, pixels.
        model: plumb_bob or rational_polynomial (OpenCV's), equidistant (fisheye).
    """

    matrix: Matrix
    distortion: Vector
    width: int
    height: int
    model: str = "plumb_bob"

    @classmethod
    def from_calibration(
        cls,
        k: Vector,
        d: Vector,
        width: int,
        height: int,
        model: str = "plumb_bob",
        source: str = "k",
    ) -> "Camera":
        """Build a camera from the fields of a CameraInfo.

        Args:
            k: Camera matrix, 3 x 3 or its 9 values row by row.
            d: Distortion coefficients.
            width: Width of the image, pixels.
            height: Height of the image, pixels.
            model: Name of the distortion model.
            source: Field of the CameraInfo that has the matrix, k or p, for messages.

        Raises:
            CalibrationError: The camera is not calibrated, or its distortion is not possible.
        """
        matrix = np.asarray(k, np.float64).reshape(3, 3)
        distortion = np.asarray(d, np.float64)
        if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
            raise CalibrationError(
                f"CameraInfo.{source} has focal lengths {matrix[0, 0]:g} and {matrix[1, 1]:g} px: "
                "calibrate the camera" + (", or set rectified to false" if source == "p" else "")
            )
        if width <= 0 or height <= 0:
            raise CalibrationError(f"CameraInfo has size {width}x{height}: set width and height")
        if model not in DISTORTION_COUNTS:
            known = ", ".join(filter(None, DISTORTION_COUNTS))
            raise CalibrationError(f"distortion model '{model}' is none of {known}")
        if not np.isfinite(distortion).all():
            raise CalibrationError("CameraInfo.d has values that are not finite")
        if model == "equidistant" and not distortion[4:].any():
            distortion = distortion[:4]  # some drivers append zeros
        counts = DISTORTION_COUNTS[model]
        if distortion.any() and len(distortion) not in counts:
            raise CalibrationError(
                f"CameraInfo.d has {len(distortion)} values, "
                f"expected {' or '.join(map(str, counts))} for {model or 'plumb_bob'}"
            )
        return cls(matrix, distortion, width, height, model)

    @classmethod
    def from_field_of_view(cls, width: int, height: int, horizontal: float) -> "Camera":
        """Build an ideal camera with square pixels.

        Args:
            width: Width of the image, pixels.
            height: Height of the image, pixels.
            horizontal: Field of view, radians.
        """
        focal = width / (2 * math.tan(horizontal / 2))
        k = np.array([focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1.0])
        return cls.from_calibration(k, np.zeros(0), width, height)

    @property
    def focal(self) -> Vector:
        """Return the focal lengths in x and y, pixels."""
        return np.array([self.matrix[0, 0], self.matrix[1, 1]])

    def normalized(self, pixels: Vector) -> Vector:
        """Undistort pixels: n x 2 pixels to n x 2 coordinates on the plane z = 1."""
        points = np.asarray(pixels, np.float64).reshape(-1, 1, 2)
        if not self.distortion.any():
            center = self.matrix[:2, 2]
            return np.asarray((points[:, 0] - center) / self.focal)
        if self.model == "equidistant":
            undistorted = cv2.fisheye.undistortPoints(points, self.matrix, self.distortion)
        else:
            undistorted = cv2.undistortPoints(points, self.matrix, self.distortion)
        return np.asarray(undistorted[:, 0], np.float64)

    def rays(self, pixels: Vector) -> Matrix:
        """Return unit vectors towards pixels: n x 2 pixels to n x 3 in the optical frame."""
        plane = self.normalized(pixels)
        directions = np.column_stack([plane, np.ones(len(plane))])
        return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True))

    def project(self, points: Matrix) -> Vector:
        """Project points without distortion: n x 3 in the optical frame to n x 2 pixels."""
        plane = points[:, :2] / points[:, 2:]
        return np.asarray(plane * self.focal + self.matrix[:2, 2])

    def angles(self, pixel: tuple[float, float]) -> tuple[float, float]:
        """Return bearing (left positive) and elevation (up positive) of a pixel, radians."""
        return bearing_and_elevation(OPTICAL_IN_ROBOT @ self.rays(np.array([pixel]))[0])

    def horizontal_field_of_view(self) -> float:
        """Return the angle between the image's left and right edge at its middle row, radians."""
        middle = self.height / 2
        left = self.angles((0.0, middle))[0]
        return left - self.angles((float(self.width), middle))[0]


@dataclass(frozen=True)
class Mount:
    """Position and direction of the camera on the robot.

    Attributes:
        x: Distance forward of the robot's origin, metres.
        y: Distance to the left of the robot's origin, metres.
        z: Height above the ground, on which the robot's origin is, metres; 0: not known.
        pitch: Radians; positive: the camera looks down (REP 103).
        yaw: Radians; positive: the camera looks left.
    """

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0

    def rotation(self) -> Matrix:
        """Return the rotation from the optical frame to the robot frame, 3 x 3."""
        return rotation_from_euler(0.0, self.pitch, self.yaw) @ OPTICAL_IN_ROBOT

    def origin(self) -> Vector:
        """Return the camera's position in the robot frame, metres."""
        return np.array([self.x, self.y, self.z])


def box_center(box: Box) -> tuple[float, float]:
    """Return the centre of a box, pixels."""
    x, y, width, height = box
    return x + width / 2, y + height / 2


def bearing_and_elevation(direction: Vector) -> tuple[float, float]:
    """Return the angles of a direction in robot axes: left and up positive, radians."""
    x, y, z = (float(value) for value in direction)
    return math.atan2(y, x), math.atan2(z, math.hypot(x, y))


def rotation_from_euler(roll: float, pitch: float, yaw: float) -> Matrix:
    """Return the rotation about fixed axes x, then y, then z, 3 x 3; radians."""
    cr, sr = math.cos(roll), math.sin(roll)
    cp, sp = math.cos(pitch), math.sin(pitch)
    cy, sy = math.cos(yaw), math.sin(yaw)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def rotation_from_quaternion(x: float, y: float, z: float, w: float) -> Matrix:
    """Return the rotation of a quaternion of any length but zero, 3 x 3."""
    length = math.sqrt(x * x + y * y + z * z + w * w)
    if not length > 0 or not math.isfinite(length):
        raise ValueError(f"quaternion ({x:g}, {y:g}, {z:g}, {w:g}) is not a rotation")
    x, y, z, w = x / length, y / length, z / length, w / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def wrap(angle: float) -> float:
    """Return the same angle in [-pi, pi), radians."""
    return (angle + math.pi) % (2 * math.pi) - math.pi

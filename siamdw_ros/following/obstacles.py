"""Obstacle points from a laser scan or a depth image, and the clearance ahead of the robot."""

import math

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Camera, Matrix, Mount, Vector
from siamdw_ros.following.ranging import depth_in_metres

REACTION_SECONDS = 0.25  # time from a reading until the robot brakes
GROUND_CLEARANCE = 0.08  # metres above the ground: depth points below this are the ground
DEPTH_STRIDE = 8  # every eighth pixel in both directions is used


def points_from_scan(
    ranges: Vector,
    angle_min: float,
    angle_increment: float,
    limits: tuple[float, float],
) -> Matrix:
    """Return the points of a laser scan without readings outside the sensor's limits.

    Args:
        ranges: Metres.
        angle_min: Angle of the first range, left positive, radians.
        angle_increment: Radians.
        limits: Smallest and largest range of the sensor, metres.

    Returns:
        n x 2, forward and left of the sensor, metres.
    """
    values = np.asarray(ranges, np.float64)
    angles = angle_min + angle_increment * np.arange(len(values))
    valid = np.isfinite(values) & (values >= limits[0]) & (values <= limits[1]) & (values > 0)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])[valid]
    return np.asarray(directions * values[valid, None])


def points_from_depth(
    pixels: NDArray[np.generic], camera: Camera, mount: Mount, height: float
) -> Matrix:
    """Return the points of a depth image between the ground and the robot's height.

    Args:
        pixels: H x W, uint16 in millimetres or float32 in metres.
        camera: Camera of the image that the depth is registered to.
        mount: Mount of that camera on the robot.
        height: Height under which the robot cannot pass, metres.

    Returns:
        n x 2, forward and left of the robot's origin, metres.
    """
    rows, columns = pixels.shape[:2]
    depth = depth_in_metres(pixels[::DEPTH_STRIDE, ::DEPTH_STRIDE])
    grid = np.mgrid[0:rows:DEPTH_STRIDE, 0:columns:DEPTH_STRIDE].reshape(2, -1)[::-1].T + 0.5
    scale = np.array([camera.width / columns, camera.height / rows])
    plane = camera.normalized(grid * scale)
    z = depth.reshape(-1, 1).astype(np.float64)
    valid = np.isfinite(z[:, 0])
    optical = np.column_stack([plane * z, z])[valid]
    robot = optical @ mount.rotation().T + mount.origin()
    blocking = (robot[:, 2] > GROUND_CLEARANCE) & (robot[:, 2] < height)
    return np.asarray(robot[blocking][:, :2])


def clearance(
    points: Matrix,
    robot_radius: float,
    target: tuple[float, float] | None = None,
    target_radius: float = 0.0,
) -> float:
    """Return the distance from the robot's edge to the first point in its corridor, metres.

    Args:
        points: n x 2, forward and left of the robot's origin, metres.
        robot_radius: Half of the corridor's width, metres.
        target: Bearing and distance of the target, whose own points are no obstacle.
        target_radius: Metres.

    Returns:
        Infinite if the corridor is free.
    """
    ahead = points[:, 0]
    inside = (ahead > 0) & (np.abs(points[:, 1]) < robot_radius)
    if target is not None:
        bearing, distance = target
        middle = distance * np.array([math.cos(bearing), math.sin(bearing)])
        inside &= np.linalg.norm(points - middle, axis=1) > 1.5 * target_radius
    if not inside.any():
        return math.inf
    return max(float(ahead[inside].min()) - robot_radius, 0.0)


def speed_for(free: float, margin: float, deceleration: float) -> float:
    """Return the largest speed from which the robot stops `margin` before an obstacle, m/s.

    Args:
        free: Distance to the obstacle, metres.
        margin: Distance to keep, metres.
        deceleration: Deceleration of the robot, m/s^2.
    """
    stopping = free - margin  # distance in which to stop
    if stopping <= 0:
        return 0.0
    if math.isinf(stopping):
        return math.inf
    # The v that solves v * reaction + v^2 / (2 a) = stopping.
    lag = deceleration * REACTION_SECONDS
    return math.sqrt(lag * lag + 2 * deceleration * stopping) - lag

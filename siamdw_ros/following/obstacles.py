"""Obstacle points from a laser scan or a depth image, and the clearance ahead of the robot."""

import math

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Camera, Matrix, Mount, Vector
from siamdw_ros.following.ranging import depth_in_metres
from siamdw_ros.following.settings import FollowSettings

REACTION_SECONDS = 0.25  # time from a reading until the robot brakes
GROUND_CLEARANCE = 0.08  # metres above the ground: depth points below this are the ground
DEPTH_STRIDE = 8  # every eighth pixel in both directions is used
DEPTH_TOO_CLOSE = 0.1  # depth at which an object counts that is too close to measure, metres
SCAN_TOO_CLOSE = 0.01  # metres; the same for a scanner whose smallest range is given as 0


def points_from_scan(
    ranges: Vector,
    angle_min: float,
    angle_increment: float,
    limits: tuple[float, float],
) -> Matrix:
    """Return the points of a laser scan (REP 117).

    What is too close to be measured, -inf or below the sensor's smallest range, is an obstacle
    at that range. +inf, NaN and readings beyond the largest range are no points. Neither is 0,
    which is ambiguous: many drivers report it where nothing was measured, whether near or far.

    Args:
        ranges: Metres.
        angle_min: Angle of the first range, left positive, radians.
        angle_increment: Radians.
        limits: Smallest and largest range of the sensor, metres.

    Returns:
        n x 2, in the sensor's x and y, metres.

    Raises:
        ValueError: The scan has no readings, or its angles or limits are not possible.
    """
    values = np.asarray(ranges, np.float64)
    nearest, farthest = limits
    # As points they would be NaN or nothing, and the corridor ahead would count as free.
    if not (len(values) and math.isfinite(angle_min) and math.isfinite(angle_increment)):
        raise ValueError(
            f"scan of {len(values)} ranges from {angle_min:g} rad by {angle_increment:g} rad"
        )
    if not 0 <= nearest < farthest or (angle_increment == 0 and len(values) > 1):
        raise ValueError(
            f"scan has ranges from {nearest:g} to {farthest:g} m by {angle_increment:g} rad"
        )
    angles = angle_min + angle_increment * np.arange(len(values))
    too_close = np.isneginf(values) | ((values > 0) & (values < nearest))
    values = np.where(too_close, max(nearest, SCAN_TOO_CLOSE), values)
    valid = too_close | ((values > 0) & (values <= farthest) & np.isfinite(values))
    directions = np.column_stack([np.cos(angles), np.sin(angles)])[valid]
    return np.asarray(directions * values[valid, None])


def on_robot(points: Matrix, settings: FollowSettings) -> Matrix:
    """Return the points of a laser scanner on the robot, without the robot's own parts.

    Args:
        points: n x 2, in the scanner's x and y, metres.
        settings: Position and direction of the scanner, and what it sees of the robot.

    Returns:
        m x 2, forward and left of the robot's origin, metres.
    """
    c, s = math.cos(settings.scan_yaw), math.sin(settings.scan_yaw)
    placed = points @ np.array([[c, s], [-s, c]]) + np.array([settings.scan_x, settings.scan_y])
    own = np.linalg.norm(points, axis=1) < settings.scan_ignore
    # Whatever is outside of the footprint is no part of the robot, however near to the scanner.
    own &= np.linalg.norm(placed, axis=1) < settings.robot_radius
    return np.asarray(placed[~own])


def points_from_depth(
    pixels: NDArray[np.generic], camera: Camera, mount: Mount, height: float
) -> Matrix:
    """Return the points of a depth image between the ground and the robot's height.

    What is too close to be measured, -inf (REP 118), is an obstacle right before the camera.

    Args:
        pixels: H x W, uint16 in millimetres or float32 in metres.
        camera: Camera of the image that the depth is registered to.
        mount: Mount of that camera on the robot.
        height: Height under which the robot cannot pass, metres.

    Returns:
        n x 2, forward and left of the robot's origin, metres.
    """
    rows, columns = pixels.shape[:2]
    sampled = pixels[::DEPTH_STRIDE, ::DEPTH_STRIDE]
    depth = depth_in_metres(sampled)
    depth[sampled == -np.inf] = DEPTH_TOO_CLOSE
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

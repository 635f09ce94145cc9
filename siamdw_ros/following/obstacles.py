"""What stands in the robot's way: the corridor ahead in a laser scan or a depth image."""

import math

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Camera, Matrix, Mount, Vector
from siamdw_ros.following.ranging import depth_in_metres

REACTION_SECONDS = 0.25  # from a reading to the robot braking
GROUND_CLEARANCE = 0.08  # metres above the ground below which depth pixels are the ground
DEPTH_STRIDE = 8  # pixels


def points_from_scan(
    ranges: Vector,
    angle_min: float,
    angle_increment: float,
    limits: tuple[float, float],
) -> Matrix:
    """Points of a laser scan, n x 2, metres; readings outside the sensor's limits are left out.

    Args:
        ranges: metres.
        angle_min: of the first one, left positive, radians.
        angle_increment: radians.
        limits: the sensor's smallest and largest range, metres.
    """
    values = np.asarray(ranges, np.float64)
    angles = angle_min + angle_increment * np.arange(len(values))
    valid = np.isfinite(values) & (values >= limits[0]) & (values <= limits[1]) & (values > 0)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])[valid]
    return np.asarray(directions * values[valid, None])


def points_from_depth(
    pixels: NDArray[np.generic], camera: Camera, mount: Mount, height: float
) -> Matrix:
    """Points of a depth image between the ground and the robot's height, n x 2, metres.

    Args:
        pixels: H x W, uint16 in millimetres or float32 in metres, of `camera`.
        camera: Camera of the image that the depth is registered to.
        mount: Mount of that camera on the robot.
        height: of what the robot cannot pass under, metres.
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
    """Free metres between the robot's edge and the first point in its corridor.

    Args:
        points: n x 2, forward and left of the robot's origin, metres.
        robot_radius: half of the corridor's width, metres.
        target: bearing and distance of the target, whose own points are no obstacle.
        target_radius: metres.
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
    """The largest speed from which the robot stops `margin` before an obstacle, m/s.

    Args:
        free: metres to the obstacle.
        margin: metres.
        deceleration: m/s^2.
    """
    room = free - margin
    if room <= 0:
        return 0.0
    if math.isinf(room):
        return math.inf
    # v * reaction + v^2 / (2 a) = room
    lag = deceleration * REACTION_SECONDS
    return math.sqrt(lag * lag + 2 * deceleration * room) - lag

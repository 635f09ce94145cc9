"""Distance of the target: from depth, known size, the ground plane, or relative to the start.

Each function returns None where the distance cannot be computed. Distances are along the ray from
the camera to the target's centre, in metres; sigma is one standard deviation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Camera, Mount, Vector, box_center
from siamdw_ros.siamdw.crops import Box

INNER_SHARE = 0.4  # share of the box's sides that is used: further out is often background
MIN_PIXELS = 20  # smallest number of valid depth pixels; fewer are noise
CLUSTER_PERCENTILE = 25.0  # percentile of the depth: the target is in front of the background
CLUSTER_WIDTH = 0.12  # depth of one surface, as a share of the distance
MAX_PIXELS = 4000  # largest number of depth pixels that is used; more are subsampled
BOX_ERROR = 0.08  # standard deviation of a tracked box's side, as a share of it
GROUND_PIXELS = 3.0  # standard deviation of the box's lower edge, pixels
MIN_DEPRESSION = 0.03  # radians below the horizon; flatter rays meet the ground anywhere


@dataclass(frozen=True)
class Distance:
    """A distance and its source.

    Attributes:
        metres: Distance from the camera to the target.
        sigma: Standard deviation, metres.
        source: depth, size, ground or relative.
    """

    metres: float
    sigma: float
    source: str


def depth_in_metres(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Convert depth pixels (REP 118): 16UC1 in millimetres or 32FC1 in metres, to metres.

    Invalid pixels (zero, NaN, infinite, negative) become NaN.

    Raises:
        ValueError: The pixels are of another type.
    """
    metres: NDArray[np.float32]
    if pixels.dtype == np.uint16:
        metres = pixels.astype(np.float32) / np.float32(1000)
    elif pixels.dtype == np.float32:
        metres = np.array(pixels, np.float32)
    else:
        raise ValueError(f"depth pixels are {pixels.dtype}: expected uint16 (mm) or float32 (m)")
    metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    return metres


def distance_from_depth(
    pixels: NDArray[np.generic], box: Box, camera: Camera, image_size: tuple[int, int]
) -> Distance | None:
    """Measure the distance in the inner part of a box in a depth image.

    The nearest surface that fills a good part of the box is the target: its depth is the median
    of the valid pixels near the 25th percentile. Holes, and background between legs, do not count.

    Args:
        pixels: H x W, uint16 in millimetres or float32 in metres, registered to the image.
        box: Pixels of the colour image.
        camera: Camera of the colour image.
        image_size: Width and height of the colour image; the depth image may be smaller.
    """
    height, width = pixels.shape[:2]
    scale = np.array([width / image_size[0], height / image_size[1]])
    center = np.array(box_center(box)) * scale
    half = np.maximum(np.array(box[2:]) * scale * INNER_SHARE / 2, 1.0)
    low = np.clip(np.floor(center - half), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(center + half), 0, (width, height)).astype(int)
    patch = pixels[low[1] : high[1], low[0] : high[0]]
    if not patch.size:
        return None
    stride = max(1, math.isqrt(patch.size // MAX_PIXELS))
    values = depth_in_metres(patch[::stride, ::stride])
    valid = values[np.isfinite(values)]
    if len(valid) < min(MIN_PIXELS, values.size):
        return None
    near = float(np.percentile(valid, CLUSTER_PERCENTILE, method="lower"))  # a pixel, no mean
    cluster = valid[np.abs(valid - near) <= CLUSTER_WIDTH * near]
    depth = float(np.median(cluster))
    spread = 1.5 * float(np.median(np.abs(cluster - depth)))
    # Depth is along the optical axis; the distance is along the ray.
    along_axis = float(camera.rays(np.array([box_center(box)]))[0, 2])
    return Distance(depth / along_axis, max(spread, 0.02 * depth), "depth")


def distance_from_size(
    box: Box, camera: Camera, height: float = 0.0, width: float = 0.0
) -> Distance | None:
    """Compute the distance of a target whose height or width is known.

    A box of a siamfc network keeps its first aspect ratio, so that one side alone can be wrong.
    With both sides known, the geometric mean of the two distances counts, which is right then.

    Args:
        box: Pixels of the image.
        camera: Camera of the image.
        height: Height of the target, metres; 0: not known.
        width: Width of the target, metres; 0: not known.
    """
    sides = [
        (real, _angle_across(box, camera, vertical))
        for real, vertical in ((height, True), (width, False))
        if real > 0
    ]
    if not sides or any(angle <= 0 for _, angle in sides):
        return None
    ratios = [real / (2 * math.tan(angle / 2)) for real, angle in sides]
    metres = math.prod(ratios) ** (1 / len(ratios))
    return Distance(metres, BOX_ERROR * metres / math.sqrt(len(ratios)), "size")


def _angle_across(box: Box, camera: Camera, vertical: bool) -> float:
    """Return the angle between two opposite edges of a box, seen from the camera, radians."""
    x, y, width, height = box
    cx, cy = box_center(box)
    ends = [(cx, y), (cx, y + height)] if vertical else [(x, cy), (x + width, cy)]
    first, second = camera.rays(np.array(ends))
    return math.acos(float(np.clip(first @ second, -1.0, 1.0)))


def distance_from_ground(
    box: Box, camera: Camera, mount: Mount, attitude: Vector | None = None
) -> Distance | None:
    """Compute the distance of a target that stands on level ground.

    The ray through the middle of the box's lower edge meets the ground there.

    Args:
        box: Pixels of the image.
        camera: Camera of the image.
        mount: Mount of the camera.
        attitude: 3 x 3, rotation of the robot from the level; None: the robot is level.
    """
    x, y, width, height = box
    rotation = mount.rotation() if attitude is None else attitude @ mount.rotation()
    bottom = y + height
    if bottom > camera.height:
        return None  # the feet are below the image
    rays = camera.rays(np.array([(x + width / 2, bottom), (x + width / 2, bottom - 1.0)]))
    foot, above = (rotation @ ray for ray in rays)
    down = -math.asin(float(np.clip(foot[2], -1, 1)))
    if mount.z <= 0 or down < MIN_DEPRESSION:
        return None
    reach = mount.z / math.tan(down)
    per_pixel = abs(down + math.asin(float(np.clip(above[2], -1, 1))))
    sigma_angle = max(GROUND_PIXELS * per_pixel, 1e-4)
    center = rotation @ camera.rays(np.array([box_center(box)]))[0]
    level = math.hypot(float(center[0]), float(center[1]))
    if level <= 0:
        return None
    metres = reach / level
    sigma = metres * sigma_angle / (math.sin(down) * math.cos(down))
    return Distance(metres, max(sigma, 0.02 * metres), "ground")


def distance_from_ratio(box: Box, first: Box, first_metres: float) -> Distance | None:
    """Compute the distance from how much larger or smaller the box became.

    Args:
        box: Present box.
        first: Box when the target was started.
        first_metres: Distance at that time.
    """
    area, first_area = box[2] * box[3], first[2] * first[3]
    if area <= 0 or first_area <= 0 or first_metres <= 0:
        return None
    metres = first_metres * math.sqrt(first_area / area)
    return Distance(metres, BOX_ERROR * metres, "relative")


@dataclass
class JumpGate:
    """Rejects distances that no target can have reached since the last one.

    A distance that arrives more than `patience` seconds after the last accepted one is always
    accepted: the old one was wrong.

    Attributes:
        patience: Seconds since the last accepted distance after which any is accepted.
    """

    patience: float = 1.0
    _last: Distance | None = None
    _stamp: float = 0.0

    def accept(self, distance: Distance, stamp: float, max_speed: float) -> bool:
        """Decide on a distance.

        Args:
            distance: Measured distance.
            stamp: Stamp of the measurement, seconds.
            max_speed: Largest speed at which the distance can change, m/s.
        """
        elapsed = stamp - self._stamp
        if self._last is not None and 0 <= elapsed <= self.patience:
            allowed = max_speed * elapsed + 3 * (distance.sigma + self._last.sigma)
            if abs(distance.metres - self._last.metres) > allowed:
                return False
        self._last = distance
        self._stamp = stamp
        return True


def position_covariance(ray: Vector, distance: Distance, sigma_angle: float) -> Vector:
    """Return the covariance of a position along a ray, 3 x 3 in the ray's frame, square metres.

    Args:
        ray: Unit vector from the camera to the target.
        distance: Distance along it.
        sigma_angle: Standard deviation of the ray's direction, radians.
    """
    along = np.outer(ray, ray)
    across = np.eye(3) - along
    lateral = (sigma_angle * distance.metres) ** 2
    return np.asarray(along * distance.sigma**2 + across * lateral)

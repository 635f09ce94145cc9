"""What counts as an obstacle, and how fast the robot may be before it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from guard_rig import scan
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import LaserScan

from siamdw_ros.following.camera import Camera, Mount
from siamdw_ros.following.guard import Guard, Now
from siamdw_ros.following.messages import obstacles_from
from siamdw_ros.following.obstacles import (
    clearance,
    points_from_depth,
    points_from_scan,
    speed_for,
)
from siamdw_ros.following.settings import FollowSettings

CONFIG = Path(__file__).parents[2] / "config" / "follow.yaml"


def turtlebot4() -> FollowSettings:
    """The settings of the follower in config/follow.yaml."""
    given = yaml.safe_load(CONFIG.read_text())["/**/follower"]["ros__parameters"]
    return FollowSettings(**given)


def rplidar(*readings: tuple[float, float]) -> LaserScan:
    """A scan of 720 ranges that sees objects at (angle, range); their angles are the scanner's."""
    angles = np.linspace(-math.pi, math.pi, 720, endpoint=False)
    ranges = np.full(720, math.inf)
    for angle, distance in readings:
        ranges[np.abs(angles - angle) < 0.05] = distance
    return LaserScan(
        angle_min=-math.pi,
        angle_increment=float(angles[1] - angles[0]),
        range_min=0.15,
        range_max=12.0,
        ranges=ranges.tolist(),
    )


def test_the_corridor_ahead_counts_and_nothing_beside_it() -> None:
    assert clearance(scan(1.0), 0.2) == pytest.approx(0.8, abs=0.02)
    assert clearance(scan(1.0, math.pi / 2), 0.2) == math.inf
    assert clearance(scan(1.0, math.pi - 0.1), 0.2) == math.inf


def test_the_target_itself_is_no_obstacle() -> None:
    assert clearance(scan(2.0), 0.2, (0.0, 2.1), 0.3) == math.inf
    assert clearance(scan(1.0), 0.2, (0.0, 2.1), 0.3) == pytest.approx(0.8, abs=0.02)


def test_readings_outside_the_sensors_limits_are_no_points() -> None:
    ranges = np.array([np.inf, np.nan, 0.0, -1.0, 9.0, 2.0])
    assert len(points_from_scan(ranges, 0.0, 0.1, (0.1, 8.0))) == 1


@pytest.mark.parametrize("reading", [-math.inf, 0.04])
@pytest.mark.parametrize("nearest", [0.1, 0.05, 0.0])
def test_what_is_too_close_to_measure_is_an_obstacle(reading: float, nearest: float) -> None:
    points = points_from_scan(np.array([reading]), 0.0, 0.1, (nearest, 8.0))
    assert clearance(points, 0.2) == 0.0
    if nearest:
        assert points == pytest.approx(np.array([[nearest, 0.0]]))


@pytest.mark.parametrize(
    ("count", "angle_min", "increment", "limits"),
    [
        (0, 0.0, 0.1, (0.1, 8.0)),
        (9, math.nan, 0.1, (0.1, 8.0)),
        (9, 0.0, math.inf, (0.1, 8.0)),
        (9, 0.0, 0.0, (0.1, 8.0)),
        (9, 0.0, 0.1, (math.nan, 8.0)),
        (9, 0.0, 0.1, (0.1, math.nan)),
        (9, 0.0, 0.1, (0.0, 0.0)),
        (9, 0.0, 0.1, (-math.inf, 8.0)),
    ],
)
def test_a_scan_without_meaning_is_refused_instead_of_taken_for_a_free_way(
    count, angle_min, increment, limits
) -> None:
    with pytest.raises(ValueError, match="scan"):
        points_from_scan(np.full(count, 1.0), angle_min, increment, limits)


def test_a_wall_ahead_of_a_turtlebot_4_is_ahead() -> None:
    """Its scanner looks to the left: a wall ahead is at -90 degrees in the scan."""
    ahead, left, behind = (rplidar((angle, 1.0)) for angle in (-math.pi / 2, 0.0, math.pi / 2))
    settings = turtlebot4()
    free = clearance(obstacles_from(ahead, settings), settings.robot_radius)
    assert free == pytest.approx(1.0 - 0.04 - 0.19, abs=0.01)
    assert clearance(obstacles_from(left, settings), settings.robot_radius) == math.inf
    assert clearance(obstacles_from(behind, settings), settings.robot_radius) == math.inf


def test_points_are_turned_and_shifted_by_the_scanners_mounting() -> None:
    settings = FollowSettings(scan_x=0.3, scan_y=-0.1, scan_yaw=0.5)
    (point,) = obstacles_from(LaserScan(range_max=9.0, ranges=[2.0]), settings)
    assert point == pytest.approx([0.3 + 2 * math.cos(0.5), -0.1 + 2 * math.sin(0.5)])


@pytest.mark.parametrize("reading", [-math.inf, 0.134, 0.16])
def test_the_posts_of_a_turtlebot_4_are_no_obstacle(reading: float) -> None:
    settings = turtlebot4()
    posts = [angle - math.pi / 2 for angle in (1.02, -1.02, 1.95, -1.95)]  # of the robot
    scan = rplidar(*((math.remainder(angle, 2 * math.pi), reading) for angle in posts))
    assert clearance(obstacles_from(scan, settings), settings.robot_radius) == math.inf
    blocked = obstacles_from(scan, replace(settings, scan_ignore=0.0))
    assert clearance(blocked, settings.robot_radius) == 0.0


def test_nothing_outside_of_the_footprint_is_ignored() -> None:
    edge = FollowSettings(robot_radius=0.2, scan_x=0.18, scan_ignore=2.0)
    for reading in (-math.inf, 0.05, 1.0):
        points = obstacles_from(LaserScan(range_min=0.1, range_max=9.0, ranges=[reading]), edge)
        assert len(points) == 1


def test_the_nearest_obstacle_shows_how_the_scanner_sits() -> None:
    guard = Guard(FollowSettings())
    assert guard.nearest_obstacle() is None
    guard.obstacles(obstacles_from(rplidar((-1.57, 1.0)), guard.settings), Now(0.0, 0.0))
    bearing, distance = guard.nearest_obstacle()
    assert (bearing, distance) == pytest.approx((-1.57, 1.0), abs=0.1)
    guard.obstacles(np.zeros((0, 2)), Now(0.0, 0.0))
    assert guard.nearest_obstacle() is None


@given(st.floats(0, 20), st.floats(0, 2), st.floats(0.1, 3))
def test_the_allowed_speed_leaves_room_to_stop(free, margin, deceleration) -> None:
    speed = speed_for(free, margin, deceleration)
    assert speed >= 0
    stopping = 0.25 * speed + speed * speed / (2 * deceleration)
    assert stopping <= max(free - margin, 0) + 1e-6


def test_depth_pixels_of_the_ground_and_overhead_are_no_obstacle() -> None:
    camera = Camera.from_field_of_view(160, 120, 1.2)
    mount = Mount(z=0.5)
    pixels = np.full((120, 160), np.nan, np.float32)
    pixels[60:70, 70:90] = 2.0
    points = points_from_depth(pixels, camera, mount, height=1.0)
    assert points[:, 0] == pytest.approx(2.0)
    pixels[60:70, 70:90] = -np.inf  # too close to be measured
    near = points_from_depth(pixels, camera, mount, height=1.0)
    assert clearance(near, 0.2) == 0.0
    rows = np.arange(61, 120) + 0.5
    pixels[61:] = (0.5 * camera.focal[1] / (rows - 60))[:, None]  # the ground
    pixels[60:70, 70:90] = np.nan
    assert len(points_from_depth(pixels, camera, mount, height=1.0)) == 0

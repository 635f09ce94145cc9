"""What counts as an obstacle, and how fast the robot may be before it."""

import math

import numpy as np
import pytest
from guard_rig import scan
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.following.camera import Camera, Mount
from siamdw_ros.following.obstacles import (
    clearance,
    points_from_depth,
    points_from_scan,
    speed_for,
)


def test_the_corridor_ahead_counts_and_nothing_beside_it() -> None:
    assert clearance(scan(1.0), 0.2) == pytest.approx(0.8, abs=0.02)
    assert clearance(scan(1.0, math.pi / 2), 0.2) == math.inf
    assert clearance(scan(1.0, math.pi - 0.1), 0.2) == math.inf


def test_the_target_itself_is_no_obstacle() -> None:
    assert clearance(scan(2.0), 0.2, (0.0, 2.1), 0.3) == math.inf
    assert clearance(scan(1.0), 0.2, (0.0, 2.1), 0.3) == pytest.approx(0.8, abs=0.02)


def test_readings_outside_the_sensors_limits_are_no_points() -> None:
    ranges = np.array([np.inf, np.nan, 0.0, 0.05, 9.0, 2.0])
    assert len(points_from_scan(ranges, 0.0, 0.1, (0.1, 8.0))) == 1


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
    rows = np.arange(61, 120) + 0.5
    pixels[61:] = (0.5 * camera.focal[1] / (rows - 60))[:, None]  # the ground
    pixels[60:70, 70:90] = np.nan
    assert len(points_from_depth(pixels, camera, mount, height=1.0)) == 0

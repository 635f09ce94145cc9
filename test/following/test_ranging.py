"""Distances from depth, size, ground and ratio."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.following.camera import Camera, Mount
from siamdw_ros.following.ranging import (
    Distance,
    JumpGate,
    depth_in_metres,
    distance_from_depth,
    distance_from_ground,
    distance_from_ratio,
    distance_from_size,
    position_covariance,
)

CAMERA = Camera.from_field_of_view(640, 480, math.radians(70))
SIZE = (640, 480)
BOX = (270.0, 140.0, 100.0, 200.0)


def depth_image(background: float, metres: float, dtype=np.float32) -> np.ndarray:
    image = np.full((480, 640), background, np.float32)
    image[140:340, 270:370] = metres
    return (image * 1000).astype(np.uint16) if dtype is np.uint16 else image


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_both_units_of_depth_give_metres(dtype) -> None:
    found = distance_from_depth(depth_image(5.0, 2.5, dtype), BOX, CAMERA, SIZE)
    assert found is not None
    assert found.metres == pytest.approx(2.5, abs=0.01)
    assert found.source == "depth"


def test_invalid_depth_pixels_become_nan() -> None:
    raw = np.array([0.0, np.nan, np.inf, -np.inf, -1.0, 2.0], np.float32)
    assert np.isfinite(depth_in_metres(raw)).tolist() == [False] * 5 + [True]
    assert np.isnan(depth_in_metres(np.zeros(2, np.uint16))).all()
    with pytest.raises(ValueError, match="uint8"):
        depth_in_metres(np.zeros(2, np.uint8))


def test_the_wall_between_the_legs_is_not_the_target() -> None:
    image = depth_image(6.0, 2.0)
    image[140:340, 310:340] = 6.0  # three quarters of the inner box show the wall
    found = distance_from_depth(image, BOX, CAMERA, SIZE)
    assert found is not None
    assert found.metres == pytest.approx(2.0, abs=0.05)


def test_holes_do_not_count() -> None:
    image = depth_image(6.0, 2.0)
    image[140:340, 270:330] = np.nan
    found = distance_from_depth(image, BOX, CAMERA, SIZE)
    assert found is not None
    assert found.metres == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf])
def test_depth_without_valid_pixels_gives_no_distance(value) -> None:
    assert distance_from_depth(depth_image(value, value), BOX, CAMERA, SIZE) is None


def test_a_box_outside_the_image_gives_no_distance() -> None:
    assert distance_from_depth(depth_image(5, 2), (900, 100, 50, 50), CAMERA, SIZE) is None


def test_a_smaller_depth_image_covers_the_same_view() -> None:
    found = distance_from_depth(depth_image(5.0, 2.0)[::2, ::2], BOX, CAMERA, SIZE)
    assert found is not None
    assert found.metres == pytest.approx(2.0, abs=0.05)


def test_the_distance_is_along_the_ray_not_along_the_axis() -> None:
    image = np.full((480, 640), 2.0, np.float32)
    found = distance_from_depth(image, (0.0, 220.0, 40.0, 40.0), CAMERA, SIZE)
    bearing = CAMERA.angles((20.0, 240.0))[0]
    assert found is not None
    assert found.metres == pytest.approx(2.0 / math.cos(bearing), rel=1e-3)


@given(st.floats(0.5, 20.0), st.floats(0.2, 2.0))
def test_a_known_height_gives_the_distance(metres: float, height: float) -> None:
    focal = float(CAMERA.focal[1])
    pixels = focal * height / metres
    box = (320 - pixels / 4, 240 - pixels / 2, pixels / 2, pixels)
    found = distance_from_size(box, CAMERA, height=height)
    assert found is not None
    assert found.metres == pytest.approx(metres, rel=1e-6)
    both = distance_from_size(box, CAMERA, height=height, width=height / 2)
    assert both is not None
    assert both.sigma < found.sigma


def test_without_a_known_size_there_is_no_distance() -> None:
    assert distance_from_size(BOX, CAMERA) is None


@given(st.floats(1.0, 8.0), st.floats(0.3, 1.5), st.floats(0.0, 0.2))
def test_feet_on_the_ground_give_the_distance(metres, height, pitch) -> None:
    mount = Mount(z=height, pitch=pitch)
    rotation = mount.rotation()
    foot, head = (
        CAMERA.project((rotation.T @ np.array([metres, 0.0, z - height])).reshape(1, 3))[0]
        for z in (0.0, 1.0)
    )
    box = (foot[0] - 20, head[1], 40.0, foot[1] - head[1])
    found = distance_from_ground(box, CAMERA, mount)
    if foot[1] > CAMERA.height:
        assert found is None
    elif math.atan2(height, metres) > 0.05:
        assert found is not None
        middle = CAMERA.angles((320.0, (foot[1] + head[1]) / 2))[1] - pitch
        assert found.metres == pytest.approx(metres / math.cos(middle), rel=1e-3)


def test_a_target_above_the_horizon_has_no_distance_by_the_ground() -> None:
    assert distance_from_ground((300, 50, 40, 100), CAMERA, Mount(z=0.5)) is None
    assert distance_from_ground(BOX, CAMERA, Mount(z=0.0)) is None


def test_half_the_size_is_twice_the_distance() -> None:
    found = distance_from_ratio((0, 0, 50, 100), (0, 0, 100, 200), 1.5)
    assert found is not None
    assert found.metres == pytest.approx(3.0)
    assert distance_from_ratio((0, 0, 0, 100), (0, 0, 100, 200), 1.5) is None


def test_a_jump_is_rejected_until_it_lasts() -> None:
    gate = JumpGate(patience=1.0)
    near = Distance(2.0, 0.05, "depth")
    far = Distance(6.0, 0.05, "depth")
    assert gate.accept(near, 10.0, 2.0)
    assert not gate.accept(far, 10.1, 2.0)
    assert gate.accept(Distance(2.1, 0.05, "depth"), 10.2, 2.0)
    assert not gate.accept(far, 10.9, 2.0)
    assert gate.accept(far, 11.3, 2.0)  # the old value is the wrong one


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.1, 50), st.floats(0.01, 5))
def test_a_covariance_is_long_along_the_ray(x, y, metres, sigma) -> None:
    ray = np.array([x, y, 1.0]) / math.sqrt(x * x + y * y + 1)
    covariance = position_covariance(ray, Distance(metres, sigma, "size"), 0.01)
    assert covariance == pytest.approx(covariance.T)
    assert np.linalg.eigvalsh(covariance).min() >= -1e-12
    assert ray @ covariance @ ray == pytest.approx(sigma**2)

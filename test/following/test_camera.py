"""Pixels to angles and back."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.following.camera import (
    CalibrationError,
    Camera,
    Mount,
    bearing_and_elevation,
    rotation_from_euler,
    rotation_from_quaternion,
    wrap,
)

K = np.array([500, 0, 320, 0, 520, 240, 0, 0, 1.0])
PLUMB_BOB = np.array([-0.3, 0.12, 0.001, -0.0008, 0.0])


def test_a_pixel_left_and_above_has_positive_bearing_and_elevation() -> None:
    camera = Camera.from_calibration(K, np.zeros(0), 640, 480)
    bearing, elevation = camera.angles((320 - 500, 240))
    assert (bearing, elevation) == pytest.approx((math.pi / 4, 0.0))
    assert camera.angles((320, 240 - 520))[1] == pytest.approx(math.pi / 4)


@given(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4))
def test_distortion_is_undone(x: float, y: float) -> None:
    camera = Camera.from_calibration(K, PLUMB_BOB, 640, 480)
    point = np.array([[[x, y, 1.0]]])
    pixel, _ = cv2.projectPoints(point, np.zeros(3), np.zeros(3), camera.matrix, PLUMB_BOB)
    assert camera.normalized(pixel)[0] == pytest.approx([x, y], abs=2e-3)


def test_a_fisheye_camera_is_undistorted_by_its_own_model() -> None:
    d = np.array([0.02, -0.01, 0.003, -0.001])
    camera = Camera.from_calibration(K, d, 640, 480, "equidistant")
    pixel = cv2.fisheye.distortPoints(np.array([[[0.4, -0.2]]]), camera.matrix, d)
    assert camera.normalized(pixel)[0] == pytest.approx([0.4, -0.2], abs=1e-4)


@pytest.mark.parametrize(
    ("k", "d", "size", "model", "reason"),
    [
        (np.zeros(9), np.zeros(5), (640, 480), "plumb_bob", "calibrate"),
        (K, np.zeros(5), (0, 480), "plumb_bob", "size"),
        (K, np.zeros(5), (640, 480), "stereographic", "distortion model"),
        (K, np.array([np.nan]), (640, 480), "plumb_bob", "not finite"),
        (K * np.nan, np.zeros(5), (640, 480), "plumb_bob", "focal"),
    ],
)
def test_what_is_no_calibration_is_refused(k, d, size, model, reason) -> None:
    with pytest.raises(CalibrationError, match=reason):
        Camera.from_calibration(k, d, *size, model)


def test_a_camera_that_looks_down_sees_its_middle_below_the_horizon() -> None:
    camera = Camera.from_field_of_view(640, 480, 1.0)
    forward = Mount(pitch=0.3, yaw=0.2).rotation() @ camera.rays(np.array([[320, 240]]))[0]
    assert bearing_and_elevation(forward) == pytest.approx((0.2, -0.3))


def test_the_field_of_view_is_that_of_the_calibration() -> None:
    assert Camera.from_field_of_view(640, 480, 1.2).horizontal_field_of_view() == pytest.approx(
        1.2
    )


@given(st.floats(-3, 3), st.floats(-1.5, 1.5))
def test_directions_and_angles_are_inverse(bearing: float, elevation: float) -> None:
    flat = math.cos(elevation)
    direction = [flat * math.cos(bearing), flat * math.sin(bearing), math.sin(elevation)]
    there = bearing_and_elevation(np.array(direction))
    assert there == pytest.approx((bearing, elevation), abs=1e-6)


def test_a_quaternion_is_the_rotation_of_its_angle() -> None:
    rotation = rotation_from_quaternion(0, 0, 2 * math.sin(0.35), 2 * math.cos(0.35))
    assert rotation == pytest.approx(rotation_from_euler(0, 0, 0.7))
    with pytest.raises(ValueError, match="not a rotation"):
        rotation_from_quaternion(0, 0, 0, 0)


@given(st.floats(-100, 100))
def test_wrapped_angles_are_the_same_angle(angle: float) -> None:
    assert -math.pi <= wrap(angle) < math.pi
    assert math.cos(wrap(angle)) == pytest.approx(math.cos(angle), abs=1e-9)

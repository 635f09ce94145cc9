"""Pixels to angles and back."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from siamdw_ros.following.camera import (
    DISTORTION_COUNTS,
    CalibrationError,
    Camera,
    Mount,
    bearing_and_elevation,
    rotation_from_euler,
    rotation_from_quaternion,
    wrap,
)
from siamdw_ros.following.messages import camera_from

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
        (K, np.full(3, 0.1), (640, 480), "plumb_bob", "d has 3 values, expected 4 or 5"),
        (K, np.full(6, 0.1), (640, 480), "rational_polynomial", "d has 6 values"),
        (K, np.full(1, 0.1), (640, 480), "", "d has 1 values"),
        (K, np.full(2, 0.1), (640, 480), "equidistant", "d has 2 values, expected 4 for"),
        (K, np.full(5, 0.1), (640, 480), "equidistant", "d has 5 values"),
    ],
)
def test_what_is_no_calibration_is_refused(k, d, size, model, reason) -> None:
    with pytest.raises(CalibrationError, match=reason):
        Camera.from_calibration(k, d, *size, model)


@pytest.mark.parametrize(
    ("model", "count"),
    [(model, count) for model, counts in DISTORTION_COUNTS.items() for count in counts]
    + [("equidistant", 5)],
)
def test_every_accepted_number_of_coefficients_can_be_undone(model: str, count: int) -> None:
    d = np.array([0.01, *[0.0] * (count - 1)])
    camera = Camera.from_calibration(K, d, 640, 480, model)
    assert camera.angles((320.0, 240.0)) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_coefficients_that_are_all_zero_may_be_any_number() -> None:
    for count in (0, 1, 3, 7):
        Camera.from_calibration(K, np.zeros(count), 640, 480).angles((0.0, 0.0))


def info(**values) -> CameraInfo:
    """The CameraInfo of a sensor of 640x480 px."""
    p = np.zeros((3, 4))
    p[:, :3] = K.reshape(3, 3)
    fields = {"width": 640, "height": 480, "k": K, "p": p.ravel(), "distortion_model": "plumb_bob"}
    return CameraInfo(**{**fields, **values})


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("d", [[], PLUMB_BOB.tolist()])
@pytest.mark.parametrize(("x", "y"), [(0, 0), (120, 60)])
@pytest.mark.parametrize(("binning_x", "binning_y"), [(0, 0), (1, 1), (2, 4)])
def test_a_pixel_has_the_same_ray_in_a_binned_part_of_the_image(
    binning_x, binning_y, x, y, d, rectified
) -> None:
    full = camera_from(info(d=d), rectified=rectified)
    roi = RegionOfInterest(x_offset=x, y_offset=y, width=400, height=300) if x else None
    values = {"binning_x": binning_x, "binning_y": binning_y, **({"roi": roi} if roi else {})}
    part = camera_from(info(d=d, **values), rectified=rectified)
    bins = max(binning_x, 1), max(binning_y, 1)
    width, height = (400, 300) if roi else (640, 480)
    assert (part.width, part.height) == (width // bins[0], height // bins[1])
    for pixel in ((130.0, 70.0), (480.0, 350.0)):
        there = (pixel[0] - x) / bins[0], (pixel[1] - y) / bins[1]
        assert part.angles(there) == pytest.approx(full.angles(pixel), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "rectified", "reason"),
    [
        ({"roi": RegionOfInterest(x_offset=600, width=100, height=480)}, False, "not within"),
        ({"roi": RegionOfInterest(width=640, height=481)}, False, "not within"),
        ({"roi": RegionOfInterest(x_offset=8)}, True, "roi of 0x0 px at"),
        ({"binning_x": 1000}, False, "size 0x480"),
        ({"k": np.zeros(9)}, False, "CameraInfo.k .* calibrate the camera$"),
        ({"p": np.zeros(12)}, True, "CameraInfo.p .* or set rectified to false"),
    ],
)
def test_the_message_names_what_is_wrong_with_a_camera_info(values, rectified, reason) -> None:
    with pytest.raises(CalibrationError, match=reason):
        camera_from(info(**values), rectified=rectified)


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

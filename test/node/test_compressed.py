"""Checking compressed image messages, and turning them into BGR."""

import contextlib
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage

from siamdw_ros.node.decoding.compressed import (
    MAX_BYTES,
    MAX_SCANS,
    UndecodableError,
    check,
    to_bgr,
)
from siamdw_ros.node.decoding.raw import MAX_SIDE

SCENE = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8), (0, 0), 4
)


def encoded(extension: str, image: np.ndarray = SCENE, *options: int) -> bytes:
    return cv2.imencode(extension, image, options)[1].tobytes()


JPEG, PNG = encoded(".jpg"), encoded(".png")


def message(data: bytes) -> CompressedImage:
    return CompressedImage(format="bgr8; jpeg compressed bgr8", data=data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (JPEG, 3.0),
        (encoded(".jpg", SCENE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), 3.0),
        (encoded(".jpg", SCENE, cv2.IMWRITE_JPEG_RST_INTERVAL, 2), 3.0),
        (JPEG + bytes(100), 3.0),  # cameras pad
        (PNG, 0.0),
        (encoded(".png", np.dstack([SCENE, SCENE[..., 0]])), 0.0),
        (encoded(".png", SCENE.astype(np.uint16) << 8), 0.0),
    ],
)
def test_a_picture_comes_out_as_it_went_in(data: bytes, error: float) -> None:
    sent = message(data)
    assert check(sent) is None
    assert np.abs(to_bgr(sent).astype(int) - SCENE).mean() <= error


def test_grey_becomes_bgr() -> None:
    grey = cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY)
    assert to_bgr(message(encoded(".png", grey))).shape == SCENE.shape


def test_orientation_in_exif_does_not_turn_the_picture() -> None:
    tag = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # a quarter turn
    exif = b"Exif\0\0" + tag
    turned = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + JPEG[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (64, 48, 3)
    assert check(message(turned)) is None
    assert to_bgr(message(turned)).shape == (48, 64, 3)


def resized_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose header claims another size."""
    header = JPEG.index(b"\xff\xc0")
    return JPEG[: header + 5] + struct.pack(">HH", height, width) + JPEG[header + 9 :]


def resized_png(width: int, height: int) -> bytes:
    return PNG[:16] + struct.pack(">II", width, height) + PNG[24:]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither JPEG nor PNG"),
        (b"GIF89a" + bytes(100), "neither JPEG nor PNG"),
        (bytes(12) + PNG, "neither JPEG nor PNG"),  # compressedDepth has a header of its own
        (resized_jpeg(65535, 65535), "each side must be 1 to"),
        (resized_jpeg(MAX_SIDE, MAX_SIDE), "px in all"),
        (resized_jpeg(64, 0), "each side must be"),
        (resized_png(2**31, 1), "each side must be"),
        (resized_png(MAX_SIDE, MAX_SIDE), "px in all"),
        (JPEG[:40], "no header"),
        (PNG[:20], "no header"),
        (JPEG[: len(JPEG) // 2], "cut off"),
        (JPEG[:-2] + b"\xff\xda\0\0" * MAX_SCANS + JPEG[-2:], "scans"),
        (bytes(MAX_BYTES + 1), "at most"),
    ],
)
def test_what_cannot_be_sound_is_refused_before_it_is_decoded(data: bytes, reason: str) -> None:
    problem = check(message(data))
    assert problem is not None
    assert reason in problem


@pytest.mark.parametrize(
    "data", [PNG[:-40], PNG[:80] + bytes(40) + PNG[120:], resized_png(65, 48)]
)
def test_what_is_damaged_inside_raises_one_kind_of_error(data: bytes) -> None:
    assert check(message(data)) is None
    with pytest.raises(UndecodableError, match="cannot be decoded"):
        to_bgr(message(data))


@given(
    base=st.sampled_from([JPEG, PNG, encoded(".jpg", SCENE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)]),
    damage=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=20),
    keep=st.integers(0, 2**13),
)
def test_any_damage_is_refused_or_decoded(
    base: bytes, damage: list[tuple[int, int]], keep: int
) -> None:
    data = bytearray(base)
    for place, value in damage:
        data[place % len(data)] = value
    sent = message(bytes(data[:keep]))
    if check(sent) is None:
        with contextlib.suppress(UndecodableError):
            assert to_bgr(sent).shape[2] == 3

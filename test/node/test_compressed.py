"""Checking compressed image messages, and turning them into BGR."""

import contextlib
import struct
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage

from siamdw_ros.node.decoding import TRANSPORTS, ImageDecoder, UndecodableError, image_message
from siamdw_ros.node.decoding.compressed import (
    MAX_BYTES,
    MAX_HEADER_STEPS,
    MAX_PADDING,
    MAX_SCANS,
    check,
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


def to_bgr(sent: CompressedImage) -> np.ndarray:
    """Decode the first image of a camera."""
    return ImageDecoder(TRANSPORTS["compressed"]).image(sent, 0.0)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (JPEG, 3.0),
        (encoded(".jpg", SCENE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), 3.0),
        (encoded(".jpg", SCENE, cv2.IMWRITE_JPEG_RST_INTERVAL, 2), 3.0),
        (JPEG + bytes(100), 3.0),  # cameras pad
        (JPEG + bytes(MAX_PADDING), 3.0),
        (JPEG[:2] + b"\xff" * 9 + JPEG[2:], 3.0),  # bytes that fill up before a marker
        (PNG, 0.0),
        (encoded(".png", np.dstack([SCENE, SCENE[..., 0]])), 0.0),
    ],
)
def test_a_picture_comes_out_as_it_went_in(data: bytes, error: float) -> None:
    sent = message(data)
    assert check(sent) is None
    assert np.abs(to_bgr(sent).astype(int) - SCENE).mean() <= error


def test_grey_becomes_bgr() -> None:
    grey = cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY)
    assert to_bgr(message(encoded(".png", grey))).shape == SCENE.shape


@pytest.mark.parametrize("image", [SCENE, SCENE[..., 0]])
def test_a_16_bit_png_that_fills_16_bits_keeps_its_high_byte(image: np.ndarray) -> None:
    full = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
    result = to_bgr(message(encoded(".png", full.astype(np.uint16) << 8 | 0x5A)))
    np.testing.assert_array_equal(result, full if full.ndim == 3 else np.dstack([full] * 3))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_narrow_16_bit_png_is_spread_as_raw_images_are(channels: int) -> None:
    values = np.linspace(7700, 8000, 64 * 64).astype(np.uint16).reshape(64, 64)
    image = values if channels == 1 else np.dstack([values] * channels)
    raw = ImageDecoder().image(image_message(values), 0.0)
    result = to_bgr(message(encoded(".png", image)))
    assert np.abs(result.astype(int) - raw).max() <= 1  # the range of a sample
    assert len(np.unique(raw)) > 200


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
        (bytes(MAX_BYTES + 1), "at most"),
        (JPEG[:-2] + bytes(MAX_PADDING), "cut off"),
    ],
)
def test_what_cannot_be_sound_is_refused_before_it_is_decoded(data: bytes, reason: str) -> None:
    problem = check(message(data))
    assert problem is not None
    assert reason in problem


def test_a_jpeg_of_endless_passes_is_rejected_before_it_is_decoded() -> None:
    scans = JPEG[:-2] + b"\xff\xda\0\0" * MAX_SCANS + JPEG[-2:]
    with pytest.raises(UndecodableError, match="scans"):
        to_bgr(message(scans))


@pytest.mark.parametrize("part", [b"\xff", b"\xff\xe0\0\2"])
def test_an_endless_jpeg_header_is_not_walked(part: bytes) -> None:
    endless = message(JPEG[:2] + part * ((MAX_BYTES - 2) // len(part)))
    start = time.thread_time()
    assert check(endless) == "JPEG has no header"
    assert time.thread_time() - start < 0.1  # to walk through it would take 7 to 30 s
    assert check(message(JPEG[:2] + part * (MAX_HEADER_STEPS - 10) + JPEG[2:])) is None


@pytest.mark.parametrize(
    "data", [PNG[:-40], PNG[:80] + bytes(40) + PNG[120:], resized_png(65, 48)]
)
def test_what_is_damaged_inside_raises_one_kind_of_error(data: bytes) -> None:
    assert check(message(data)) is None
    with pytest.raises(UndecodableError, match="cannot be decoded"):
        to_bgr(message(data))


@settings(deadline=None)  # a shared machine may stop for longer than any deadline
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

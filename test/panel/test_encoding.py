"""The JPEG that a browser gets of raw and compressed images."""

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage

from siamdw_ros.node.decoding import image_message
from siamdw_ros.panel.encoding import Encoder

GRADIENT = np.dstack([np.tile(np.arange(0, 240, 2, dtype=np.uint8), (80, 1))] * 3)
EXIF = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # turned


def jpeg(image: np.ndarray = GRADIENT, exif: bytes = b"") -> bytes:
    data = cv2.imencode(".jpg", image)[1].tobytes()
    segment = b"\xff\xe1" + (2 + len(exif)).to_bytes(2, "big") + exif if exif else b""
    return data[:2] + segment + data[2:]


def decoded(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_IGNORE_ORIENTATION | 1)
    assert image is not None
    return image


def close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a.astype(int) - b).mean() < 4)


def test_a_raw_image_becomes_a_jpeg() -> None:
    sent = Encoder("raw", 1280, 75).encode(image_message(GRADIENT))
    assert (sent.width, sent.height) == (120, 80)
    assert close(decoded(sent.data), GRADIENT)


def test_a_large_image_is_reduced_and_its_size_is_sent() -> None:
    sent = Encoder("raw", 60, 75).encode(image_message(GRADIENT))
    assert (sent.width, sent.height) == (120, 80)
    assert decoded(sent.data).shape == (40, 60, 3)


def test_a_long_image_of_one_line_keeps_that_line() -> None:
    sent = Encoder("raw", 60, 75).encode(image_message(GRADIENT[:1]))
    assert (sent.width, sent.height) == (120, 1)
    assert decoded(sent.data).shape == (1, 60, 3)


def test_a_camera_s_jpeg_is_passed_through() -> None:
    data = jpeg()
    sent = Encoder("compressed", 1280, 75).encode(CompressedImage(data=data))
    assert sent.data == data
    assert (sent.width, sent.height) == (120, 80)


def test_a_jpeg_that_browsers_would_turn_is_made_anew() -> None:
    data = jpeg(exif=EXIF)
    sent = Encoder("compressed", 1280, 75).encode(CompressedImage(data=data))
    assert b"Exif" not in sent.data
    assert (sent.width, sent.height) == (120, 80)
    assert close(decoded(sent.data), GRADIENT)


def test_a_large_jpeg_and_a_png_are_made_anew() -> None:
    sent = Encoder("compressed", 60, 75).encode(CompressedImage(data=jpeg()))
    assert decoded(sent.data).shape == (40, 60, 3)
    png = cv2.imencode(".png", GRADIENT)[1].tobytes()
    sent = Encoder("compressed", 1280, 75).encode(CompressedImage(data=png))
    assert sent.data[:2] == b"\xff\xd8"
    assert close(decoded(sent.data), GRADIENT)


@pytest.mark.parametrize("data", [b"", b"GIF89a", jpeg()[:40]])
def test_damaged_images_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"data|size|neither|no header"):
        Encoder("compressed", 1280, 75).encode(CompressedImage(data=data))
    message = image_message(GRADIENT)
    message.data = bytes(10)
    with pytest.raises(ValueError, match=r"data|size|neither|no header"):
        Encoder("raw", 1280, 75).encode(message)

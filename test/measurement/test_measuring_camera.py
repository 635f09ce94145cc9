"""The camera's images, without ROS's graph."""

from pathlib import Path

import cv2
import numpy as np

from siamdw_ros.measurement.camera import boomerang, compressed_message, images, parse_size

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


def test_images_are_shown_forth_and_back():
    assert [boomerang(i, 3) for i in range(7)] == [0, 1, 2, 1, 0, 1, 2]
    assert [boomerang(i, 1) for i in range(3)] == [0, 0, 0]


def test_images_have_the_size_that_was_asked_for():
    found = images(CLIP, parse_size("320x180"), count=2)
    assert [image.shape for image in found] == [(180, 320, 3)] * 2


def test_compressed_message_holds_the_image():
    image = np.full((48, 64, 3), 90, np.uint8)
    message = compressed_message(image)
    decoded = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - image).max() <= 2
    assert "jpeg" in message.format

"""The decoder of one camera: each image is decoded once, in bounded memory."""

import tracemalloc

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage

from siamdw_ros.node.decoding import TRANSPORTS, ImageDecoder, image_message
from siamdw_ros.node.decoding.image_decoder import CACHE_BYTES

SCENE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def jpeg(seed: int = 0) -> CompressedImage:
    noise = np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    return CompressedImage(data=cv2.imencode(".jpg", noise)[1].tobytes())


@pytest.fixture
def decoder() -> ImageDecoder:
    return ImageDecoder(TRANSPORTS["compressed"])


def test_an_image_is_decoded_once(decoder: ImageDecoder) -> None:
    first, second = jpeg(0), jpeg(1)
    image = decoder.image(first, 0.0)
    other = decoder.image(second, 1.0)
    assert decoder.image(first, 0.0) is image
    assert decoder.image(second, 1.0) is other
    assert not np.array_equal(image, other)


def test_memory_is_bounded(decoder: ImageDecoder) -> None:
    tracemalloc.start()
    for index in range(60):  # 55 MB decoded
        decoder.image(jpeg(index), float(index))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < CACHE_BYTES + 2**21


def test_nothing_is_held_after_a_reset(decoder: ImageDecoder) -> None:
    message = jpeg()
    image = decoder.image(message, 0.0)
    decoder.reset()
    assert decoder.image(message, 0.0) is not image


def test_a_bgr8_image_stays_a_view_of_its_message() -> None:
    decoder, message = ImageDecoder(), image_message(SCENE)
    assert np.shares_memory(decoder.image(message, 0.0), np.frombuffer(message.data, np.uint8))


def test_the_warning_about_few_grey_levels_ends_with_a_reset() -> None:
    decoder = ImageDecoder()
    decoder.image(image_message(np.full((48, 64), 500, np.uint16)), 0.0)
    assert "grey levels" in (decoder.warning or "")
    decoder.reset()
    assert decoder.warning is None

"""The ways in which a camera's images travel, by the name that image_transport gives them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from siamdw_ros.node import compressed, images

ImageMessage: TypeAlias = Image | CompressedImage


@dataclass(frozen=True)
class Transport:
    """How images come and how to read them.

    message: type. suffix: of the topic, after that of raw images. check: says what is wrong with
    a message, None if nothing is; takes microseconds. to_bgr: H x W x 3 uint8 BGR of a message
    that `check` found nothing wrong with; raises UndecodableError where that turns out untrue.
    """

    message: type[Any]
    suffix: str
    check: Callable[[Any], str | None]
    to_bgr: Callable[[Any], NDArray[np.uint8]]


RAW = Transport(Image, "", images.check, images.to_bgr)
TRANSPORTS = {
    "raw": RAW,
    "compressed": Transport(CompressedImage, "/compressed", compressed.check, compressed.to_bgr),
}

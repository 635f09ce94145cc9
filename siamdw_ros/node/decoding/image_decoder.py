"""Image transports by image_transport's names, and the decoder of one camera."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from siamdw_ros.node.decoding import compressed, raw

ImageMessage: TypeAlias = Image | CompressedImage


@dataclass(frozen=True)
class Transport:
    """How the images of a camera arrive.

    Attributes:
        message: Message type of the topic.
        suffix: Appended to the topic of the raw images.
        check: Returns what is wrong with a message, or None. Takes microseconds.
        to_bgr: Converts a message that passed `check` to H x W x 3, uint8, BGR. Raises
            UndecodableError if the data is damaged inside.
    """

    message: type[Any]
    suffix: str
    check: Callable[[Any], str | None]
    to_bgr: Callable[[Any], NDArray[np.uint8]]


RAW = Transport(Image, "", raw.check, raw.to_bgr)
TRANSPORTS = {
    "raw": RAW,
    "compressed": Transport(CompressedImage, "/compressed", compressed.check, compressed.to_bgr),
}


class ImageDecoder:
    """Decodes the images of one camera.

    Args:
        transport: How the images arrive.
    """

    def __init__(self, transport: Transport = RAW) -> None:
        self.transport = transport

    def image(self, message: ImageMessage, _arrived: float) -> NDArray[np.uint8]:
        """Return the image of a message that passed the transport's check.

        Args:
            message: The image message.
            _arrived: Arrival time by the steady clock, in seconds.

        Returns:
            H x W x 3, uint8, BGR. Do not write to it: it may share the message's memory.

        Raises:
            UndecodableError: The data is damaged inside.
        """
        return self.transport.to_bgr(message)

    def reset(self) -> None:
        """Release everything that is stored from earlier images."""

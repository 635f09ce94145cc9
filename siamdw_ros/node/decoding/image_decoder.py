"""Image transports by image_transport's names, and the decoder of one camera."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from siamdw_ros.node.decoding import compressed, raw
from siamdw_ros.node.decoding.value_range import ValueRange

ImageMessage: TypeAlias = Image | CompressedImage

CACHE_BYTES = 2**24  # decoded images of one camera: 16 MiB are 9 of raw VGA, 1 of raw 1080p


@dataclass(frozen=True)
class Transport:
    """How the images of a camera arrive.

    Attributes:
        message: Message type of the topic.
        suffix: Appended to the topic of the raw images.
        check_data: Returns what is wrong with the data of a message, or None. Takes microseconds.
        size: Returns the width and height of a message that passed `check`, in pixels.
        to_bgr: Converts a message that passed `check` to H x W x 3, uint8, BGR, given how to
            convert values of more than 8 bits. Raises UndecodableError if the data is damaged.
    """

    message: type[Any]
    suffix: str
    check_data: Callable[[Any], str | None]
    size: Callable[[Any], tuple[int, int]]
    to_bgr: Callable[[Any, raw.ToBytes], NDArray[np.uint8]]

    def check(self, message: ImageMessage) -> str | None:
        """Return why an image is rejected; None if it is accepted."""
        seconds = message.header.stamp.sec
        if seconds < 0:  # the message type allows it, the clocks of ROS do not
            return f"stamp {seconds} s is negative: it must be at least 0"
        return self.check_data(message)


RAW = Transport(Image, "", raw.check, raw.size, raw.to_bgr)
TRANSPORTS = {
    "raw": RAW,
    "compressed": Transport(
        CompressedImage,
        "/compressed",
        compressed.check,
        compressed.size,
        compressed.to_bgr,
    ),
}


class ImageDecoder:
    """Decodes the images of one camera, each of them once.

    An image is asked for several times: by the search, by targets that catch up from an older
    frame, by the debug image. The images decoded last are stored, up to CACHE_BYTES.

    Only for the inference thread, except for `transport`.

    Args:
        transport: How the images arrive.
    """

    def __init__(self, transport: Transport = RAW) -> None:
        self.transport = transport
        self.reset()

    def reset(self) -> None:
        """Release what is stored of earlier images. Call it while no thread decodes."""
        self._range = ValueRange()
        self._decoded: deque[tuple[ImageMessage, NDArray[np.uint8]]] = deque()

    @property
    def warning(self) -> str | None:
        """Warning about the images that were decoded last, or None."""
        return self._range.warning

    def image(self, message: ImageMessage, arrived: float) -> NDArray[np.uint8]:
        """Return the image of a message that passed the transport's check.

        Args:
            message: The image message.
            arrived: Arrival time by the steady clock, in seconds.

        Returns:
            H x W x 3, uint8, BGR. Do not write to it: it may share the message's memory, and
            others get the same array.

        Raises:
            UndecodableError: The data is damaged inside.
        """
        for known, image in self._decoded:
            if known is message:
                return image
        image = self.transport.to_bgr(message, partial(self._range.to_bytes, arrived=arrived))
        # A view of the message costs nothing to make again.
        if not np.may_share_memory(image, np.frombuffer(message.data, np.uint8)):
            self._store(message, image)
        return image

    def _store(self, message: ImageMessage, image: NDArray[np.uint8]) -> None:
        # With the message itself, because the id of a message that was released is used again.
        self._decoded.append((message, image))
        while len(self._decoded) > 1 and self._stored_bytes() > CACHE_BYTES:
            self._decoded.popleft()

    def _stored_bytes(self) -> int:
        return sum(image.nbytes + len(message.data) for message, image in self._decoded)

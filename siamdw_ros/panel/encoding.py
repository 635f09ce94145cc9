"""From image messages to JPEG for browsers."""

import time
from dataclasses import dataclass

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage

from siamdw_ros.node.decoding import TRANSPORTS, ImageDecoder, ImageMessage
from siamdw_ros.node.decoding.compressed import jpeg_header


@dataclass(frozen=True)
class Jpeg:
    """An image for the browser.

    Attributes:
        data: JPEG.
        width: Of the full image in pixels, which the JPEG may be a reduction of.
        height: Likewise.
    """

    data: bytes
    width: int
    height: int


class Encoder:
    """Encodes the images of one camera. Lives in one thread.

    Args:
        transport: A name of TRANSPORTS.
        max_side: Larger images are reduced to this side, in pixels.
        quality: Of the JPEG, 1 to 100.
    """

    def __init__(self, transport: str, max_side: int, quality: int) -> None:
        self._decoder = ImageDecoder(TRANSPORTS[transport])
        self._max_side, self._quality = max_side, quality

    def encode(self, message: ImageMessage) -> Jpeg:
        """Return the camera's own JPEG untouched if it has one that fits, or a new one.

        Raises:
            ValueError: The message is malformed or damaged.
        """
        if problem := self._decoder.transport.check(message):
            raise ValueError(problem)
        if isinstance(message, CompressedImage) and (own := self._own_jpeg(message)):
            return own
        image = self._decoder.image(message, time.monotonic())
        height, width = image.shape[:2]
        if (scale := self._max_side / max(width, height)) < 1:
            # Of a line camera's image, 4096 x 1, the smaller side would become 0.
            size = [max(1, round(side * scale)) for side in (width, height)]
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        return Jpeg(cv2.imencode(".jpg", image, quality)[1].tobytes(), width, height)

    def _own_jpeg(self, message: CompressedImage) -> Jpeg | None:
        """Return the camera's JPEG; None if a browser decodes it differently from the tracker."""
        data = memoryview(message.data)
        header = jpeg_header(data)
        if header is None or max(header.width, header.height) > self._max_side:
            return None
        # Browsers rotate by an EXIF orientation, which the tracker ignores.
        if b"Exif\0" in bytes(data[: header.place]):
            return None
        return Jpeg(bytes(data), header.width, header.height)

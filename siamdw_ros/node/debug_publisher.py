"""Debug images of one camera, made only while somebody looks at them."""

import contextlib
import time
from typing import TYPE_CHECKING

import cv2
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from siamdw_ros.node import debug_image
from siamdw_ros.node.decoding import UndecodableError, image_message
from siamdw_ros.siamdw.crops import Image as Picture

if TYPE_CHECKING:
    from siamdw_ros.node.inference import Processed
    from siamdw_ros.node.publishers import Report

JPEG_QUALITY = 80


class DebugPublisher:
    """`debug_image`, and the same as JPEG on `debug_image/compressed`.

    Args:
        node: of the publishers.
        prefix: of the topics' names.
    """

    def __init__(self, node: Node, prefix: str) -> None:
        topic = f"{prefix}/debug_image"
        self._node = node
        self._raw = node.create_publisher(Image, topic, 1)
        self._jpeg = node.create_publisher(CompressedImage, f"{topic}/compressed", 1)
        self._next = 0.0

    def publish(self, processed: "Processed", report: "Report") -> None:
        """Draw what one image showed, if somebody looks and it is time for the next picture."""
        raw, jpeg = (p.get_subscription_count() > 0 for p in (self._raw, self._jpeg))
        now = time.monotonic()
        if not (raw or jpeg) or now < self._next:
            return
        self._next = now + 1 / report.settings.debug_image_rate
        with contextlib.suppress(UndecodableError):  # only where nothing was searched in it
            image = processed.frame.image()
            picture = debug_image.draw(image, processed.targets, _caption(processed, report, now))
            self._send(picture, processed.frame.message.header, raw, jpeg)

    def _send(self, picture: Picture, header: Header, raw: bool, jpeg: bool) -> None:
        if raw:
            message = image_message(picture)
            message.header = header
            self._raw.publish(message)
        if jpeg:
            compressed = jpeg_message(picture)
            compressed.header = header
            self._jpeg.publish(compressed)

    def destroy(self) -> None:
        """Take the topics away."""
        self._node.destroy_publisher(self._raw)
        self._node.destroy_publisher(self._jpeg)


def jpeg_message(picture: Picture) -> CompressedImage:
    """H x W x 3 uint8 BGR -> a JPEG message, without its header."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    # The format is as image_transport says it.
    return CompressedImage(format="bgr8; jpeg compressed bgr8", data=data.tobytes())


def _caption(processed: "Processed", report: "Report", now: float) -> str:
    return (
        f"{report.settings.model} on {report.device}, "
        f"{report.progress.rate.value(now):.1f} images/s, "
        f"inference {processed.inference_seconds * 1e3:.0f} ms"
    )

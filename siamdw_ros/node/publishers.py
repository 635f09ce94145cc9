"""The output of one camera: detections, predictions, status, overlays and debug images."""

import contextlib
import time

import cv2
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from siamdw_msgs.msg import TargetState, TrackerStatus
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.node import debug_image, messages
from siamdw_ros.node.decoding import UndecodableError, image_message
from siamdw_ros.node.metrics import ProcessStats, ReceiveStats
from siamdw_ros.node.overlays import OverlayPublisher
from siamdw_ros.node.results import FrameResult
from siamdw_ros.ros.conversions import nanoseconds
from siamdw_ros.siamdw.crops import Image as Pixels

JPEG_QUALITY = 80


class CameraOutput:
    """Publishers of one camera. The inference thread publishes.

    Args:
        node: Node of the publishers.
        prefix: Prefix of the topics, `~` for the only camera.
        received: Counts of the camera's input.
        processed: Counts of the camera's frames, by the inference thread.
        device: Device of the network, for example `cuda:0`.
    """

    def __init__(
        self, node: Node, prefix: str, received: ReceiveStats, processed: ProcessStats, device: str
    ) -> None:
        self.processed = processed
        self._node = node
        self._received = received
        self._device = device
        self._first = node.create_publisher(Detection2D, f"{prefix}/detection", 10)
        self._all = node.create_publisher(Detection2DArray, f"{prefix}/detections", 10)
        self._predictions = node.create_publisher(Detection2DArray, f"{prefix}/predictions", 10)
        self._status = node.create_publisher(TrackerStatus, f"{prefix}/status", 10)
        self._debug = DebugPublisher(node, prefix)
        self._overlays = OverlayPublisher(node, prefix)
        self._last: TrackerStatus | None = None

    def publish(self, result: FrameResult) -> None:
        """Publish what one frame showed: detections first, then predictions and status."""
        found = messages.detections(result)
        # ~/detection is for robots that follow one target. Were the second one published while
        # the first is lost, such a robot would drive to it.
        if found.detections and found.detections[0].id == result.targets[0].id:
            self._first.publish(found.detections[0])
        self._all.publish(found)
        if result.settings.prediction_horizon:
            self._predictions.publish(messages.predictions(result))
        age = self._node.get_clock().now().nanoseconds - nanoseconds(result.frame.stamp)
        now = time.monotonic()
        latency = self.processed.count_latency(now, age * 1e-9)
        self._last = messages.status(
            result, self._received, self.processed, self._device, now, latency
        )
        self._status.publish(self._last)

    def show(self, result: FrameResult) -> None:
        """Publish overlays and debug image of one frame, to those who subscribe."""
        self._overlays.publish(result)
        rate = self.processed.rate.value(time.monotonic())
        milliseconds = result.inference_seconds * 1e3
        caption = (
            f"{result.settings.model} on {self._device}, {rate:.1f} images/s, "
            f"inference {milliseconds:.0f} ms"
        )
        self._debug.publish(result, caption)

    @property
    def targets(self) -> list[TargetState]:
        """The camera's targets as they were published last. Readable from any thread."""
        last = self._last
        return list(last.targets) if last is not None else []

    def reset(self) -> None:
        """Reset `targets`. Call it when the inference thread has ended."""
        self._last = None

    def destroy(self) -> None:
        """Destroy the publishers."""
        for publisher in (self._first, self._all, self._predictions, self._status):
            self._node.destroy_publisher(publisher)
        self._debug.destroy()
        self._overlays.destroy()


class DebugPublisher:
    """Publishes `debug_image`, and the same as JPEG on `debug_image/compressed`.

    Args:
        node: Node of the publishers.
        prefix: Prefix of the topics.
    """

    def __init__(self, node: Node, prefix: str) -> None:
        topic = f"{prefix}/debug_image"
        self._node = node
        self._raw = node.create_publisher(Image, topic, 1)
        self._jpeg = node.create_publisher(CompressedImage, f"{topic}/compressed", 1)
        self._next = 0.0  # time of the steady clock before which nothing is drawn

    def publish(self, result: FrameResult, caption: str) -> None:
        """Draw what one frame showed, if there are subscribers and the rate allows it.

        Args:
            result: What the frame showed.
            caption: Line at the top of the image.
        """
        raw = self._raw.get_subscription_count() > 0
        jpeg = self._jpeg.get_subscription_count() > 0
        now = time.monotonic()
        if not (raw or jpeg) or now < self._next:
            return
        self._next = now + 1 / result.settings.debug_image_rate
        with contextlib.suppress(UndecodableError):  # only if no target was searched in the frame
            drawn = debug_image.draw(result.frame.image(), result.targets, caption)
            self._send(drawn, result.frame.message.header, raw, jpeg)

    def _send(self, drawn: Pixels, header: Header, raw: bool, jpeg: bool) -> None:
        if raw:
            message = image_message(drawn)
            message.header = header
            self._raw.publish(message)
        if jpeg:
            compressed = jpeg_message(drawn)
            compressed.header = header
            self._jpeg.publish(compressed)

    def destroy(self) -> None:
        """Destroy the publishers."""
        self._node.destroy_publisher(self._raw)
        self._node.destroy_publisher(self._jpeg)


def jpeg_message(image: Pixels) -> CompressedImage:
    """Encode an image (H x W x 3, uint8, BGR) as a JPEG message without a header."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    # The format string is that of image_transport.
    return CompressedImage(format="bgr8; jpeg compressed bgr8", data=data.tobytes())

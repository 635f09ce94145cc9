"""What one camera's images lead to: detections and status."""

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
from dataclasses import dataclass
from typing import TYPE_CHECKING

import rclpy.time
from siamdw_msgs.msg import TrackerStatus
from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.node import messages
from siamdw_ros.node.metrics import ProcessStats, ReceiveStats
from siamdw_ros.node.parameters import Settings

if TYPE_CHECKING:
    from siamdw_ros.node.inference import Processed


@dataclass(frozen=True)
class Report:
    """What is told beside the targets themselves."""

    settings: Settings
    device: str
    intake: ReceiveStats
    progress: ProcessStats


class CameraPublishers:
    """The topics of one camera.

    Args:
        node: of the publishers.
        prefix: of the topics' names, `~` for the only camera.
    """

    def __init__(self, node: Node, prefix: str) -> None:
        self._node = node
        self._first = node.create_publisher(Detection2D, f"{prefix}/detection", 10)
        self._all = node.create_publisher(Detection2DArray, f"{prefix}/detections", 10)
        self._predictions = node.create_publisher(Detection2DArray, f"{prefix}/predictions", 10)
        self._status = node.create_publisher(TrackerStatus, f"{prefix}/status", 10)
        self.last: TrackerStatus | None = None  # published

    def publish(self, processed: "Processed", report: Report) -> None:
        """Tell what one image showed. In the inference thread."""
        header, targets = processed.frame.message.header, processed.targets
        found = messages.detections(header, targets, report.settings.class_id)
        if found.detections and found.detections[0].id == targets[0].id:
            self._first.publish(found.detections[0])
        self._all.publish(found)
        if ahead := report.settings.prediction_horizon:
            class_id = report.settings.class_id
            self._predictions.publish(messages.predictions(header, targets, class_id, ahead))
        self.last = self._status_of(processed, report)
        self._status.publish(self.last)

    def _status_of(self, processed: "Processed", report: Report) -> TrackerStatus:
        header, now = processed.frame.message.header, time.monotonic()
        clock, intake, progress = self._node.get_clock(), report.intake, report.progress
        stamp = rclpy.time.Time.from_msg(header.stamp, clock.clock_type)
        latency = (clock.now() - stamp).nanoseconds * 1e-6
        progress.latency.add(now, latency)
        return TrackerStatus(
            header=header,
            targets=[messages.target_state(target) for target in processed.targets],
            model=report.settings.model,
            device=report.device,
            receive_rate=intake.rate.value(now),
            process_rate=progress.rate.value(now),
            inference_ms=processed.inference_seconds * 1e3,
            latency_ms=latency,
            received=intake.received,
            processed=progress.processed,
            dropped=intake.dropped,
            rejected=intake.rejected + progress.rejected,
        )

    def destroy(self) -> None:
        """Take the topics away."""
        for publisher in (self._first, self._all, self._predictions, self._status):
            self._node.destroy_publisher(publisher)


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

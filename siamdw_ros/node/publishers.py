"""What one camera's images lead to: detections and status."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import rclpy.time
from rclpy.node import Node
from siamdw_msgs.msg import TrackerStatus
from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.node import messages
from siamdw_ros.node.diagnostics import Intake, Progress
from siamdw_ros.node.settings import Settings

if TYPE_CHECKING:
    from siamdw_ros.node.inference import Processed


@dataclass(frozen=True)
class Report:
    """What is told beside the targets themselves."""

    settings: Settings
    device: str
    intake: Intake
    progress: Progress


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

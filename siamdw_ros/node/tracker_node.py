"""The node: images and requests in, detections and status out."""

import time
from typing import Any

import rclpy
import rclpy.time
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future
from sensor_msgs.msg import Image
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking, StopTracking
from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.node import images, messages
from siamdw_ros.node.diagnostics import Intake
from siamdw_ros.node.frames import Frame, Inbox, Request
from siamdw_ros.node.inference import Answer, InferenceThread, Processed, refusal
from siamdw_ros.node.parameters import declare

# What REP 2003 asks of those who consume sensor data; depth 1, since only the newest counts.
IMAGE_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
WARNING_PERIOD = 5.0  # seconds between warnings of one kind


class TrackerNode(Node):
    """Follows targets through an image topic.

    The executor's thread checks messages and puts them into the inbox; the inference thread does
    the rest and publishes.
    """

    def __init__(self) -> None:
        super().__init__("siamdw_tracker")
        self.settings = declare(self)
        self.intake = Intake()
        self.inbox = Inbox()
        self.inference = InferenceThread(
            self.settings, self.inbox, self._publish, self.get_logger()
        )
        self._first = self.create_publisher(Detection2D, "~/detection", 10)
        self._all = self.create_publisher(Detection2DArray, "~/detections", 10)
        self._status = self.create_publisher(TrackerStatus, "~/status", 10)
        self.create_subscription(
            Image,
            "image",
            self._on_image,
            IMAGE_QOS,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        # Reentrant: a request that waits for the inference thread must not hold up another.
        services = ReentrantCallbackGroup()
        for kind, name in ((StartTracking, "start_tracking"), (StopTracking, "stop_tracking")):
            self.create_service(kind, f"~/{name}", self._on_request, callback_group=services)
        self.create_timer(0.25, self._refuse_overdue)
        self.inference.start()

    def _on_image(self, message: Image) -> None:
        self.intake.received += 1
        self.intake.rate.tick(time.monotonic())
        if problem := images.check(message):
            self.intake.rejected += 1
            self.get_logger().warning(
                f"image rejected, {self.intake.rejected} so far: {problem}",
                throttle_duration_sec=WARNING_PERIOD,
            )
        else:
            self.inbox.put_frame(Frame(message))

    async def _on_request(self, asked: Any, _response: Any) -> Answer:
        """Hand a request to the inference thread; the executor goes on until it is answered."""
        answer = Future()
        answer.add_done_callback(self._on_answered)
        deadline = time.monotonic() + self.settings.request_timeout
        if not self.inbox.put_request(Request(asked, answer, deadline)):
            return refusal(asked, "too many requests wait already: try again later")
        response: Answer = await answer
        return response

    def _on_answered(self, _answer: Future) -> None:
        if self.executor is not None and self.context.ok():
            self.executor.wake()

    def _refuse_overdue(self) -> None:
        reason = f"no answer within {self.settings.request_timeout:g} s: inference is busy"
        for request in self.inbox.take_overdue(time.monotonic()):
            request.answer.set_result(refusal(request.asked, reason))

    def _publish(self, processed: Processed) -> None:
        """Tell what one image showed, while there is somebody to tell. In the inference thread."""
        try:
            self._publish_all(processed)
        except rclpy_implementation.RCLError:
            if self.context.ok():  # otherwise the node is shutting down
                raise

    def _publish_all(self, processed: Processed) -> None:
        header = processed.frame.message.header
        found = messages.detections(header, processed.targets, self.settings.class_id)
        first = next(iter(processed.targets), None)
        if first is not None and found.detections and found.detections[0].id == first.id:
            self._first.publish(found.detections[0])
        self._all.publish(found)
        self._status.publish(self._status_of(processed))

    def _status_of(self, processed: Processed) -> TrackerStatus:
        header, now = processed.frame.message.header, time.monotonic()
        stamp = rclpy.time.Time.from_msg(header.stamp, self.get_clock().clock_type)
        return TrackerStatus(
            header=header,
            targets=[messages.target_state(target) for target in processed.targets],
            model=self.settings.model,
            device=self.inference.device,
            receive_rate=self.intake.rate.value(now),
            process_rate=self.inference.progress.rate.value(now),
            inference_ms=processed.inference_seconds * 1e3,
            latency_ms=(self.get_clock().now() - stamp).nanoseconds * 1e-6,
            received=self.intake.received,
            processed=self.inference.progress.processed,
            dropped=self.inbox.dropped,
            rejected=self.intake.rejected,
        )

    def close(self) -> None:
        """End the inference thread; requests that still wait are refused."""
        for request in self.inbox.close():
            request.answer.set_result(refusal(request.asked, "the node is shutting down"))
        self.inference.join()


def main(args: list[str] | None = None) -> None:
    """Run the node until it is interrupted."""
    try:
        rclpy.init(args=args)
        node = TrackerNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            executor.spin()
        finally:
            node.close()
            node.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # asked to end: that is no failure
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()

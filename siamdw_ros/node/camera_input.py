"""One camera: its image topic, what came in on it, and what goes out for it."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from siamdw_msgs.msg import TargetState
from vision_msgs.msg import Detection2DArray

from siamdw_ros.node.decoding import ImageDecoder, ImageMessage, Transport
from siamdw_ros.node.frame_buffer import Frame, FrameBuffer, check_stamp, nanoseconds
from siamdw_ros.node.metrics import ProcessStats, ReceiveStats
from siamdw_ros.node.parameters import Settings
from siamdw_ros.node.publishers import CameraPublishers, DebugPublisher, Report
from siamdw_ros.node.receiver import NotForTheExecutor

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

if TYPE_CHECKING:
    from siamdw_ros.node.inference import Processed

WARNING_PERIOD = 5.0  # seconds between warnings of one kind


class Camera:
    """Checks what arrives and hands it on; publishes what comes of it.

    Args:
        node: of the subscription and the publishers.
        topic: of the images, if they were raw.
        transport: how they come.
        name: see :func:`camera_names`.
        prefix: of the topics it publishes on.
    """

    def __init__(
        self, node: Node, topic: str, transport: Transport, name: str, prefix: str
    ) -> None:
        # As image_transport does: a remapping of the raw topic holds for the others, too.
        self.topic = node.resolve_topic_name(topic) + transport.suffix
        self.node, self.name, self.transport = node, name, transport
        self.intake, self.progress = ReceiveStats(), ProcessStats()
        self.decoder = ImageDecoder(transport)
        self.qos = image_qos()
        self._publishers = CameraPublishers(node, prefix)
        self._debug = DebugPublisher(node, prefix)
        self.subscription = self._detector = None
        self._prefix = prefix
        self._inbox: FrameBuffer | None = None
        self._last_stamp = 0
        self.since = 0.0  # subscribed, by the steady clock
        self.frame_id = ""  # of the last image

    def subscribe(self, inbox: FrameBuffer, *, with_detector: bool = False) -> None:
        """Put images, and what a detector says of them, into an inbox from now on.

        The images wait in `subscription` for a receiver.
        """
        self._inbox = inbox
        self.intake.last = self.progress.last = None
        self.since = time.monotonic()
        try:
            self.subscription = self._subscribe(message_lost=self._on_lost)
        except UnsupportedEventTypeError:  # not every middleware tells
            self.subscription = self._subscribe()
        if with_detector:
            self._detector = self.node.create_subscription(
                Detection2DArray, f"{self._prefix}/detector", self._on_detections, image_qos()
            )

    def _subscribe(self, **callbacks: Callable[[Any], None]) -> Any:
        self.qos = image_qos()  # anew: rclpy writes overrides into it
        # Each event costs time with every image; what does not connect, diagnostics find out.
        events = SubscriptionEventCallbacks(use_default_callbacks=False, **callbacks)
        return self.node.create_subscription(
            self.transport.message,
            self.topic,
            self._on_image,
            self.qos,
            callback_group=NotForTheExecutor(),
            event_callbacks=events,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def _on_lost(self, event: Any) -> None:
        self.intake.lost = event.total_count

    def unsubscribe(self) -> None:
        """Take no more images. The receiver has ended."""
        for subscription in (self.subscription, self._detector):
            if subscription is not None:
                self.node.destroy_subscription(subscription)
        self.subscription = self._detector = self._inbox = self._publishers.last = None
        self.decoder.reset()

    @property
    def targets(self) -> Sequence[TargetState]:
        """What was last said about the camera's targets."""
        last = self._publishers.last
        return last.targets if last is not None else []

    def destroy(self) -> None:
        """Take everything of it away."""
        self.unsubscribe()
        self._publishers.destroy()
        self._debug.destroy()

    def _on_image(self, message: ImageMessage) -> None:
        """In the receiver's thread."""
        now = time.monotonic()
        self.intake.received += 1
        self.intake.rate.tick(now)
        self.intake.last = now
        if problem := self.transport.check(message) or check_stamp(message.header.stamp):
            self.intake.rejected += 1
            self.intake.problem = problem
            self._warn(f"image rejected, {self.intake.rejected} so far: {problem}")
        elif self._inbox is not None:
            frame = Frame(self.name, message, now, self.decoder)
            self._watch_time(frame)
            self.intake.dropped += self._inbox.put_frame(frame)

    def _on_detections(self, message: Detection2DArray) -> None:
        lost = any(target.state == TargetState.LOST for target in self.targets)
        if lost and self._inbox is not None:
            self._inbox.put_detections(self.name, message)

    def _watch_time(self, frame: Frame) -> None:
        stamp = nanoseconds(frame.stamp)
        if stamp < self._last_stamp:
            back = (self._last_stamp - stamp) * 1e-9
            self._warn(f"time jumped back by {back:.3f} s: images from before are let go")
        self._last_stamp = stamp
        self.frame_id = frame.frame_id

    def _warn(self, text: str) -> None:
        self.node.get_logger().warning(
            f"{self.name}: {text}", throttle_duration_sec=WARNING_PERIOD
        )

    def publish(self, processed: "Processed", settings: Settings, device: str) -> None:
        """Tell what one image showed. In the inference thread."""
        self._publishers.publish(processed, self._report(settings, device))
        if warning := self.decoder.warning:
            self._warn(warning)

    def show(self, processed: "Processed", settings: Settings, device: str) -> None:
        """Draw it, if somebody looks. In the inference thread."""
        self._debug.publish(processed, self._report(settings, device))

    def _report(self, settings: Settings, device: str) -> Report:
        return Report(settings, device, self.intake, self.progress)


def image_qos() -> QoSProfile:
    """What REP 2003 asks of consumers of sensor data; depth 1, since only the newest counts."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def camera_names(topics: Sequence[str]) -> list[str]:
    """Short names: /front/image_raw is `front`, unless two cameras would share the name."""
    whole = [topic.strip("/").removeprefix("~/") for topic in topics]
    short = [topic.rpartition("/")[0] or topic for topic in whole]
    return short if max(Counter(short).values()) == 1 else whole


def make_cameras(node: Node, topics: Sequence[str], transport: Transport) -> list[Camera]:
    """One camera a topic. The only one publishes under `~`, several under `~/NAME`.

    Raises:
        Exception: rclpy's own, for a topic that has no valid name.
    """
    names = camera_names(topics)
    prefixes = ["~"] if len(names) == 1 else [f"~/{name}" for name in names]
    return [
        Camera(node, topic, transport, name, prefix)
        for topic, name, prefix in zip(topics, names, prefixes, strict=True)
    ]

"""The input of one camera: its subscriptions, and the check of every message that arrives."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from vision_msgs.msg import Detection2DArray

from siamdw_ros.node.decoding import ImageDecoder, ImageMessage, Transport
from siamdw_ros.node.frame_buffer import Frame, FrameBuffer
from siamdw_ros.node.metrics import ProcessStats, ReceiveStats
from siamdw_ros.node.throttled_log import ThrottledLog
from siamdw_ros.ros.conversions import nanoseconds
from siamdw_ros.ros.rclpy_internals import NotForTheExecutor

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError


class CameraInput:
    """Subscribes to one camera and puts every usable image into a frame buffer.

    Args:
        node: Node of the subscriptions.
        topic: Topic of the raw images, with its full name.
        transport: How the images arrive.
        name: Name of the camera, see :func:`camera_names`.
        prefix: Prefix of the camera's own topics, see :func:`topic_prefixes`.
        log: Log of the node.

    Attributes:
        topic: Topic that is subscribed to. As with image_transport, a remapping of the raw topic
            applies to the compressed one as well.
        received: Counts of the receiving thread.
        processed: Counts of the inference thread.
        subscription: Subscription to the images while the node is active. A receiver takes them.
        qos: QoS of the subscription, with the user's overrides.
        since: Time of the steady clock at which the images were subscribed to, in seconds.
        newest: The last image that was accepted, while the node is active.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        transport: Transport,
        name: str,
        prefix: str,
        log: ThrottledLog,
    ) -> None:
        self.topic = topic + transport.suffix
        self.name = name
        self.transport = transport
        self.received = ReceiveStats()
        self.processed = ProcessStats()
        self.subscription: Any = None
        self.qos = image_qos()
        self.since = 0.0
        self.newest: Frame | None = None
        self.decoder = ImageDecoder(transport)
        self._node = node
        self._prefix = prefix
        self._log = log
        self._detector: Any = None
        self._buffer: FrameBuffer | None = None

    def subscribe(self, buffer: FrameBuffer, *, with_detector: bool = False) -> None:
        """Subscribe to the images and put them into a buffer.

        Args:
            buffer: Buffer for the images.
            with_detector: Subscribe to the boxes of a detector as well.
        """
        self._buffer = buffer
        self.received.last = None
        self.processed.last = None
        self.since = time.monotonic()
        try:
            self.subscription = self._subscribe(message_lost=self._on_messages_lost)
        except UnsupportedEventTypeError:  # some middlewares do not report lost messages
            self.subscription = self._subscribe()
        if with_detector:
            self._detector = self._node.create_subscription(
                Detection2DArray, f"{self._prefix}/detector", self._on_detections, image_qos()
            )

    def _subscribe(self, **callbacks: Callable[[Any], None]) -> Any:
        self.qos = image_qos()  # a new one: rclpy writes the overrides into it
        # Each QoS event slows every wait. Diagnostics report an incompatible QoS instead.
        events = SubscriptionEventCallbacks(use_default_callbacks=False, **callbacks)
        return self._node.create_subscription(
            self.transport.message,
            self.topic,
            self._on_image,
            self.qos,
            callback_group=NotForTheExecutor(),
            event_callbacks=events,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def unsubscribe(self) -> None:
        """Destroy the subscriptions and release what is held of earlier images.

        Call it when the receiver and the inference thread have ended.
        """
        for subscription in (self.subscription, self._detector):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        self.subscription = None
        self._detector = None
        self._buffer = None
        self.newest = None
        self.decoder.reset()

    def _on_image(self, message: ImageMessage) -> None:
        """Check an image and put it into the buffer. Called in the receiving thread."""
        now = time.monotonic()
        self.received.count(now)
        buffer = self._buffer
        if buffer is None:
            return
        if problem := self.transport.check(message):
            self._reject(problem, buffer)
            return
        frame = Frame(self.name, message, now, self.decoder)
        if self.newest is not None:
            back = nanoseconds(self.newest.stamp) - nanoseconds(frame.stamp)
            if back > 0:
                text = f"the stamps jumped back by {back * 1e-9:.3f} s: older images are released"
                self._log.warning(f"{self.name} time", f"{self.topic}: {text}")
        self.newest = frame
        self.received.dropped += buffer.put_frame(frame)

    def _reject(self, problem: str, buffer: FrameBuffer) -> None:
        buffer.note_problem(self.name, problem)
        self.received.problem = problem  # before the count, after which others read it
        self.received.rejected += 1
        count = self.received.rejected
        self._log.warning(
            f"{self.name} rejected", f"{self.topic}: image rejected, {count} so far: {problem}"
        )

    def _on_detections(self, message: Detection2DArray) -> None:
        if self._buffer is not None:
            self._buffer.put_detections(self.name, message)

    def _on_messages_lost(self, event: Any) -> None:
        self.received.lost_messages = event.total_count


def image_qos() -> QoSProfile:
    """Return the QoS of sensor data (REP 2003). Depth 1: only the newest image counts."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def camera_names(topics: Sequence[str]) -> list[str]:
    """Return short camera names: /front/image_raw is `front`.

    Where two cameras would share a short name, all have the whole topic as their name.

    Args:
        topics: Topics of the raw images, as the user gave them.
    """
    whole = [topic.strip("/").removeprefix("~/") for topic in topics]
    short = [topic.rpartition("/")[0] or topic for topic in whole]
    return short if max(Counter(short).values()) == 1 else whole


def topic_prefixes(names: Sequence[str]) -> list[str]:
    """Return the prefix of each camera's own topics: `~` for a single camera, else `~/NAME`."""
    return ["~"] if len(names) == 1 else [f"~/{name}" for name in names]


def check_cameras(node: Node, topics: Sequence[str], transport: Transport) -> None:
    """Check that every camera has a topic and a name of its own.

    Args:
        node: Node whose namespace and remappings apply.
        topics: Topics of the raw images, as the user gave them.
        transport: How the images arrive.

    Raises:
        ValueError: Two topics are the same or lead to the same camera name, or a topic ends with
            the suffix that the transport adds.
    """
    resolved = [node.resolve_topic_name(topic) for topic in topics]
    for kind, values in (("topic", resolved), ("camera name", camera_names(topics))):
        value, count = Counter(values).most_common(1)[0]
        if count > 1:
            raise ValueError(f"image_topics: {count} cameras have the {kind} '{value}'")
    for topic in resolved:
        if transport.suffix and topic.endswith(transport.suffix):
            raise ValueError(
                f"image topic '{topic}' ends with {transport.suffix}, which image_transport adds: "
                f"give '{topic.removesuffix(transport.suffix)}'"
            )

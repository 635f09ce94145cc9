"""The panel's side to ROS: the tracker's topics and services."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking, StopTracking
from std_msgs.msg import Bool

from siamdw_ros.node.decoding import TRANSPORTS, ImageMessage
from siamdw_ros.node.diagnostics_reader import Camera
from siamdw_ros.ros.conversions import nanoseconds

ANSWER_SECONDS = 10.0  # the tracker itself refuses after 5 s
ERROR_PERIOD = 5.0  # seconds between errors of one kind in the log
END_SECONDS = 5.0


class Listener(Protocol):
    """Gets what arrives, in the event loop's thread."""

    def on_image(self, camera: str, message: ImageMessage) -> None:
        """Take an image of a camera that is watched."""

    def on_status(self, camera: str, message: TrackerStatus) -> None:
        """Take what the tracker reports on an image of that camera."""

    def on_diagnostics(self, message: DiagnosticArray) -> None:
        """Take diagnostics, of whatever node."""


class UnavailableError(RuntimeError):
    """The tracker does not answer; the message gives the operator the reason."""


class RosLink:
    """Runs a node in a thread of its own, and passes what arrives to the event loop.

    All methods are for the event loop's thread. Subscriptions are made and destroyed in the
    executor's thread, which is the only one that uses them.

    Args:
        node: The panel's.
        tracker: Name of the tracker node.
        enable_topic: Of the follower; empty: none.
        loop: Where `listener` lives.
    """

    def __init__(
        self, node: Node, tracker: str, enable_topic: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.node = node
        self.tracker = node.resolve_service_name(tracker)
        self._loop = loop
        self._listener: Listener | None = None
        self._wanted: frozenset[Camera] = frozenset()
        self._watched: dict[Camera, list[Any]] = {}  # subscriptions of each camera
        self._start = node.create_client(StartTracking, f"{self.tracker}/start_tracking")
        self._stop = node.create_client(StopTracking, f"{self.tracker}/stop_tracking")
        self._enable = node.create_publisher(Bool, enable_topic, 1) if enable_topic else None
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name="panel_ros", daemon=True)
        self._ended = threading.Event()

    def run(self, listener: Listener) -> None:
        """Start to listen."""
        self._listener = listener
        self.node.create_subscription(
            DiagnosticArray, "/diagnostics", self._posting(listener.on_diagnostics), 10
        )
        self._thread.start()

    def close(self) -> None:
        """End the thread and destroy the node."""
        self._ended.set()
        if self._thread.is_alive():
            self._executor.create_task(lambda: None)  # there must be work for spin_once to return
            self._thread.join(END_SECONDS)
        self.node.destroy_node()

    def watch(self, cameras: Iterable[Camera]) -> None:
        """Subscribe to these cameras' images and to the tracker's reports on them, no others."""
        self._wanted = frozenset(cameras)
        self._executor.create_task(self._update_subscriptions)

    def has_follower(self) -> bool:
        """Whether a follower listens to the enable messages."""
        return self._enable is not None and self._enable.get_subscription_count() > 0

    def enable(self, pressed: bool) -> None:
        """Let the follower drive for a moment, or stop it at once."""
        if self._enable is not None:
            self._enable.publish(Bool(data=pressed))

    def report(self, problem: str) -> None:
        """Log an error, but not more often than every few seconds."""
        self.node.get_logger().error(problem, throttle_duration_sec=ERROR_PERIOD)

    def age(self, stamp: Any) -> float:
        """Seconds since a stamp, by the node's clock."""
        now = self.node.get_clock().now().nanoseconds
        return float(now - nanoseconds(stamp)) * 1e-9

    async def start(self, request: StartTracking.Request) -> StartTracking.Response:
        """Call the tracker's service.

        Raises:
            UnavailableError: There is no answer.
        """
        return await self._call(self._start, request)

    async def stop(self, request: StopTracking.Request) -> StopTracking.Response:
        """Call the tracker's service.

        Raises:
            UnavailableError: There is no answer.
        """
        return await self._call(self._stop, request)

    async def _call(self, client: Any, request: Any) -> Any:
        if not client.service_is_ready():
            raise UnavailableError(f"no tracker: there is no service {client.srv_name}")
        answer = self._loop.create_future()
        future = client.call_async(request)
        future.add_done_callback(
            lambda done: self._post(_settle, answer, done.result(), done.exception())
        )
        try:
            return await asyncio.wait_for(answer, ANSWER_SECONDS)
        except asyncio.TimeoutError:
            client.remove_pending_request(future)
            raise UnavailableError(
                f"no answer of the tracker within {ANSWER_SECONDS:g} s"
            ) from None

    def _spin(self) -> None:
        while not self._ended.is_set():
            try:
                self._executor.spin_once()
            except ExternalShutdownException:
                return
            except Exception as error:  # the panel lives on, whatever a callback met
                if self._ended.is_set() or not self.node.context.ok():
                    return
                self.report(f"receiving failed: {error!r}")

    def _update_subscriptions(self) -> None:
        """Make the subscriptions those that are wanted by now.

        Not one task per change: the executor takes the newest of several tasks first, so that a
        subscription would be made before the older one to the same camera is destroyed.
        """
        wanted = self._wanted
        for camera in self._watched.keys() - wanted:
            for subscription in self._watched.pop(camera):
                self.node.destroy_subscription(subscription)
        for camera in wanted - self._watched.keys():
            self._watched[camera] = self._subscribe(camera)

    def _subscribe(self, camera: Camera) -> list[Any]:
        assert self._listener is not None
        message = TRANSPORTS[camera.transport].message
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        kinds = (
            (message, camera.topic, self._listener.on_image, qos),
            (TrackerStatus, camera.status_topic, self._listener.on_status, QoSProfile(depth=5)),
        )
        return [
            self.node.create_subscription(kind, topic, self._posting(take, camera.name), profile)
            for kind, topic, take, profile in kinds
        ]

    def _posting(self, take: Callable[..., None], *first: Any) -> Callable[[Any], None]:
        """A subscription's callback that hands the message over to the event loop."""
        return lambda message: self._post(take, *first, message)

    def _post(self, take: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(take, *arguments)
        except RuntimeError:  # the loop has ended
            self._ended.set()


def _settle(answer: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(UnavailableError(f"the tracker's answer is lost: {error}"))
    else:
        answer.set_result(result)

"""A robot's side of a tracker node: a camera topic, subscriptions and service clients."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking, StopTracking
from vision_msgs.msg import Detection2DArray

from siamdw_ros.evaluation.node_client import PATIENCE, Client
from siamdw_ros.ros.conversions import box_to_message, nanoseconds
from siamdw_ros.siamdw.crops import Box


@dataclass(frozen=True)
class Received:
    """A message of the tracker.

    Attributes:
        message: detections or status.
        arrived: when it was received, in nanoseconds of the clock that images are stamped with.
        stamp: of its image, in nanoseconds.
    """

    message: Any
    arrived: int
    stamp: int


@dataclass(frozen=True)
class Recovery:
    """Seconds from a fault's end to the first answer and to the first newer image's result."""

    answer: float
    publish: float


class Robot(Client):
    """A client that also publishes images and receives detections and statuses.

    Args:
        namespace, tracker: see :class:`Client`.
        camera: of several that the tracker has, whose topic is CAMERA/image; empty: the only one.
        kept: messages of each kind that are kept, the newest; None: all.
    """

    def __init__(
        self,
        namespace: str = "/",
        tracker: str = "siamdw_tracker",
        camera: str = "",
        kept: int | None = 1000,
    ) -> None:
        super().__init__(namespace, tracker, f"{camera}_robot" if camera else "robot")
        self.camera = camera
        topic = f"{camera}/image" if camera else "image"
        self.images: dict[Any, Any] = {
            Image: self.node.create_publisher(Image, topic, QoSProfile(depth=5)),
            CompressedImage: self.node.create_publisher(
                CompressedImage, f"{topic}/compressed", QoSProfile(depth=5)
            ),
        }
        self.detections: deque[Received] = deque(maxlen=kept)
        self.statuses: deque[Received] = deque(maxlen=kept)
        self._listen(Detection2DArray, "detections", self.detections)
        self._listen(TrackerStatus, "status", self.statuses)

    def _listen(self, kind: Any, name: str, store: deque[Received]) -> None:
        def receive(message: Any) -> None:
            store.append(Received(message, self.now(), nanoseconds(message.header.stamp)))

        prefix = f"{self.tracker}/{self.camera}" if self.camera else self.tracker
        self.node.create_subscription(kind, f"{prefix}/{name}", receive, 100)

    def now(self) -> int:
        """Return the time that images are stamped with, in nanoseconds."""
        return int(self.node.get_clock().now().nanoseconds)

    def send(self, image: Image | CompressedImage, stamp: int | None = None) -> int:
        """Publish an image and return its stamp: the one given or now, in nanoseconds."""
        stamp = self.now() if stamp is None else stamp
        image.header.stamp = Time(nanoseconds=stamp).to_msg()
        self.images[type(image)].publish(image)
        return stamp

    def start(self, box: Box, target_id: str = "target") -> StartTracking.Response:
        """Start tracking what the newest image shows in a box, (x, y, w, h)."""
        request = StartTracking.Request(target_id=target_id, bbox=box_to_message(box))
        request.header.frame_id = self.camera
        return self.ask(StartTracking, "start_tracking", request)

    def stop(self, target_id: str = "", seconds: float = PATIENCE) -> StopTracking.Response:
        """Stop tracking one target, or all."""
        request = StopTracking.Request(target_id=target_id)
        return self.ask(StopTracking, "stop_tracking", request, seconds)

    def recovery(self, counts: Callable[[int], bool] | None = None) -> Recovery:
        """Measure, from now on, how soon the node answers and reports an image again.

        A camera has to be running.

        Args:
            counts: returns for an image's stamp whether it was taken after the fault (default:
                whether it is later than the present).

        Raises:
            RobotError: one of the two does not come.
        """
        begin = self.now()
        is_new = counts or (lambda stamp: stamp >= begin)
        nobody = StopTracking.Request(target_id="nobody")
        self.ask(StopTracking, "stop_tracking", nobody, again=0.25)
        answer = self.now() - begin

        def reported() -> Received | None:
            received = tuple(self.detections)
            return next((r for r in received if r.arrived >= begin and is_new(r.stamp)), None)

        first = self.wait(reported, "detections of a new image")
        return Recovery(1e-9 * answer, 1e-9 * (first.arrived - begin))

    def follows(self, target_id: str = "target") -> bool:
        """Whether the newest detections hold a target."""
        if not self.detections:
            return False
        return target_id in [one.id for one in self.detections[-1].message.detections]

"""What a robot has of a tracker node: a camera's topic, ears and service clients."""

import time
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
from siamdw_ros.node.frame_buffer import nanoseconds
from siamdw_ros.node.messages import box_to_message
from siamdw_ros.siamdw.crops import Box


@dataclass(frozen=True)
class Heard:
    """A message, when it came (seconds of the steady clock) and its image's stamp (ns)."""

    message: Any
    arrived: float
    stamp: int


@dataclass(frozen=True)
class Recovery:
    """Seconds from a fault's end to the first answer and to the first newer image's result."""

    answer: float
    publish: float


class Robot(Client):
    """A client that also sends images and listens to what becomes of them.

    Args:
        namespace, tracker: see :class:`Client`.
        camera: of several that the tracker has, whose topic is CAMERA/image; empty: the only one.
    """

    def __init__(
        self, namespace: str = "/", tracker: str = "siamdw_tracker", camera: str = ""
    ) -> None:
        super().__init__(namespace, tracker, f"{camera}_robot" if camera else "robot")
        self.camera, topic = camera, f"{camera}/image" if camera else "image"
        self.images: dict[Any, Any] = {
            Image: self.node.create_publisher(Image, topic, QoSProfile(depth=5)),
            CompressedImage: self.node.create_publisher(
                CompressedImage, f"{topic}/compressed", QoSProfile(depth=5)
            ),
        }
        self.detections: deque[Heard] = deque(maxlen=1000)
        self.statuses: deque[Heard] = deque(maxlen=1000)
        self._listen(Detection2DArray, "detections", self.detections)
        self._listen(TrackerStatus, "status", self.statuses)

    def _listen(self, kind: Any, name: str, store: deque[Heard]) -> None:
        def hear(message: Any) -> None:
            stamp = nanoseconds(message.header.stamp)
            store.append(Heard(message, time.monotonic(), stamp))

        prefix = f"{self.tracker}/{self.camera}" if self.camera else self.tracker
        self.node.create_subscription(kind, f"{prefix}/{name}", hear, 100)

    def now(self) -> int:
        """The time that images are stamped with, nanoseconds."""
        return int(self.node.get_clock().now().nanoseconds)

    def send(self, image: Image | CompressedImage, stamp: int | None = None) -> int:
        """Publish an image and return its stamp: the one given or now, in nanoseconds."""
        stamp = self.now() if stamp is None else stamp
        image.header.stamp = Time(nanoseconds=stamp).to_msg()
        self.images[type(image)].publish(image)
        return stamp

    def start(self, box: Box, target_id: str = "target") -> StartTracking.Response:
        """Ask the node to follow what the newest image shows in a box, (x, y, w, h)."""
        request = StartTracking.Request(target_id=target_id, bbox=box_to_message(box))
        request.header.frame_id = self.camera
        return self.ask(StartTracking, "start_tracking", request)

    def stop(self, target_id: str = "", seconds: float = PATIENCE) -> StopTracking.Response:
        """Ask the node to stop following one target, or all."""
        request = StopTracking.Request(target_id=target_id)
        return self.ask(StopTracking, "stop_tracking", request, seconds)

    def recovery(self, counts: Callable[[int], bool] | None = None) -> Recovery:
        """Measure, from now on, how soon the node answers and reports an image again.

        A camera has to be running.

        Args:
            counts: says of an image's stamp whether it was taken after the fault (default:
                whether it is later than the present).

        Raises:
            RobotError: one of the two does not come.
        """
        begin, now = time.monotonic(), self.now()
        is_new = counts or (lambda stamp: stamp >= now)
        nobody = StopTracking.Request(target_id="nobody")
        self.ask(StopTracking, "stop_tracking", nobody, again=0.25)
        answer = time.monotonic() - begin

        def reported() -> Heard | None:
            heard = tuple(self.detections)
            return next((h for h in heard if h.arrived >= begin and is_new(h.stamp)), None)

        heard = self.wait(reported, "detections of a new image")
        return Recovery(answer, heard.arrived - begin)

    def follows(self, target_id: str = "target") -> bool:
        """Whether the newest detections hold a target."""
        if not self.detections:
            return False
        return target_id in [one.id for one in self.detections[-1].message.detections]

"""The node as a process of its own, spoken to over real DDS."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking, StopTracking
from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.evaluation.node_process import TrackerProcess
from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.node.decoding import ImageMessage, image_message
from siamdw_ros.node.publishers import jpeg_message
from siamdw_ros.ros.conversions import box_from_message, box_to_message

START = (306.0, 124.0, 108.0, 260.0)  # what is followed in cup.mp4, on its first frame
PATIENCE = 180.0  # seconds; a busy machine loads torch and the network in that time


class RigCamera(Robot):
    """One camera of the robot, and what the node publishes about its images.

    Args:
        namespace: Of the node and the camera.
        name: Of the camera, whose topic is NAME/image; empty: the only one, on `image`.
        compressed: Send JPEG.
    """

    def __init__(self, namespace: str, name: str, compressed: bool) -> None:
        super().__init__(namespace, camera=name, kept=None)
        self.frame_id = f"{name or 'camera'}_optical"
        self.publisher = self.images[CompressedImage if compressed else Image]
        self.first: list[Detection2D] = []
        self.predictions: list[Detection2DArray] = []
        prefix = f"{self.tracker}/{name}" if name else self.tracker
        self.node.create_subscription(Detection2D, f"{prefix}/detection", self.first.append, 100)
        self.node.create_subscription(
            Detection2DArray, f"{prefix}/predictions", self.predictions.append, 100
        )

    @property
    def all_detections(self) -> list[Detection2DArray]:
        return [received.message for received in tuple(self.detections)]

    @property
    def all_statuses(self) -> list[TrackerStatus]:
        return [received.message for received in tuple(self.statuses)]

    def message(self, picture: np.ndarray) -> ImageMessage:
        """A picture as this camera sends it."""
        compressed = self.publisher.msg_type is CompressedImage
        return jpeg_message(picture) if compressed else image_message(picture)

    def forget(self) -> None:
        """Release all that was received."""
        for received in (self.detections, self.statuses, self.first, self.predictions):
            received.clear()


class TrackerRig:
    """The node's process, and everything a robot would have: cameras, listeners, clients.

    Args:
        process: Of the node.
        namespace: Of the node.
        cameras: Names of several cameras, whose topics are NAME/image.
        compressed: The cameras send JPEG.
    """

    def __init__(
        self,
        process: TrackerProcess,
        namespace: str,
        cameras: Sequence[str] = (),
        *,
        compressed: bool = False,
    ) -> None:
        self.process = process
        self.cameras = {name: RigCamera(namespace, name, compressed) for name in (cameras or [""])}
        self.camera = next(iter(self.cameras.values()))
        self.node = self.camera.node
        self.client(StartTracking, "start_tracking")
        self.client(StopTracking, "stop_tracking")
        self._stamp = 0

    @property
    def first(self) -> list[Detection2D]:
        return self.camera.first

    @property
    def detections(self) -> list[Detection2DArray]:
        return self.camera.all_detections

    @property
    def statuses(self) -> list[TrackerStatus]:
        return self.camera.all_statuses

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Wait until a condition holds; the log is shown when it does not."""

        def alive_and_holds() -> Any:
            assert self.process.alive, f"the node ended\n{self.output()}"
            return condition()

        try:
            return self.camera.wait(alive_and_holds, what, seconds)
        except RuntimeError as error:
            raise AssertionError(f"{error}\n{self.output()}") from error

    def output(self) -> str:
        """What the node has printed."""
        return self.process.output()

    def connect(self, *, active: bool = True) -> None:
        """Wait until the node answers, and where it is to become active hears our images."""
        self.wait(self.camera.lifecycle_state, "the node")
        if active:
            for camera in self.cameras.values():
                heard = camera.publisher.get_subscription_count
                self.wait(lambda heard=heard: heard() == 1, "subscription")
        self.camera.stop()

    def send(self, message: ImageMessage, camera: str = "", stamp: int | None = None) -> int:
        """Publish an image, with the next stamp in seconds if none is given; return the stamp."""
        self._stamp = self._stamp + 1 if stamp is None else stamp
        sender = self.cameras[camera] if camera else self.camera
        message.header.stamp.sec = self._stamp
        message.header.frame_id = sender.frame_id
        sender.publisher.publish(message)
        return self._stamp

    def stamps_from(self, first: int) -> None:
        """Stamp the next image with a time in seconds, and each further one a second later."""
        self._stamp = first - 1

    def show(
        self, picture: np.ndarray | ImageMessage, camera: str = "", stamp: int | None = None
    ) -> Detection2DArray:
        """Publish a picture until it was processed; return what was detected in it."""
        heard = self.cameras[camera] if camera else self.camera
        message = heard.message(picture) if isinstance(picture, np.ndarray) else picture
        stamp = self.send(message, camera, stamp)

        def about(received: Any) -> list[Any]:
            return self.about([one.message for one in tuple(received)], stamp)

        self.wait(lambda: about(heard.detections), f"detections of image {stamp}")
        self.wait(lambda: about(heard.statuses), f"status of image {stamp}")
        return about(heard.detections)[-1]

    @staticmethod
    def about(messages: Sequence[Any], stamp: int) -> list[Any]:
        """Those messages that are about the image with this stamp."""
        return [message for message in tuple(messages) if message.header.stamp.sec == stamp]

    def start(self, box: tuple[float, ...] = START, **fields: Any) -> StartTracking.Response:
        """Call start_tracking."""
        request = StartTracking.Request(bbox=box_to_message(box))
        for name, value in fields.items():
            setattr(request, name, value)
        return self.call(StartTracking, "start_tracking", request)

    def stop(self, target_id: str = "") -> StopTracking.Response:
        """Call stop_tracking."""
        return self.call(StopTracking, "stop_tracking", StopTracking.Request(target_id=target_id))

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """Call any of the node's services, once."""
        (answer,) = self.camera.ask_all([(kind, name, request)], PATIENCE)
        return answer

    def client(self, kind: Any, name: str) -> Any:
        """A client of one of the node's services."""
        return self.camera.client(kind, name)

    def forget(self) -> None:
        """Release all that was received."""
        for camera in self.cameras.values():
            camera.forget()

    def __enter__(self) -> "TrackerRig":
        return self

    def __exit__(self, *_error: object) -> None:
        """End the robot; the process is left as it is."""
        for camera in self.cameras.values():
            with camera:
                pass


def track_through_the_first_second(tracker: TrackerRig, frames: Sequence[np.ndarray]) -> None:
    """Start on the first frame, show every sixth one, and check the last box."""
    tracker.show(frames[0])
    assert tracker.start().success
    for frame in frames[5::6]:
        (detection,) = tracker.show(frame).detections
    x, y, width, height = box_from_message(detection.bbox)
    assert abs(x + width / 2 - (START[0] + START[2] / 2)) < 40
    assert abs(y + height / 2 - (START[1] + START[3] / 2)) < 40

"""The node as a process of its own, spoken to over real DDS."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking, StopTracking
from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.node.decoding import TRANSPORTS, ImageMessage, Transport, image_message
from siamdw_ros.node.messages import box_to_message

START = (306.0, 124.0, 108.0, 260.0)  # what is followed in cup.mp4, on its first frame
PATIENCE = 180.0  # seconds; a slow machine loads torch and the network in that time


def jpeg_message(picture: np.ndarray) -> CompressedImage:
    """H x W x 3 uint8 BGR -> a message, without its header."""
    return CompressedImage(format="jpeg", data=cv2.imencode(".jpg", picture)[1].tobytes())


class RobotCamera:
    """One camera of the robot, and what the node says about its images."""

    def __init__(
        self, node: Node, topic: str, prefix: str, frame_id: str, transport: Transport
    ) -> None:
        self.frame_id = frame_id
        self.images = node.create_publisher(
            transport.message, topic + transport.suffix, QoSProfile(depth=5)
        )
        self.detections: list[Detection2DArray] = []
        self.first: list[Detection2D] = []
        self.statuses: list[TrackerStatus] = []
        for kind, name, store in (
            (Detection2DArray, "detections", self.detections),
            (Detection2D, "detection", self.first),
            (TrackerStatus, "status", self.statuses),
        ):
            node.create_subscription(kind, f"{prefix}/{name}", store.append, 100)

    def message(self, picture: np.ndarray) -> ImageMessage:
        """A picture as this camera sends it."""
        compressed = self.images.msg_type is CompressedImage
        return jpeg_message(picture) if compressed else image_message(picture)

    def send(self, message: ImageMessage, stamp: int) -> None:
        """Publish an image with a stamp, in seconds."""
        message.header.stamp.sec, message.header.frame_id = stamp, self.frame_id
        self.images.publish(message)


class TrackerProcess:
    """The node's process and everything a robot would have: cameras, listeners, clients.

    Args:
        log: file for what the node prints.
        parameters: of the node.
        cameras: names of several cameras, whose topics are NAME/image_raw.
    """

    def __init__(self, log: Path, parameters: dict[str, Any], cameras: Sequence[str] = ()) -> None:
        self.log = log
        namespace = f"test_{time.monotonic_ns()}"
        arguments = ["--ros-args", "-r", f"__ns:=/{namespace}"]
        if cameras:
            topics = [f"{name}/image_raw" for name in cameras]
            parameters = {"image_topics": topics, **parameters}
        for name, value in parameters.items():
            arguments += ["-p", f"{name.format(namespace=namespace)}:={value}"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "siamdw_ros.node.tracker_node", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.node = Node("robot", namespace=f"/{namespace}")
        transport = TRANSPORTS[parameters.get("image_transport", "raw")]
        names = [(name, f"{name}/image_raw", f"siamdw_tracker/{name}") for name in cameras]
        self.cameras = {
            name: RobotCamera(self.node, topic, prefix, f"{name or 'camera'}_optical", transport)
            for name, topic, prefix in names or [("", "image", "siamdw_tracker")]
        }
        self.camera = next(iter(self.cameras.values()))
        self.images, self.first = self.camera.images, self.camera.first
        self.detections, self.statuses = self.camera.detections, self.camera.statuses
        self._clients: dict[str, Any] = {}
        self._start = self.client(StartTracking, "start_tracking")
        self._stop = self.client(StopTracking, "stop_tracking")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._spinning = threading.Thread(target=self._executor.spin)
        self._spinning.start()
        self._stamp = 0

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
        """Wait until a condition holds; the log is shown when it does not."""
        end, tick = time.monotonic() + seconds, threading.Event()
        while not condition():
            assert time.monotonic() < end, f"{what}: not within {seconds} s\n{self.output()}"
            assert self.process.poll() is None, f"the node ended\n{self.output()}"
            tick.wait(0.01)

    def output(self) -> str:
        """What the node has printed."""
        return self.log.read_text(errors="replace")

    def connect(self, *, active: bool = True) -> None:
        """Wait until the node answers, and where it is to become active hears our images."""
        self.wait(lambda: self._start.service_is_ready() and self._stop.service_is_ready(), "up")
        if active:
            for camera in self.cameras.values():
                self.wait(lambda: camera.images.get_subscription_count() == 1, "subscription")  # noqa: B023
        # A server that has not found its client yet loses the answer: ask until one arrives.
        asked: list[Any] = []
        end = time.monotonic() + PATIENCE
        while not any(future.done() for future in asked):
            assert time.monotonic() < end, f"no answer\n{self.output()}"
            asked.append(self._stop.call_async(StopTracking.Request()))
            with contextlib.suppress(AssertionError):
                self.wait(asked[-1].done, "an answer", seconds=2.0)

    def send(self, message: ImageMessage, camera: str = "", stamp: int | None = None) -> int:
        """Publish an image, with the next stamp in seconds if none is given; return the stamp."""
        self._stamp = self._stamp + 1 if stamp is None else stamp
        (self.cameras[camera] if camera else self.camera).send(message, self._stamp)
        return self._stamp

    def stamps_from(self, first: int) -> None:
        """Stamp the next image with a time in seconds, and each further one a second later."""
        self._stamp = first - 1

    def show(
        self, picture: np.ndarray, camera: str = "", stamp: int | None = None
    ) -> Detection2DArray:
        """Publish a picture until it was processed; return what was detected in it."""
        heard = self.cameras[camera] if camera else self.camera
        stamp = self.send(heard.message(picture), camera, stamp)
        self.wait(lambda: self.about(heard.detections, stamp), f"detections of image {stamp}")
        self.wait(lambda: self.about(heard.statuses, stamp), f"status of image {stamp}")
        return self.about(heard.detections, stamp)[-1]

    @staticmethod
    def about(messages: list[Any], stamp: int) -> list[Any]:
        """Those messages that are about the image with this stamp."""
        return [message for message in list(messages) if message.header.stamp.sec == stamp]

    def start(self, box: tuple[float, ...] = START, **fields: Any) -> StartTracking.Response:
        """Call start_tracking."""
        request = StartTracking.Request(bbox=box_to_message(box))
        for name, value in fields.items():
            setattr(request, name, value)
        return self._call(self._start, request)

    def stop(self, target_id: str = "") -> StopTracking.Response:
        """Call stop_tracking."""
        return self._call(self._stop, StopTracking.Request(target_id=target_id))

    def _call(self, client: Any, request: Any) -> Any:
        future = client.call_async(request)
        self.wait(future.done, "an answer")
        return future.result()

    def client(self, kind: Any, name: str) -> Any:
        """A client of one of the node's services."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, f"siamdw_tracker/{name}")
        return self._clients[name]

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """Call any of the node's services."""
        client = self.client(kind, name)
        self.wait(client.service_is_ready, name)
        return self._call(client, request)

    def interrupt(self) -> int:
        """End the process as Ctrl-C does and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End everything."""
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.interrupt()
            self.process.kill()
        self._executor.shutdown()
        self._spinning.join()
        self.node.destroy_node()

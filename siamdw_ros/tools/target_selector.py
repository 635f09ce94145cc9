"""The node of the command `select_target`: images to a window, its boxes to the tracker."""

import argparse
import time
from typing import Any, Protocol

import cv2
import numpy as np
import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from siamdw_msgs.srv import StartTracking

from siamdw_ros.node.decoding import TRANSPORTS, ImageDecoder, ImageMessage
from siamdw_ros.ros.conversions import box_to_message
from siamdw_ros.siamdw.crops import Box, Image

POLL_SECONDS = 0.02  # between two searches for a new image, and for what the user does
WAITING_SIZE = (480, 640)  # rows and columns of what is shown before the first image


class BoxWindow(Protocol):
    """Where the user draws; see recordings/window.py."""

    closed: bool

    def show(self, image: Image) -> list[Box]:
        """Show an image and return the boxes that were drawn on it."""


class TargetSelector:
    """Subscribes to a camera and starts a target with each box.

    Args:
        options: Command line of select_target.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        transport = TRANSPORTS[options.transport]
        self.node = Node("select_target")
        self._options = options
        self._transport = transport
        self._decoder = ImageDecoder(transport)
        self._topic = self.node.resolve_topic_name(options.topic + transport.suffix)
        self._newest: ImageMessage | None = None
        self.node.create_subscription(
            transport.message,
            self._topic,
            self._on_image,
            QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
        )
        self._start = self.node.create_client(StartTracking, f"{options.tracker}/start_tracking")

    def _on_image(self, message: ImageMessage) -> None:
        self._newest = message

    def run(self, window: BoxWindow) -> None:
        """Show images until the window is closed."""
        shown: ImageMessage | None = None
        image = self._waiting()
        while not window.closed:
            rclpy.spin_once(self.node, timeout_sec=POLL_SECONDS)
            if self._newest is not shown and self._newest is not None:
                shown = self._newest
                image = self._decoded(shown, image)
            for box in window.show(image):
                if shown is not None:
                    self.start(box, shown)

    def start(self, box: Box, message: ImageMessage) -> None:
        """Start to track what is in a box of an image; the answer is logged.

        Args:
            box: (x, y, w, h) in pixels of the image.
            message: The image.
        """
        log = self.node.get_logger()
        if not self._start.service_is_ready():
            log.error(f"not started: no tracker: there is no service {self._start.srv_name}")
            return
        request = StartTracking.Request(header=message.header, bbox=box_to_message(box))
        request.target_id = self._options.target_id
        if self._options.duration:
            request.duration = Duration(seconds=self._options.duration).to_msg()
        self._start.call_async(request).add_done_callback(self._on_answer)

    def _on_answer(self, future: Any) -> None:
        answer = future.result()
        if answer.success:
            self.node.get_logger().info(answer.message)
        else:
            self.node.get_logger().warning(f"not started: {answer.message}")

    def _decoded(self, message: ImageMessage, last: Image) -> Image:
        """Return the image of a message; the last one, and a warning, if it is damaged."""
        try:
            if problem := self._transport.check(message):
                raise ValueError(problem)
            return self._decoder.image(message, time.monotonic())
        except ValueError as error:
            self.node.get_logger().warning(
                f"{self._topic}: image rejected: {error}", throttle_duration_sec=5.0
            )
            return last

    def _waiting(self) -> Image:
        """Return what is shown until an image comes."""
        image = np.full((*WAITING_SIZE, 3), 40, np.uint8)
        text = f"waiting for images on {self._topic}"
        cv2.putText(image, text, (20, 240), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255))
        return image

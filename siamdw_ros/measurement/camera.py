"""A camera for measuring: the first pictures of a clip, forth and back, at any size and rate.

Every picture is encoded beforehand, so that the camera takes as little as it can of the machine
whose tracker is measured. It first shows one picture slowly; ~/hold makes it stop, and ~/play
makes it show the film, once, and end. Run as a process of its own:

    python -m siamdw_ros.measurement.camera CLIP --size 1280x720 --rate 30 --seconds 10 --log CSV
"""

import argparse
import array
import csv
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage
from std_srvs.srv import Trigger

from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.node.decoding import image_message
from siamdw_ros.siamdw import crops

PICTURES = 45  # of the clip; with more, 1080p would fill the memory of a small machine
WARM_UP_RATE = 5.0  # frames a second before the film: slow enough for any tracker
JPEG_QUALITY = 95  # as image_transport has it


class Camera(Node):
    """Publishes prepared messages.

    Args:
        messages: one a picture.
        rate: frames a second of the film.
        frames: of the film; pictures are shown forth and back until there are as many.
    """

    def __init__(self, messages: list[Any], rate: float, frames: int) -> None:
        super().__init__("benchmark_camera")
        self.messages, self.rate, self.frames = messages, rate, frames
        self.sent: list[int] = []  # stamps of the film in nanoseconds
        compressed = isinstance(messages[0], CompressedImage)
        topic = "image/compressed" if compressed else "image"
        qos = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
        self._publisher = self.create_publisher(type(messages[0]), topic, qos)
        self.create_service(Trigger, "~/hold", self._on_hold)
        self.create_service(Trigger, "~/play", self._on_play)
        self._timer = self.create_timer(1 / WARM_UP_RATE, lambda: self._show(0))

    @property
    def ended(self) -> bool:
        """Whether the film has been shown."""
        return len(self.sent) >= self.frames

    def _show(self, picture: int) -> int:
        message, now = self.messages[picture], self.get_clock().now()
        message.header.stamp, message.header.frame_id = now.to_msg(), "camera"
        self._publisher.publish(message)
        return int(now.nanoseconds)

    def _show_next(self) -> None:
        if not self.ended:
            self.sent.append(self._show(boomerang(len(self.sent), len(self.messages))))

    def _on_hold(self, _asked: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._timer.cancel()
        response.success = True
        return response

    def _on_play(self, _asked: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._timer.cancel()
        self._timer = self.create_timer(1 / self.rate, self._show_next)
        response.success = True
        return response


def boomerang(index: int, count: int) -> int:
    """The picture to show as number `index`: 0 1 2 1 0 1 2 ... of three."""
    if count == 1:
        return 0
    place = index % (2 * count - 2)
    return min(place, 2 * count - 2 - place)


def pictures(clip: Path, size: tuple[int, int], count: int = PICTURES) -> list[crops.Image]:
    """The first pictures of a clip, resized to (width, height)."""
    first = (picture for picture, _ in zip(read_clip(clip), range(count), strict=False))
    return [np.asarray(cv2.resize(picture, size), np.uint8) for picture in first]


def compressed_message(picture: crops.Image) -> CompressedImage:
    """H x W x 3 uint8 BGR -> a JPEG message, without its header."""
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    data = array.array("B")
    data.frombytes(jpeg.data.cast("B"))
    return CompressedImage(format="bgr8; jpeg compressed bgr8", data=data)


def parse_size(text: str) -> tuple[int, int]:
    """'1280x720' -> (1280, 720)."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def read_log(path: Path) -> list[int]:
    """Stamps of the film's frames in nanoseconds, as `--log` wrote them."""
    with path.open(newline="") as file:
        return [int(row["stamp_ns"]) for row in csv.DictReader(file)]


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.camera",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", type=parse_size, default=(640, 480), metavar="WxH")
    parser.add_argument("--rate", type=float, default=30.0, help="frames a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the film")
    parser.add_argument("--compressed", action="store_true", help="JPEG, on image/compressed")
    parser.add_argument("--log", type=Path, required=True, help="CSV for the stamps of the film")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    make = compressed_message if options.compressed else image_message
    messages = [make(picture) for picture in pictures(options.clip, options.size)]
    rclpy.init()
    camera = Camera(messages, options.rate, round(options.rate * options.seconds))
    try:
        while not camera.ended:
            rclpy.spin_once(camera)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # asked to end
    finally:
        with options.log.open("w", newline="") as file:
            csv.writer(file).writerows([("stamp_ns",), *((stamp,) for stamp in camera.sent)])
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A camera for measuring: the first frames of a clip, forth and back, at any size and rate.

Every image is encoded beforehand, so that the camera takes as little as it can of the machine
whose tracker is measured. It first publishes one image slowly; ~/hold stops that, and ~/play
publishes all frames, once, and ends. Run as a process of its own:

    python -m siamdw_ros.measurement.camera CLIP --size 1280x720 --rate 30 --seconds 10 --log CSV
"""

import argparse
import array
import csv
import itertools
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
from siamdw_ros.evaluation.node_process import ModuleProcess
from siamdw_ros.node.decoding import image_message
from siamdw_ros.siamdw import crops

IMAGES = 45  # number of images of the clip; more in 1080p would fill a small machine's memory
WARM_UP_RATE = 5.0  # frames per second before ~/play: slow enough for any tracker
JPEG_QUALITY = 95  # as image_transport has it
ENDLESS = 1e9  # seconds


class Camera(Node):
    """Publishes prepared messages.

    Args:
        messages: one per image.
        rate: frames per second after ~/play.
        frames: how many; the images are repeated, forth and back.
    """

    def __init__(self, messages: list[Any], rate: float, frames: int) -> None:
        super().__init__("benchmark_camera")
        self.messages = messages
        self.rate = rate
        self.frames = frames
        self.sent: list[int] = []  # stamps of the frames in nanoseconds
        compressed = isinstance(messages[0], CompressedImage)
        topic = "image/compressed" if compressed else "image"
        qos = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
        self._publisher = self.create_publisher(type(messages[0]), topic, qos)
        self.create_service(Trigger, "~/hold", self._on_hold)
        self.create_service(Trigger, "~/play", self._on_play)
        self._timer = self.create_timer(1 / WARM_UP_RATE, lambda: self._show(0))

    @property
    def ended(self) -> bool:
        """Whether all frames have been published."""
        return len(self.sent) >= self.frames

    def _show(self, image: int) -> int:
        message, now = self.messages[image], self.get_clock().now()
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
    """Return which of `count` images is frame `index`: 0 1 2 1 0 1 2 ... of three."""
    if count == 1:
        return 0
    place = index % (2 * count - 2)
    return min(place, 2 * count - 2 - place)


def images(clip: Path, size: tuple[int, int], count: int = IMAGES) -> list[crops.Image]:
    """Return the first frames of a clip, resized to (width, height)."""
    first = itertools.islice(read_clip(clip), count)
    return [np.asarray(cv2.resize(image, size), np.uint8) for image in first]


def compressed_message(image: crops.Image) -> CompressedImage:
    """Make a JPEG message, without its header: H x W x 3 uint8 BGR."""
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    data = array.array("B")
    data.frombytes(jpeg.data.cast("B"))
    return CompressedImage(format="bgr8; jpeg compressed bgr8", data=data)


def camera_process(
    clip: Path,
    log: Path,
    size: tuple[int, int] = (640, 480),
    rate: float = 30.0,
    seconds: float = ENDLESS,
    *,
    compressed: bool = False,
) -> ModuleProcess:
    """Start this camera as a process; see its command line for the arguments."""
    arguments = [str(clip), "--size", "{}x{}".format(*size), "--rate", f"{rate:g}"]
    arguments += ["--seconds", f"{seconds:g}", "--log", str(log)]
    return ModuleProcess(__name__, [*arguments, *(["--compressed"] if compressed else [])])


def parse_size(text: str) -> tuple[int, int]:
    """'1280x720' -> (1280, 720)."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def read_log(path: Path) -> list[int]:
    """Read the frames' stamps in nanoseconds, as `--log` wrote them."""
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
    parser.add_argument("--rate", type=float, default=30.0, help="frames per second")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long after ~/play")
    parser.add_argument("--compressed", action="store_true", help="JPEG, on image/compressed")
    parser.add_argument("--log", type=Path, required=True, help="CSV for the frames' stamps")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    make = compressed_message if options.compressed else image_message
    messages = [make(image) for image in images(options.clip, options.size)]
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

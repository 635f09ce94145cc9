"""Play a video, or a folder of pictures, as a camera: one sensor_msgs/Image a frame."""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from siamdw_ros.node.decoding import image_message

Picture = NDArray[np.uint8]


def read_clip(path: Path) -> Iterator[Picture]:
    """Yield the frames of a video file, or of a folder's pictures by name: H x W x 3 uint8 BGR.

    Raises:
        FileNotFoundError: there is nothing at `path` that OpenCV can read.
    """
    if path.is_dir():
        pictures = (cv2.imread(str(file)) for file in sorted(path.iterdir()))
        yield from (np.asarray(picture, np.uint8) for picture in pictures if picture is not None)
        return
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise FileNotFoundError(f"{path}: no video that OpenCV can read")
    while True:
        there, frame = video.read()
        if not there:
            return
        yield np.asarray(frame, np.uint8)


def frame_rate(path: Path, default: float = 30.0) -> float:
    """Frames a second that a video says it has."""
    rate = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) if path.is_file() else 0.0
    return float(rate) if 0 < rate < 1000 else default


def frame_count(path: Path) -> int:
    """Frames that a video file says it has, or files in a folder."""
    if path.is_dir():
        return sum(1 for _ in path.iterdir())
    return int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))


class ClipPlayer(Node):
    """A camera that shows a clip once.

    When paused, it shows the first frame, again and again, until its service `~/play` is called.

    Args:
        frames: decoded beforehand, so that decoding does not cost the tracker time.
        rate: frames a second.
        frame_id: of the camera.
        paused: wait for `~/play`.
    """

    def __init__(self, frames: list[Picture], rate: float, frame_id: str, paused: bool) -> None:
        super().__init__("clip_player")
        self.frames, self.frame_id, self.playing = frames, frame_id, not paused
        self.sent: list[tuple[int, int]] = []  # index of the frame and its stamp in nanoseconds
        self._next = 0
        qos = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
        self._publisher = self.create_publisher(Image, "image", qos)
        self.create_service(Trigger, "~/play", self._on_play)
        self.create_timer(1 / rate, self._on_timer)

    @property
    def ended(self) -> bool:
        """Whether the last frame has been sent."""
        return self._next >= len(self.frames)

    def _on_play(self, _asked: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.playing = True
        response.success = True
        return response

    def _on_timer(self) -> None:
        if self.ended:
            return
        now = self.get_clock().now()
        message = image_message(self.frames[self._next])
        message.header.stamp, message.header.frame_id = now.to_msg(), self.frame_id
        self._publisher.publish(message)
        self.sent.append((self._next if self.playing else -1, now.nanoseconds))
        self._next += self.playing


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line, less what is ROS's."""
    parser = argparse.ArgumentParser(
        prog="ros2 run siamdw_ros play_clip",
        description=__doc__,
        epilog="Remap the topic with --ros-args -r image:=/camera/image_raw",
    )
    parser.add_argument("clip", type=Path, help="video file, or folder of pictures")
    parser.add_argument("--rate", type=float, help="frames a second (default: the video's own)")
    parser.add_argument("--frame-id", default="camera", help="in each header (default: camera)")
    parser.add_argument(
        "--paused",
        action="store_true",
        help="repeat the first frame until the service ~/play is called",
    )
    parser.add_argument(
        "--log",
        type=Path,
        metavar="CSV",
        help="write which frame was sent with which stamp; frame -1: repeated",
    )
    return parser.parse_args(arguments)


def main(args: list[str] | None = None) -> int:
    """Run the command."""
    arguments = rclpy.utilities.remove_ros_args(sys.argv if args is None else ["", *args])
    options = parse_arguments(arguments[1:])
    try:
        frames = list(read_clip(options.clip))
    except FileNotFoundError as error:
        print(f"play_clip: {error}", file=sys.stderr)
        return 2
    rclpy.init(args=args)
    player = ClipPlayer(
        frames, options.rate or frame_rate(options.clip), options.frame_id, options.paused
    )
    try:
        while not player.ended:
            rclpy.spin_once(player)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        if options.log:
            with options.log.open("w", newline="") as file:
                csv.writer(file).writerows([("frame", "stamp_ns"), *player.sent])
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

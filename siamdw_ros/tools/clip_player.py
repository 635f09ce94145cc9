"""The node that plays a clip as a camera."""

import argparse
import contextlib
import csv
import math
import queue
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger
from tqdm import tqdm

from siamdw_ros.evaluation.clip_reader import (
    Frame,
    ReadAhead,
    frame_count,
    frame_rate,
    is_live,
    silence_opencv,
)
from siamdw_ros.node.decoding import image_message

FIRST_FRAME_SECONDS = 30.0  # a network stream may take its time to open
POLL_SECONDS = 0.1  # between two checks of a signal
REPEATED = -1  # index in the log of a first frame that is shown again while paused


class ClipPlayer(Node):
    """A camera that shows a clip.

    While paused, it shows the first frame again and again, until its service `~/play` is called.

    Args:
        reader: Of the clip; its first frame was taken.
        first: That frame.
        rate: Frames per second; None for a live source, which has its own.
        options: Of the command line.
        sent: Called with the index of each frame that was published and its stamp in nanoseconds.
    """

    def __init__(
        self,
        reader: ReadAhead,
        first: Frame,
        rate: float | None,
        options: argparse.Namespace,
        sent: Callable[[int, int], None],
    ) -> None:
        super().__init__("clip_player")
        self.ended = False
        self.playing = not options.paused
        self._reader = reader
        self._frame: Frame | None = first
        self._index = 0
        self._frame_id = options.frame_id
        self._sent = sent
        qos = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
        self._images = self.create_publisher(Image, options.topic, qos)
        self._infos = None
        if options.camera_info:
            self._info = pinhole(first.shape[1], first.shape[0], options.field_of_view)
            topic = f"{options.topic.rpartition('/')[0]}/camera_info".lstrip("/")
            root = "/" if options.topic.startswith("/") else ""
            self._infos = self.create_publisher(CameraInfo, root + topic, qos)
        self.create_service(Trigger, "~/play", self._on_play)
        # A live source is asked more often than it can have a frame.
        self.create_timer(1 / rate if rate else 0.002, self._show_next)

    @property
    def topic(self) -> str:
        """Topic of the images."""
        return str(self._images.topic_name)

    @property
    def info_topic(self) -> str | None:
        """Topic of the camera's calibration, None if it is not published."""
        return None if self._infos is None else self._infos.topic_name

    def _on_play(self, _asked: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.playing = True
        response.success = True
        response.message = "playing"
        return response

    def _show_next(self) -> None:
        if self._frame is None:
            with contextlib.suppress(queue.Empty):  # not decoded yet: at the next turn
                taken = self._reader.take(0)
                self.ended = taken is None
                self._frame = taken and taken.image
        if self._frame is None:
            return
        stamp = self._publish(self._frame)
        self._sent(self._index if self.playing else REPEATED, stamp)
        if self.playing:
            self._frame = None
            self._index += 1

    def _publish(self, frame: Frame) -> int:
        """Publish a frame and return its stamp in nanoseconds."""
        now = self.get_clock().now()
        message = image_message(frame)
        message.header.stamp = now.to_msg()
        message.header.frame_id = self._frame_id
        self._images.publish(message)
        if self._infos is not None:
            self._info.header = message.header
            self._infos.publish(self._info)
        return int(now.nanoseconds)


def pinhole(width: int, height: int, field_of_view: float) -> CameraInfo:
    """Return the calibration of a camera without distortion.

    Args:
        width: Of the images, pixels.
        height: Of the images, pixels.
        field_of_view: Horizontal, degrees.
    """
    focal = width / 2 / math.tan(math.radians(field_of_view) / 2)
    x, y = (width - 1) / 2, (height - 1) / 2  # 0-based pixel centres, as image_geometry has it
    return CameraInfo(
        width=width,
        height=height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def play(options: argparse.Namespace, ros_arguments: list[str]) -> None:
    """Play a clip until its end.

    Args:
        options: Of the command line.
        ros_arguments: The command line as ROS reads it.

    Raises:
        OSError: The log cannot be written, or the clip cannot be read.
        ValueError: A name is not valid in ROS.
        KeyboardInterrupt: The user ended it, by SIGINT or SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    silence_opencv()
    if options.paused and is_live(options.clip):
        raise ValueError(f"{options.clip}: a live source cannot wait: leave --paused out")
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(options.log.open("w", newline="")) if options.log else None
        reader = ReadAhead(options.clip, options.loop)
        stack.callback(reader.close)
        first = _first_frame(reader, options.clip)
        # Python's own handler of SIGINT: that of rclpy may end the context in any line.
        rclpy.init(args=ros_arguments, signal_handler_options=SignalHandlerOptions.NO)
        stack.callback(rclpy.try_shutdown)
        _spin(reader, first, options, log)


def _first_frame(reader: ReadAhead, clip: str) -> Frame:
    try:
        first = reader.take(FIRST_FRAME_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"{clip}: no frame within {FIRST_FRAME_SECONDS:g} s") from None
    if first is None:
        raise FileNotFoundError(f"{clip}: no frame in it that OpenCV can read")
    return first.image


def _spin(
    reader: ReadAhead, first: Frame, options: argparse.Namespace, log: TextIO | None
) -> None:
    live = is_live(options.clip)
    rate = options.rate or (None if live else frame_rate(options.clip))
    frames = 0 if options.loop else frame_count(options.clip)
    writer: Any = csv.writer(log) if log else None
    if writer:
        writer.writerow(("frame", "stamp_ns"))
    progress: Any = None
    shown = 0

    def sent(index: int, stamp: int) -> None:
        nonlocal shown
        if writer:
            writer.writerow((index, stamp))
        if index != REPEATED:
            shown += 1
            progress.update()

    player = ClipPlayer(reader, first, rate, options, sent)
    print(_summary(player, first, rate, frames, options), flush=True)
    begin = time.monotonic()
    try:
        with tqdm(total=frames or None, unit="frame", disable=not sys.stderr.isatty()) as progress:
            while not player.ended:
                rclpy.spin_once(player, timeout_sec=POLL_SECONDS)
    except ExternalShutdownException:
        pass
    finally:
        print(f"{shown} frames published in {time.monotonic() - begin:.1f} s", flush=True)


def _summary(
    player: ClipPlayer,
    first: Frame,
    rate: float | None,
    frames: int,
    options: argparse.Namespace,
) -> str:
    height, width = first.shape[:2]
    parts = [
        f"{width}x{height}",
        image_message(first[:1]).encoding,
        f"{rate:g} frames/s" if rate else "at the rate of the source",
        f"{frames} frames" if frames else "without end" if options.loop else "until it ends",
    ]
    text = f"{options.clip} ({', '.join(parts)}) on topic {player.topic}"
    if player.info_topic:
        text += f", calibration on {player.info_topic}"
    if not player.playing:
        text += (
            "\nThe first frame is repeated until: "
            f"ros2 service call {player.get_fully_qualified_name()}/play std_srvs/srv/Trigger"
        )
    return text

"""Play a clip to the node, each as a process of its own, and collect what the node says."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.node import Node
from rclpy.time import Time
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking
from std_srvs.srv import Trigger
from tqdm import tqdm
from vision_msgs.msg import Detection2DArray

from siamdw_ros.evaluation.clip_reader import frame_count, frame_rate
from siamdw_ros.node.messages import box_from_message, box_to_message
from siamdw_ros.siamdw.crops import Box

STARTUP_SECONDS = 120.0  # importing torch on a slow disk takes its time
QUIET_SECONDS = 10.0  # without news after the film's end: nothing more will come


class PlayError(RuntimeError):
    """The clip cannot be played to the node; the message says why."""


@dataclass(frozen=True)
class Heard:
    """What the node said of one image: its boxes, and when that arrived (nanoseconds)."""

    arrived: int
    boxes: list[Box]


@dataclass
class Listener:
    """Collects what the node publishes. `heard` is keyed by the image's stamp in nanoseconds."""

    node: Node
    heard: dict[int, Heard] = field(default_factory=dict)
    status: TrackerStatus | None = None

    def __post_init__(self) -> None:
        prefix = "/siamdw_tracker"
        self.node.create_subscription(
            Detection2DArray, f"{prefix}/detections", self._on_detections, 100
        )
        self.node.create_subscription(TrackerStatus, f"{prefix}/status", self._on_status, 100)
        self._start = self.node.create_client(StartTracking, f"{prefix}/start_tracking")
        self._play = self.node.create_client(Trigger, "/clip_player/play")

    def _on_detections(self, message: Detection2DArray) -> None:
        boxes = [box_from_message(detection.bbox) for detection in message.detections]
        now = self.node.get_clock().now().nanoseconds
        self.heard[Time.from_msg(message.header.stamp).nanoseconds] = Heard(now, boxes)

    def _on_status(self, message: TrackerStatus) -> None:
        self.status = message

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Listen until a condition holds.

        Raises:
            PlayError: it does not within that time.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise PlayError(f"{what}: not within {seconds:g} s")
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def start(self, box: Box) -> None:
        """Ask the node to follow what is in `box` on the newest image."""
        self.wait(self._start.service_is_ready, STARTUP_SECONDS, "the tracker node's services")
        self.wait(lambda: self.status is not None, STARTUP_SECONDS, "a first image at the node")
        answer = self._call(
            self._start, StartTracking.Request(target_id="played", bbox=box_to_message(box))
        )
        if not answer.success:
            raise PlayError(f"the node refuses to start: {answer.message}")

    def play(self) -> None:
        """Let the film begin."""
        self.wait(self._play.service_is_ready, STARTUP_SECONDS, "the clip player's service")
        self._call(self._play, Trigger.Request())

    def _call(self, client: Any, request: Any) -> Any:
        """Ask until there is an answer: a server that has not found its client yet loses it.

        Only for requests that may be carried out twice.
        """
        for _ in range(10):
            future = client.call_async(request)
            with contextlib.suppress(PlayError):
                self.wait(future.done, 5.0, "an answer")
                return future.result()
        raise PlayError(f"no answer of {client.srv_name}")


@contextlib.contextmanager
def process(module: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a module of ours as a process; interrupt it at the end as Ctrl-C does."""
    running = subprocess.Popen([sys.executable, "-m", module, *arguments])
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGINT)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def isolate() -> None:
    """Keep off the user's own ROS graph, and let images arrive."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(50 + os.getpid() % 50))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    profile = Path(get_package_share_directory("siamdw_ros"), "config", "fastdds.xml")
    # Fast DDS 2 knows only the first name, Fast DDS 3 takes a file twice when both are set.
    older = os.environ.get("ROS_DISTRO") in ("humble", "jazzy")
    os.environ.setdefault(
        f"{'FASTRTPS' if older else 'FASTDDS'}_DEFAULT_PROFILES_FILE", str(profile)
    )


def play_to_node(
    clip: Path, start: Box, log: Path, node_arguments: list[str], rate: float | None = None
) -> Listener:
    """Let the node follow what is in `start` on the clip's first frame, to the last.

    The first frame is repeated until the node follows; only then the clip begins.

    Args:
        clip: video file, or folder of pictures.
        start: box on the first frame.
        log: file to write what was sent to, see :func:`read_sent`.
        node_arguments: of the tracker node.
        rate: frames a second; None: the video's own, or 30.

    Raises:
        PlayError: a process does not start, answer or end as it should.
    """
    listener = Listener(Node("siamdw_listener"))
    player_arguments = [str(clip), "--topic", "image", "--paused", "--log", str(log)]
    if rate:
        player_arguments += ["--rate", str(rate)]
    with process("siamdw_ros.node.tracker_node", *node_arguments) as tracker:
        with process("siamdw_ros.tools.play_clip", *player_arguments) as player:
            listener.start(start)
            listener.play()
            _follow(listener, player, clip, rate or frame_rate(clip))
        last = read_sent(log)[-1][1]
        with contextlib.suppress(PlayError):  # the last frame may be lost on its way
            listener.wait(lambda: last in listener.heard, QUIET_SECONDS, "the last frame")
    if tracker.returncode != 0:
        raise PlayError(f"the tracker node ended with exit code {tracker.returncode}")
    return listener


def _follow(
    listener: Listener, player: "subprocess.Popen[bytes]", clip: Path, rate: float
) -> None:
    """Listen while the clip plays, with a progress bar over its frames."""
    frames = frame_count(clip)
    begin = listener.node.get_clock().now().nanoseconds
    with tqdm(total=frames, unit="frame", desc="following", mininterval=0.5) as progress:
        while player.poll() is None:
            rclpy.spin_once(listener.node, timeout_sec=0.1)
            frame = int((max(listener.heard) - begin) * 1e-9 * rate)
            progress.update(min(max(frame, 0), frames) - progress.n)
        progress.update(frames - progress.n)


def read_sent(log: Path) -> list[tuple[int, int]]:
    """Read the player's log: frame (-1: the first one, repeated) and stamp in nanoseconds."""
    with log.open(newline="") as file:
        return [(int(row["frame"]), int(row["stamp_ns"])) for row in csv.DictReader(file)]

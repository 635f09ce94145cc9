"""Play a video to the tracker node over ROS, and collect its results."""

import csv
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from siamdw_msgs.msg import TrackerStatus
from tqdm import tqdm

from siamdw_ros.evaluation.clip_reader import frame_count, frame_rate
from siamdw_ros.evaluation.node_client import LOAD_SECONDS, RobotError
from siamdw_ros.evaluation.node_process import NODE, ModuleProcess
from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.ros.conversions import box_from_message
from siamdw_ros.siamdw.crops import Box

PLAYER = "siamdw_ros.tools.play_clip"
QUIET_SECONDS = 10.0  # without results after the video's end: no more will come


@dataclass(frozen=True)
class ImageResult:
    """The node's boxes for one image, and when they arrived (nanoseconds)."""

    arrived: int
    boxes: list[Box]


@dataclass(frozen=True)
class Playback:
    """A video that was played to the node.

    Attributes:
        sent: frame (-1: the first one, repeated) and stamp of each image, in nanoseconds.
        results: by the image's stamp in nanoseconds.
        status: the newest of the node.
    """

    sent: list[tuple[int, int]]
    results: dict[int, ImageResult]
    status: TrackerStatus


def play_to_node(
    clip: Path, start: Box, log: Path, node_arguments: Sequence[str], rate: float | None = None
) -> Playback:
    """Let the node track what is in `start` on the video's first frame, to the last one.

    The first frame is repeated until the node tracks; only then the video begins.

    Args:
        clip: video file, or folder of images.
        start: box on the first frame.
        log: file to write frames and stamps to, see :func:`read_sent`.
        node_arguments: of the tracker node.
        rate: frames per second; None: the video's own, or 30.

    Raises:
        RobotError: a process does not start, answer or end as it should.
    """
    player_arguments = [str(clip), "--topic", "image", "--paused", "--log", str(log)]
    if rate:
        player_arguments += ["--rate", str(rate)]
    with ModuleProcess(NODE, node_arguments) as tracker, Robot(kept=None) as robot:
        with ModuleProcess(PLAYER, player_arguments) as player:
            _start(robot, tracker, start)
            robot.trigger("/clip_player/play")
            _wait_for_end(robot, player, clip, rate or frame_rate(clip))
        sent = read_sent(log)
        with suppress(RobotError):  # the last frame may be lost on its way
            last = sent[-1][1]
            robot.wait(lambda: robot.detections[-1].stamp >= last, "it", QUIET_SECONDS)
        received, status = tuple(robot.detections), robot.statuses[-1].message
    if tracker.process.returncode:
        raise RobotError(f"the tracker node ended with exit code {tracker.process.returncode}")
    results = {
        one.stamp: ImageResult(
            one.arrived, [box_from_message(found.bbox) for found in one.message.detections]
        )
        for one in received
    }
    return Playback(sent, results, status)


def _start(robot: Robot, tracker: ModuleProcess, box: Box) -> None:
    """Start tracking on the first image that the node has.

    Raises:
        RobotError: the node ends, or refuses.
    """
    robot.wait(
        lambda: robot.statuses or not tracker.alive, "a first image at the node", LOAD_SECONDS
    )
    if not tracker.alive:
        raise RobotError(f"the tracker node ended with exit code {tracker.process.returncode}")
    if not (answer := robot.start(box)).success:
        raise RobotError(f"the node refuses to start: {answer.message}")


def _wait_for_end(robot: Robot, player: ModuleProcess, clip: Path, rate: float) -> None:
    """Wait until the player has ended, with a progress bar over the video's frames."""
    frames = frame_count(clip)
    begin = robot.now()
    with tqdm(total=frames, unit="frame", desc="tracking", mininterval=0.5) as progress:
        while player.alive:
            with suppress(RobotError):
                robot.wait(lambda: not player.alive, "the end", 0.2)
            stamp = robot.detections[-1].stamp if robot.detections else begin
            frame = int((stamp - begin) * 1e-9 * rate)
            progress.update(min(max(frame, 0), frames) - progress.n)
        progress.update(frames - progress.n)


def read_sent(log: Path) -> list[tuple[int, int]]:
    """Read the player's log: frame (-1: the first one, repeated) and stamp in nanoseconds."""
    with log.open(newline="") as file:
        return [(int(row["frame"]), int(row["stamp_ns"])) for row in csv.DictReader(file)]

"""The clip player as a camera, over DDS."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import rclpy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from siamdw_ros.node.decoding.raw import check, to_bgr
from siamdw_ros.tools.play_clip import frame_count, frame_rate, read_clip

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


def player(*arguments: str) -> "subprocess.Popen[str]":
    """Start the player as a process."""
    command = [sys.executable, "-m", "siamdw_ros.tools.play_clip", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_a_folder_of_pictures_arrives_frame_by_frame(tmp_path: Path, ros_domain: None) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (24, 32, 3), dtype=np.uint8) for _ in range(6)]
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture)
    node = rclpy.create_node("viewer")
    received: list[Image] = []
    node.create_subscription(Image, "image", received.append, QoSProfile(depth=100))
    play = node.create_client(Trigger, "/clip_player/play")
    log = tmp_path / "sent.csv"
    process = player(str(folder), "--paused", "--rate", "50", "--log", str(log))
    asked = None
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if asked is None and received and play.service_is_ready():
            asked = play.call_async(Trigger.Request())
        rclpy.spin_once(node, timeout_sec=0.1)
    assert process.wait(10) == 0
    with log.open() as file:
        sent = {int(row["stamp_ns"]): int(row["frame"]) for row in csv.DictReader(file)}
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in received]
    assert set(stamps) <= set(sent)
    assert [frame for frame in sent.values() if frame >= 0] == list(range(len(pictures)))
    assert len(received) >= 2
    for stamp, message in zip(stamps, received, strict=True):
        assert check(message) is None
        np.testing.assert_array_equal(to_bgr(message), pictures[max(sent[stamp], 0)])
    node.destroy_node()


def test_a_missing_clip_is_one_clear_line(tmp_path: Path) -> None:
    process = player(str(tmp_path / "gone.mp4"))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.strip().splitlines()[-1].endswith("no video that OpenCV can read")


def test_the_shipped_clip_is_what_it_says() -> None:
    frame = next(read_clip(CLIP))
    assert frame.shape == (480, 640, 3)
    assert frame_count(CLIP) == 217
    assert frame_rate(CLIP) == pytest.approx(26.8, abs=0.1)

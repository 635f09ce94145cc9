"""The findings of check_camera, and the changes that it advises."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from siamdw_ros.evaluation.node_process import ModuleProcess
from siamdw_ros.tools.camera_report import Publisher, Report, Sample, report

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
NOW = 1.7e9
GOOD = [
    Sample(
        arrived=500 + i / 30,
        now=NOW + i / 30 + 0.02,
        stamp=NOW + i / 30,
        frame_id="optical",
        size=(640, 480),
        encoding="rgb8",
        bytes=921600,
    )
    for i in range(150)
]
CAMERA = Publisher("/usb_cam", QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE))


def judged(samples: list[Sample], *publishers: Publisher, **others: object) -> Report:
    given = {"lost": 0, "calibration": "/camera_info", "simulated": False} | others
    return report(samples, publishers or [CAMERA], **given)


def test_good_camera_needs_no_change() -> None:
    found = judged(GOOD)
    assert found.changes == []
    assert found.seen["rate"] == "30.0 images/s, 33 ms apart, at most 33 ms"
    assert found.seen["encoding"] == "rgb8"
    assert found.seen["size"] == "640x480 px, 0.92 MB"
    assert found.seen["stamps"] == "of the node's clock, 20 ms old on arrival"
    assert found.seen["loss"] == "0 of 150 images"
    assert found.seen["publisher"] == "/usb_cam: reliable, volatile"


def stamped(shift: float) -> list[Sample]:
    return [replace(sample, stamp=sample.stamp + shift) for sample in GOOD]


SWAPPED = [*stamped(0)[:50], GOOD[51], GOOD[50], *GOOD[52:]]


@pytest.mark.parametrize(
    ("samples", "change"),
    [
        ([replace(s, stamp=0.0) for s in GOOD], "set header.stamp"),
        ([replace(s, stamp=s.arrived - 0.02) for s in GOOD], "count from the boot"),
        (stamped(-NOW + 60), "use_sim_time:=true"),
        (stamped(-3600), "clock is 3600.0 s behind"),
        (stamped(20), "clock is 20.0 s ahead"),
        (stamped(-0.5), "arrive 0.52 s after their stamps"),
        (SWAPPED, "stamps jump back 1 times"),
        (
            [replace(s, stamp=GOOD[i // 2 * 2].stamp) for i, s in enumerate(GOOD)],
            "75 images repeat",
        ),
        (GOOD[::4], "7.5 images/s are few"),
        ([*GOOD[:60], *GOOD[90:]], "a gap of 1.0 s"),
        ([s for i, s in enumerate(GOOD) if i % 10], "14 images did not arrive"),
        (
            [replace(s, problem="encoding 'x' is not supported") for s in GOOD],
            "rejects 150 of 150",
        ),
        ([replace(s, encoding="16UC1") for s in GOOD], "take the colour topic"),
        ([replace(s, frame_id="") for s in GOOD], "set the driver's frame_id"),
        ([*GOOD[:9], *(replace(s, size=(320, 240)) for s in GOOD[9:])], "the size changes"),
        ([replace(s, bytes=6_220_800) for s in GOOD], "sends images of 5.9 MiB reliably"),
        (GOOD[:1], "one image in all this time"),
    ],
)
def test_what_is_wrong_has_a_change(samples: list[Sample], change: str) -> None:
    assert change in " | ".join(judged(samples).changes)


def test_publishers_are_judged() -> None:
    latched = Publisher(
        "/latched", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    )
    changes = " | ".join(judged(GOOD, latched, CAMERA).changes)
    assert "2 nodes publish on this topic" in changes
    assert "/latched keeps old images" in changes


def test_loss_that_the_middleware_reports_counts() -> None:
    found = judged(GOOD, lost=30)
    assert found.seen["loss"] == "30 of 180 images"
    assert "30 images did not arrive" in found.changes[0]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "siamdw_ros.tools.check_camera", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.ros
def test_camera_is_checked_over_dds(ros_domain: None) -> None:
    arguments = [str(CLIP), "--loop", "--topic", "/cam/image_raw", "--camera-info"]
    with ModuleProcess("siamdw_ros.tools.play_clip", arguments) as player:
        found = run("/cam/image_raw", "--seconds", "3")
        assert player.alive
        assert found.returncode in (0, 1), found.stderr  # a busy machine may lose some images
        assert re.search(r"rate +[12]?\d\.\d images/s", found.stdout)
        assert re.search(r"publisher +/clip_player: reliable, volatile", found.stdout)
        assert re.search(r"encoding +bgr8", found.stdout)
        assert re.search(r"size +640x480 px, 0.92 MB", found.stdout)
        assert re.search(r"stamps +of the node's clock", found.stdout)
        assert re.search(r"calibration +/cam/camera_info", found.stdout)
        missing = run("/other/image_raw", "--seconds", "1")
        assert missing.returncode == 2
        assert "nothing publishes /other/image_raw: images are on /cam" in missing.stderr
        wrong = run("/cam/camera_info")
        assert "not images" in wrong.stderr

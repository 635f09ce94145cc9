"""select_target: boxes of a window start targets on the image that they were drawn on.

The window itself is tested in test/recordings; here a scripted hand draws.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.evaluation.annotations import read_annotation
from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.node_process import NODE, ModuleProcess
from siamdw_ros.ros.conversions import box_from_message
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.tools.select_target import parse_arguments
from siamdw_ros.tools.target_selector import TargetSelector

pytestmark = [pytest.mark.ros, pytest.mark.timeout(600)]
CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
TRUTH: Box = tuple(read_annotation(CLIP.with_suffix(".csv"))[0])
PARAMETERS = ("-p", "camera_timeout:=60.0", "-p", "backend:=torch")  # for a busy machine
ENOUGH = 500.0  # seconds; a slow machine loads torch and the network in that time


class Hand:
    """Draws one box on an image of the clip, again until the target is there."""

    def __init__(self, selector: TargetSelector) -> None:
        self.closed = False
        self.sizes: list[tuple[int, ...]] = []
        self.found: list[TrackerStatus] = []
        self._end = time.monotonic() + ENOUGH
        self._next = 0.0
        selector.node.create_subscription(
            TrackerStatus, "siamdw_tracker/status", self._on_status, 10
        )

    def _on_status(self, status: TrackerStatus) -> None:
        if status.targets:
            self.found.append(status)
            self.closed = True

    def show(self, image: Image) -> list[Box]:
        self.sizes.append(image.shape)
        self.closed = self.closed or time.monotonic() > self._end
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + 2.0
        return [TRUTH]


@pytest.fixture
def tracker(ros_domain: None) -> Iterator[None]:
    player = [str(CLIP), "--rate", "4", "--topic", "/front/image", "--paused"]
    with (
        ModuleProcess(NODE, ["--ros-args", "-r", "image:=/front/image", *PARAMETERS]),
        ModuleProcess("siamdw_ros.tools.play_clip", player),
    ):
        yield


def test_a_box_starts_a_target(tracker: None) -> None:
    options = parse_arguments(["--topic", "/front/image", "--target-id", "cup"])
    selector = TargetSelector(options)
    hand = Hand(selector)
    try:
        selector.run(hand)
    finally:
        selector.node.destroy_node()
    assert hand.found, "no target was started"
    (target,) = hand.found[0].targets
    assert target.id == "cup"
    assert overlap(box_from_message(target.bbox), TRUTH) > 0.6
    assert hand.sizes[-1] == (480, 640, 3)


def test_without_a_display_it_reports_that_in_one_line() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "siamdw_ros.tools.select_target"],
        env={name: value for name, value in os.environ.items() if name != "DISPLAY"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith("select_target: ")
    assert line.endswith("ros2 run siamdw_ros panel")


@pytest.mark.parametrize("duration", ["0", "-1", "soon", "1e9"])
def test_a_wrong_duration_is_refused_in_one_line(
    duration: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--duration", duration])
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected a number above 0" in line

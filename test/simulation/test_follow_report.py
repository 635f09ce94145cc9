"""The figures, plot and video of a run, from a run that is known."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamdw_ros.following.camera import Camera
from siamdw_ros.following.control import STOP, Motion
from siamdw_ros.following.pilot import Observation
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.siamdw.presence import State
from siamdw_ros.simulation.closed_loop import Record
from siamdw_ros.simulation.report import Video, figures, overlap, plot
from siamdw_ros.simulation.scenarios import Scenario

CAMERA = Camera.from_field_of_view(640, 480, math.radians(70))
SETTINGS = FollowSettings(gap=1.0, robot_radius=0.2)
BOX = (300.0, 100.0, 80.0, 200.0)
RATE = 10


def run(lost: range = range(0), beside: range = range(0), robot=(0.0, 0.0, 0.0)) -> list[Record]:
    """Eight seconds; in images `lost` the target is lost, in `beside` its box is wrong."""
    records = []
    for index in range(8 * RATE):
        state = State.LOST if index in lost else State.TRACKED
        box = (0.0, 0.0, 50.0, 50.0) if index in beside else BOX
        stands = index - 3 in lost
        records.append(
            Record(
                time=index / RATE,
                image=np.zeros((480, 640, 3), np.uint8),
                truth=BOX,
                seen=Observation(index / RATE, 0.05, state, box),
                plan=None,
                motion=STOP if stands else Motion(forward=0.5),
                reasons=(),
                robot=robot,
                target=(2.0, 0.0),
                bearing=0.1,
                gap=1.3,
            )
        )
    return records


def test_errors_are_those_of_the_run() -> None:
    found = figures(run(), Scenario("s", 8.0, lambda t: (2.0, 0.0)), SETTINGS, CAMERA)
    assert found["time on target"] == 1.0
    assert found["rms bearing error / field of view"] == pytest.approx(0.1 / math.radians(70))
    assert found["rms distance error / distance"] == pytest.approx(0.3 / 1.5)
    assert found["collisions"] == 0
    assert "time to re-find (s)" not in found


def test_a_box_somewhere_else_is_not_on_target() -> None:
    scenario = Scenario("s", 8.0, lambda t: (2.0, 0.0))
    assert figures(run(beside=range(40, 60)), scenario, SETTINGS, CAMERA)[
        "time on target"
    ] == pytest.approx(0.75)


def test_standing_and_finding_are_timed_from_the_loss() -> None:
    scenario = Scenario("s", 8.0, lambda t: (2.0, 0.0))
    found = figures(run(lost=range(40, 60)), scenario, SETTINGS, CAMERA)
    assert found["standing after loss (s)"] == pytest.approx(0.3)
    assert found["time to re-find (s)"] == pytest.approx(2.0)


def test_a_robot_in_a_pillar_is_a_collision() -> None:
    scenario = Scenario("s", 8.0, lambda t: (2.0, 0.0), pillars=((0.7, 0.0),))
    assert figures(run(), scenario, SETTINGS, CAMERA)["collisions"] == 80
    assert figures(run(robot=(-0.2, 0.0, 0.0)), scenario, SETTINGS, CAMERA)["collisions"] == 0


def test_boxes_that_do_not_touch_do_not_overlap() -> None:
    assert overlap(BOX, BOX) == 1.0
    assert overlap(BOX, (0.0, 0.0, 10.0, 10.0)) == 0.0
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)


def test_the_video_has_every_image(tmp_path: Path) -> None:
    scenario = Scenario("s", 8.0, lambda t: (2.0, 0.0), pillars=((1.0, 1.0),))
    video = Video(tmp_path / "run.mp4", RATE, scenario)
    shown = [video.add(record) for record in run(lost=range(5, 9))[:12]]
    video.close()
    assert shown[0].shape == (480, 1120, 3)
    green = (shown[0][:, :640, 1] > 150) & (shown[0][:, :640, 2] < 120)
    assert green.sum() > 200, "the box of a tracked target is green"
    capture = cv2.VideoCapture(str(tmp_path / "run.mp4"))
    count = 0
    while capture.read()[0]:
        count += 1
    assert count == 12


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(tmp_path / "run.png", run(), "a run", SETTINGS)
    picture = cv2.imread(str(tmp_path / "run.png"))
    assert picture is not None
    assert picture.shape[0] > 400

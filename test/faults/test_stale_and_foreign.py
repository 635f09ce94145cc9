"""No image waits for what is made at first use; old images and foreign clocks are reported."""

import math
import statistics
import threading
from typing import Any

import cv2
import numpy as np
import pytest
from networks import DEFAULT_FIRST
from rig import START, LaunchRig, Rig, Trials

from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.node.decoding import image_message

pytestmark = pytest.mark.ros

MOST = 3.0  # an image may take so many times the median


def inference(rig: Rig, picture: np.ndarray) -> float:
    """Show an image, wait for its status, and return the milliseconds that the tracker took."""
    robot: Robot = rig.robot
    stamp = robot.send(image_message(picture))

    def status() -> Any:
        heard = [one for one in tuple(robot.statuses) if one.stamp == stamp]
        return heard[-1].message if heard else None

    return float(rig.wait(status, "the image's status").inference_ms)


def start(rig: Rig, target_id: str) -> None:
    answer = rig.robot.start(START, target_id)
    assert answer.success, answer.message


@pytest.mark.parametrize("model", DEFAULT_FIRST)
@pytest.mark.timing
def test_the_first_miss_and_more_targets_take_no_longer_than_three_medians(
    launch_rig: LaunchRig, trials: Trials, picture: np.ndarray, model: str
) -> None:
    """On a new node: what an image needs is made while the node is configured.

    Time grows with the number of targets, so that each image is compared with its neighbours.
    """
    blank = np.full_like(picture, 90)
    for trial in trials(f"a new node, {model}: the first miss, then a 2nd, 3rd and 4th target"):
        with launch_rig(model=model) as rig:
            inference(rig, picture)
            start(rig, "1")
            usual = statistics.median(inference(rig, picture) for _ in range(10))
            missed = inference(rig, blank)
            wide = statistics.median(inference(rig, blank) for _ in range(6))
            assert missed < MOST * max(wide, usual), (missed, wide, usual)
            trial.counts = {"worst first miss %": round(100 * missed / wide)}
            for number in ("2", "3", "4"):
                inference(rig, picture)
                start(rig, number)
                added = inference(rig, picture)
                later = statistics.median(inference(rig, picture) for _ in range(5))
                assert added < MOST * later, (number, added, later)
                ratio = {f"worst target {number} %": round(100 * added / later)}
                trial.counts |= ratio


def test_a_start_on_a_camera_that_has_stopped_is_refused(
    rig: Rig, trials: Trials, picture: np.ndarray
) -> None:
    (result,) = rig.robot.set_parameters({"camera_timeout": 0.5})
    assert result.successful
    try:
        for trial in trials("start on the last image of a camera that has stopped"):
            inference(rig, picture)
            threading.Event().wait(0.6)  # the fault itself
            answer = rig.robot.start(START)
            assert not answer.success
            assert "s old, no newer one arrives" in answer.message
            unsupported = image_message(picture)
            unsupported.encoding = "32FC1"
            rig.robot.send(unsupported)
            rig.wait(lambda: "32FC1" in rig.robot.start(START).message, "the reason")
            with rig.camera():
                rig.follow()
                rig.survived(trial)
    finally:
        rig.robot.set_parameters({"camera_timeout": 2.0})


def test_the_resolution_changes_while_a_target_is_tracked(
    rig: Rig, trials: Trials, picture: np.ndarray
) -> None:
    x, y, width, height = START
    for trial in trials("resolution changes from 640x480 to 1280x960 and 320x240, and back"):
        with rig.camera():
            rig.follow()
        for factor in (2.0, 0.5, 1.0):
            inference(rig, cv2.resize(picture, None, fx=factor, fy=factor))
            (detection,) = rig.wait(
                lambda: rig.robot.detections[-1].message.detections, "a detection"
            )
            center = detection.bbox.center.position
            assert math.dist(
                (center.x, center.y), (factor * (x + width / 2), factor * (y + height / 2))
            ) < 12 * max(factor, 1)
            assert detection.bbox.size_x == pytest.approx(factor * width, rel=0.15)
        with rig.camera():
            rig.survived(trial)


def test_stamps_of_another_clock_give_no_latency(
    rig: Rig, trials: Trials, picture: np.ndarray
) -> None:
    for trial in trials("stamps of another clock: zero, 1,000 s ahead, an hour behind"):
        with rig.camera():
            rig.follow()
        for stamp in (1, rig.robot.now() + 1000 * 10**9, rig.robot.now() - 3600 * 10**9):
            rig.robot.send(image_message(picture), stamp)
            status = rig.wait(
                lambda s=stamp: [h for h in tuple(rig.robot.statuses) if h.stamp == s],
                "the image's status",
            )[-1].message
            assert math.isnan(status.latency_ms)
        with rig.camera():
            rig.follow()
            rig.survived(trial)
            rig.wait(
                lambda: 0 <= rig.robot.statuses[-1].message.latency_ms < 60_000,
                "a status with a latency",
            )

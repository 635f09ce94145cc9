"""Requests in masses, in the wrong moment and with the wrong contents."""

import pytest
from conftest import START, Rig, Trials
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.messages import box_to_message

pytestmark = pytest.mark.ros

STORM = 300  # requests at once, far more than wait at a time


def test_a_storm_of_requests(rig: Rig, trials: Trials) -> None:
    box = box_to_message(START)
    asked = [
        StartTracking.Request(target_id=f"target {number % 4}", bbox=box)
        if number % 2
        else StopTracking.Request(target_id=f"target {number % 4 + 1}")
        for number in range(STORM)
    ]
    for trial in trials(f"{STORM} starts and stops at once"):
        with rig.camera():
            rig.follow()
            answers = rig.robot.ask_all(asked)
            trial.counts = {
                "carried out": sum(answer.success for answer in answers),
                "refused": sum(not answer.success for answer in answers),
            }
            assert all(answer.message for answer in answers)
            assert any("too many" in answer.message for answer in answers)
            rig.survived(trial)

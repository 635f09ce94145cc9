"""Requests in masses, in the wrong moment and with the wrong contents."""

import math
import time
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rig import START, LaunchRig, Rig, Trials
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.ros.conversions import box_to_message

pytestmark = pytest.mark.ros

STORM = 300  # requests at once, far more than wait at a time
REQUESTS = {StartTracking: "start_tracking", StopTracking: "stop_tracking"}
# All of lifecycle_msgs/Transition that a client may ask for, and some that do not exist.
TRANSITIONS = [
    Transition.TRANSITION_CREATE,
    Transition.TRANSITION_CONFIGURE,
    Transition.TRANSITION_CLEANUP,
    Transition.TRANSITION_ACTIVATE,
    Transition.TRANSITION_DEACTIVATE,
    Transition.TRANSITION_DESTROY,
    *(77, 255),
]
POSSIBLE = {
    "unconfigured": [Transition.TRANSITION_CONFIGURE],
    "inactive": [Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_CLEANUP],
    "active": [Transition.TRANSITION_DEACTIVATE],
    "finalized": [],
}
GOOD = {"history_seconds": 1.0, "tracked_score": 0.85, "max_targets": 9, "class_id": "cup"}
BAD = [
    *({"tracked_score": value} for value in (math.nan, math.inf, -0.1, 1.1, "high", [0.5])),
    *({"max_targets": value} for value in (0, -1, 2**40, 1.5, "many", True)),
    *({"history_megabytes": value} for value in (math.nan, -1.0, math.inf)),
    {"class_id": "x" * 100_000},
    {"lost_score": 0.99},  # above tracked_score
    {"model": "siamrpn_res22"},  # read when the node is configured
    {"autostart": False},  # read only
    {"nobody_knows_this": 1},
]
BEFORE = {"history_seconds": 2.0, "tracked_score": 0.5, "max_targets": 16, "class_id": "target"}


def test_a_storm_of_requests(rig: Rig, trials: Trials) -> None:
    box = box_to_message(START)
    calls: list[tuple[Any, str, Any]] = []
    for number in range(STORM):
        kind = StopTracking if number % 2 else StartTracking
        request = kind.Request(target_id=f"target {number % 4}")
        if number % 2 == 0:
            request.bbox = box
        calls.append((kind, REQUESTS[kind], request))
    for trial in trials(f"{STORM} starts and stops at once"):
        with rig.camera():
            rig.follow()
            answers = rig.robot.ask_all(calls)
            refused = [answer for answer in answers if not answer.success]
            trial.counts = {"carried out": STORM - len(refused), "refused": len(refused)}
            assert all(answer.message for answer in answers)
            assert any("requests" in answer.message for answer in refused), "none was too many"
            rig.survived(trial)


def parameter_calls(values: dict[str, Any], times: int) -> list[tuple[Any, str, Any]]:
    """Calls that set each of some parameters by itself, several times."""
    messages = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
    requests = [SetParameters.Request(parameters=[message]) for message in messages]
    return [(SetParameters, "set_parameters", request) for request in requests * times]


def test_a_storm_of_parameters(rig: Rig, trials: Trials) -> None:
    good = parameter_calls(GOOD, 10)
    bad = [call for values in BAD for call in parameter_calls(values, 2)]
    for trial in trials(f"{len(good)} good and {len(bad)} bad parameters at once, while tracking"):
        with rig.camera():
            rig.follow()
            answers = rig.robot.ask_all([*good, *bad])
            results = [answer.results[0] for answer in answers]
            taken = [result.successful for result in results]
            wrong = [
                (call[2].parameters[0].name, call[2].parameters[0].value)
                for call, taken_ in zip(bad, taken[len(good) :], strict=True)
                if taken_
            ]
            assert all(taken[: len(good)])
            assert not wrong, "bad values were taken"
            assert all(result.reason for result in results[len(good) :])
            trial.counts = {"taken": sum(taken), "refused": len(taken) - sum(taken)}
            assert all(result.successful for result in rig.robot.set_parameters(BEFORE))
            rig.survived(trial)


def ask_in_state(robot: Robot) -> float:
    """Ask everything that the state does not allow: refused with words. The slowest answer."""
    state, times = robot.lifecycle_state(), []
    for transition in set(TRANSITIONS) - set(POSSIBLE[state]):
        begin = time.monotonic()
        assert robot.change_state(transition) == state
        times.append((time.monotonic() - begin) / 3)  # it asks for the state before and after
    if state != "active":
        for ask in (lambda: robot.start(START), robot.stop):
            begin = time.monotonic()
            answer = ask()
            times.append(time.monotonic() - begin)
            assert not answer.success
            assert state in answer.message
    begin = time.monotonic()
    assert not robot.set_parameters({"tracked_score": 2.0})[0].successful
    return max([*times, time.monotonic() - begin])


def test_calls_in_every_state(rig: Rig, trials: Trials) -> None:
    for trial in trials("all calls in every state: unconfigured, inactive, active"):
        with rig.camera():
            slowest = []
            for state in ("active", "inactive", "unconfigured", "inactive", "active"):
                rig.robot.bring_to(state)
                slowest.append(ask_in_state(rig.robot))
            trial.counts = {"slowest answer ms": round(max(slowest) * 1e3)}
            rig.follow()
            rig.survived(trial)


def test_calls_to_a_finalized_node(launch_rig: LaunchRig, trials: Trials) -> None:
    for trial in trials("all calls to a node that was shut down (finalized)", share=0.2):
        with launch_rig(autostart=False) as rig:
            assert rig.robot.change_state(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN) == (
                "finalized"
            )
            trial.answer = ask_in_state(rig.robot)
            assert rig.tracker.interrupt() == 0
            assert "Traceback" not in rig.tracker.output()


def test_a_life_lived_again_and_again(rig: Rig, trials: Trials) -> None:
    for trial in trials("deactivated, cleaned up, configured, activated", share=2):
        with rig.camera():
            rig.robot.bring_to("unconfigured")
            rig.robot.bring_to("active")
            trial.recovered(rig.robot.recovery())
    with rig.camera():
        rig.follow()

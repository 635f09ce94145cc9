"""The node's lifecycle, from the side of a lifecycle manager."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from test_parameters import set_parameters
from tracker_rig import TrackerRig

Launch = Callable[..., TrackerRig]


def change(tracker: TrackerRig, transition: int | str) -> bool:
    asked = (
        Transition(label=transition) if isinstance(transition, str) else Transition(id=transition)
    )
    request = ChangeState.Request(transition=asked)
    return bool(tracker.call(ChangeState, "change_state", request).success)


def state(tracker: TrackerRig) -> str:
    return str(tracker.call(GetState, "get_state", GetState.Request()).current_state.label)


def refused(tracker: TrackerRig) -> str:
    begin = time.monotonic()
    answers = tracker.start(), tracker.stop()
    assert time.monotonic() - begin < 1.0
    assert not any(answer.success for answer in answers)
    return str(answers[0].message)


def test_a_manager_takes_the_node_through_its_states_and_back(
    launch_tracker: Launch, frames: list[np.ndarray]
) -> None:
    tracker = launch_tracker(active=False, autostart=False, backend="torch")
    assert state(tracker) == "unconfigured"
    assert "the node is unconfigured: configure and activate it" in refused(tracker)
    assert change(tracker, Transition.TRANSITION_CONFIGURE)
    assert state(tracker) == "inactive"
    publisher = tracker.camera.publisher
    assert "the node is inactive: activate it" in refused(tracker)
    for _ in range(2):
        assert change(tracker, "activate")
        tracker.connect()
        assert tracker.show(frames[0]).detections == []  # nothing is left of the time before
        assert tracker.start().success
        assert len(tracker.show(frames[1]).detections) == 1
        assert change(tracker, Transition.TRANSITION_DEACTIVATE)
        assert "inactive" in refused(tracker)
        tracker.wait(lambda: publisher.get_subscription_count() == 0, "no subscriber")
    assert change(tracker, Transition.TRANSITION_CLEANUP)
    assert state(tracker) == "unconfigured"
    assert change(tracker, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert state(tracker) == "finalized"
    assert "start a new one" in refused(tracker)
    assert tracker.process.interrupt() == 0
    assert "Traceback" not in tracker.output()


def test_a_transition_that_the_state_does_not_allow_is_refused(launch_tracker: Launch) -> None:
    tracker = launch_tracker(active=False, autostart=False)
    for transition in (Transition.TRANSITION_ACTIVATE, 200, "cleanup", "nonsense"):
        assert not change(tracker, transition)
    assert state(tracker) == "unconfigured"
    assert tracker.process.interrupt() == 0
    assert "Traceback" not in tracker.output()


def test_a_shutdown_while_it_is_active_ends_everything(
    launch_tracker: Launch, frames: list[np.ndarray]
) -> None:
    tracker = launch_tracker(backend="torch")
    tracker.show(frames[0])
    assert tracker.start().success
    assert change(tracker, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(tracker) == "finalized"
    assert tracker.process.interrupt() == 0


@pytest.mark.timing
def test_while_the_network_loads_everything_is_answered_within_a_second(
    launch_tracker: Launch,
) -> None:
    tracker = launch_tracker(active=False, autostart=False)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    client = tracker.client(ChangeState, "change_state")
    tracker.wait(client.service_is_ready, "change_state")
    loaded = client.call_async(request)
    tracker.wait(lambda: state(tracker) == "configuring", "loading to begin")
    assert not change(tracker, Transition.TRANSITION_CONFIGURE)  # one at a time
    reasons = set()
    while not loaded.done():
        reasons.add(refused(tracker))
    assert loaded.result().success
    assert any("the network is being loaded" in reason for reason in reasons)


def test_what_kept_it_from_being_configured_can_be_mended(reconfigure: Launch) -> None:
    tracker = reconfigure(active=False, device="cuda:99", image_topics=[""])
    assert not change(tracker, Transition.TRANSITION_CONFIGURE)
    assert "device 'cuda:99' is not there" in refused(tracker)
    assert state(tracker) == "unconfigured"
    assert "'a b' cannot name a topic" in set_parameters(tracker, image_topics=["a b", "c"])[0]
    assert set_parameters(tracker, device="cpu", image_topics=["a/x", "/a/x"]) == ["", ""]
    assert not change(tracker, Transition.TRANSITION_CONFIGURE)
    assert "2 cameras have the camera name 'a/x'" in refused(tracker)
    assert set_parameters(tracker, device="cpu", image_topics=["a/x", "b/x"]) == ["", ""]
    assert change(tracker, Transition.TRANSITION_CONFIGURE)


def test_the_node_works_while_simulated_time_stands_still(
    reconfigure: Launch, frames: list[np.ndarray]
) -> None:
    tracker = reconfigure(use_sim_time=True)
    tracker.show(frames[0])
    assert tracker.start().success
    assert len(tracker.show(frames[1]).detections) == 1

"""Parameters that change while the node runs."""

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.srv import DescribeParameters, SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter
from siamdw_msgs.msg import TargetState
from tracker_rig import TrackerRig

from siamdw_ros.node.settings import PARAMETERS, Settings
from siamdw_ros.ros.parameters import Parameter as Declared
from siamdw_ros.ros.parameters import Read
from siamdw_ros.siamdw.hyperparameters import OURS, Hyper, hyperparameters


def messages(values: dict[str, Any]) -> list[Any]:
    return [
        Parameter(name.replace("__", "."), value=value).to_parameter_msg()
        for name, value in values.items()
    ]


def set_parameters(tracker: TrackerRig, **values: Any) -> list[str]:
    """Set each by itself; the reasons why not, empty for those that were set."""
    request = SetParameters.Request(parameters=messages(values))
    results = tracker.call(SetParameters, "set_parameters", request).results
    assert all(result.successful == (not result.reason) for result in results)
    return [result.reason for result in results]


def set_together(tracker: TrackerRig, **values: Any) -> str:
    request = SetParametersAtomically.Request(parameters=messages(values))
    result = tracker.call(SetParametersAtomically, "set_parameters_atomically", request).result
    return str(result.reason)


def test_a_change_takes_effect_on_the_next_image(
    tracker: TrackerRig, frames: list[np.ndarray]
) -> None:
    tracker.show(frames[0])
    assert tracker.start().success
    assert set_parameters(tracker, class_id="cup", tracked_score=1.0) == ["", ""]
    (detection,) = tracker.show(frames[1]).detections
    assert detection.results[0].hypothesis.class_id == "cup"
    (state,) = tracker.statuses[-1].targets
    assert state.state == TargetState.UNCERTAIN  # no score is that high
    assert set_parameters(tracker, class_id="target", tracked_score=0.5) == ["", ""]
    (detection,) = tracker.show(frames[2]).detections
    assert detection.results[0].hypothesis.class_id == "target"
    (state,) = tracker.statuses[-1].targets
    assert state.state == TargetState.TRACKED


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("lost_score", 0.9, "lost <= tracked"),
        ("tracked_score", math.nan, "tracked_score"),
        ("tracked_score", 1.5, "tracked_score"),
        ("request_timeout", math.inf, "request_timeout"),
        ("lost_patience", 0, "lost_patience"),
        ("class_id", "x" * 65, "at most 64"),
        ("class_id", [7], "type"),
        ("max_targets", 1.5, "type"),
        ("tracker__rate", "fast", "needs a number"),
        ("tracker__presence_slope", 0.0, "presence_slope"),
        ("tracker__wide_instance_size", 300.0, "127 plus a multiple of 16"),
        ("tracker__wide_instance_size", 383.5, "must be a whole number"),
        ("tracker__scale_rate", 0.1, "has no hyper-parameter scale_rate (only siamfc_* have it)"),
        ("model", "siamfc_incep22", "deactivate it and clean it up first"),
        ("image_topics", ["a", "b"], "deactivate it and clean it up first"),
        ("autostart", False, "read-only"),
    ],
)
def test_a_value_that_does_not_fit_is_rejected_with_the_reason(
    tracker: TrackerRig, name: str, value: Any, reason: str
) -> None:
    (refusal,) = set_parameters(tracker, **{name: value})
    assert reason in refusal


def test_values_that_only_fit_together_are_set_together(tracker: TrackerRig) -> None:
    low = {"tracked_score": 0.05, "lost_score": 0.02}
    assert "lost <= tracked" in set_parameters(tracker, **low)[0]
    assert set_parameters(tracker, lost_score=0.1) == [""]
    assert set_together(tracker, **low) == ""
    assert "lost <= tracked" in set_together(tracker, lost_score=0.7, class_id="changed")
    assert set_together(tracker, tracked_score=0.5, lost_score=0.1) == ""


def test_hyper_parameters_steer_the_next_search(
    tracker: TrackerRig, frames: list[np.ndarray]
) -> None:
    def size_after(**hyper: float) -> float:
        assert set(set_parameters(tracker, **hyper)) == {""}
        tracker.show(frames[0])
        assert tracker.start((306.0, 124.0, 108.0, 260.0), target_id="bottle").success
        (detection,) = tracker.show(nearer).detections
        return float(detection.bbox.size_x)

    around = np.array([[1.1, 0, -0.1 * 360], [0, 1.1, -0.1 * 254]])  # the bottle's middle
    nearer = cv2.warpAffine(frames[0], around, (640, 480))
    assert size_after(tracker__rate=0.0) == pytest.approx(108.0)
    assert size_after(tracker__rate=1.0) > 1.03 * 108.0
    assert size_after(tracker__max_growth=1.01) == pytest.approx(1.01 * 108.0, rel=0.01)
    defaults = dict.fromkeys(["tracker__rate", "tracker__max_growth"], "")
    assert set_parameters(tracker, **defaults) == ["", ""]


HYPER = [parameter for parameter in PARAMETERS if parameter.name.startswith("tracker.")]


@pytest.mark.parametrize("parameter", HYPER, ids=lambda parameter: parameter.name)
def test_the_declared_range_is_what_the_trackers_accept(parameter: Declared) -> None:
    field = parameter.name.removeprefix("tracker.")
    networks = [name for name in OURS if hasattr(OURS[name], field)]
    listed = ", ".join(f"{name}_*" for name in sorted(networks))
    names = "all networks" if len(networks) == len(OURS) else listed
    assert parameter.description.startswith(f"{names}: ")
    assert parameter.limits is not None
    low, high = parameter.limits
    beyond = 16.0 if field == "wide_instance_size" else 1e-6 * (high - low)
    for network in networks:

        def take(value: float, network: str = network) -> Hyper:
            hyper = Settings(**{parameter.field: value}).hyper()
            return hyperparameters(f"{network}_res22", **hyper)

        assert getattr(take(low), field) == low
        assert getattr(take(high), field) == high
        for value in (low - beyond, high + beyond):
            with pytest.raises(ValueError, match=f"{field} must lie in"):
                take(value)


def test_the_other_bundled_network_is_chosen_by_its_name(
    reconfigure: Callable[..., TrackerRig], frames: list[np.ndarray]
) -> None:
    tracker = reconfigure(model="siamfc_res22")
    assert set_parameters(tracker, tracker__scale_rate=0.3) == [""]
    assert "has no hyper-parameter rate" in set_parameters(tracker, tracker__rate=0.3)[0]
    tracker.show(frames[0])
    assert tracker.start().success
    (detection,) = tracker.show(frames[1]).detections
    assert detection.results[0].hypothesis.score > 0.5
    assert tracker.statuses[-1].model == "siamfc_res22"
    assert set_parameters(tracker, tracker__scale_rate="") == [""]


def test_fewer_targets_than_are_followed_stops_none(
    tracker: TrackerRig, frames: list[np.ndarray]
) -> None:
    tracker.show(frames[0])
    assert tracker.start(target_id="a").success
    assert tracker.start(target_id="b").success
    assert set_parameters(tracker, max_targets=1) == [""]
    assert "max_targets" in tracker.start(target_id="c").message
    tracker.show(frames[1])
    assert len(tracker.statuses[-1].targets) == 2
    assert set_parameters(tracker, max_targets=16) == [""]


def test_each_parameter_describes_what_it_is_and_when_it_is_read(tracker: TrackerRig) -> None:
    request = DescribeParameters.Request(names=[parameter.name for parameter in PARAMETERS])
    answer = tracker.call(DescribeParameters, "describe_parameters", request)
    descriptors: list[ParameterDescriptor] = answer.descriptors
    for parameter, descriptor in zip(PARAMETERS, descriptors, strict=True):
        assert descriptor.description == parameter.description
        assert descriptor.additional_constraints == f"read {parameter.read.value}"
        assert descriptor.read_only == (parameter.read is Read.START)
        ranges = [*descriptor.integer_range, *descriptor.floating_point_range]
        assert [(r.from_value, r.to_value) for r in ranges] == (
            [parameter.limits] if parameter.limits else []
        )

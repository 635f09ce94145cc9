"""What diagnostics say, for each thing that may be wrong."""

from types import SimpleNamespace
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from siamdw_msgs.msg import TargetState

from siamdw_ros.node.health import (
    MAX_LISTED,
    connection_problems,
    error,
    gpu_memory,
    make_status,
    silence_problems,
    target_status,
    warning,
)

IMAGE = "sensor_msgs/msg/Image"
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def publisher(qos: QoSProfile = RELIABLE, topic_type: str = IMAGE) -> Any:
    return SimpleNamespace(
        node_name="driver", node_namespace="/", topic_type=topic_type, qos_profile=qos
    )


def messages(problems: list[Any]) -> list[str]:
    return [problem.message for problem in problems]


def test_a_status_is_as_bad_as_its_worst_problem_and_says_all_of_that_level() -> None:
    problems = [warning("slow"), error("no camera"), error("no GPU")]
    status = make_status("node: part", "gpu0", problems, "well", {"rate": 29.97, "count": 3})
    assert (status.name, status.hardware_id) == ("node: part", "gpu0")
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == "no camera; no GPU"
    assert {v.key: v.value for v in status.values} == {"rate": "30.0", "count": "3"}


def test_a_status_without_problems_is_well() -> None:
    status = make_status("node: part", "", [], "well", {})
    assert (status.level, status.message) == (DiagnosticStatus.OK, "well")


@pytest.mark.parametrize("offered", [BEST_EFFORT, RELIABLE, LATCHED])
def test_our_own_qos_fits_every_camera(offered: QoSProfile) -> None:
    assert connection_problems([publisher(offered)], "/image", IMAGE, BEST_EFFORT) == []


@pytest.mark.parametrize(
    ("offered", "ours", "policy"),
    [(BEST_EFFORT, RELIABLE, "reliable"), (RELIABLE, LATCHED, "transient local")],
)
def test_qos_that_does_not_fit_names_publisher_and_policy(
    offered: QoSProfile, ours: QoSProfile, policy: str
) -> None:
    (problem,) = connection_problems([publisher(offered)], "/image", IMAGE, ours)
    assert problem.level == DiagnosticStatus.ERROR
    assert "/driver" in problem.message
    assert policy in problem.message.lower()


def test_a_publisher_of_another_type_is_an_error() -> None:
    other = publisher(topic_type="sensor_msgs/msg/CompressedImage")
    (problem,) = connection_problems([other, publisher()], "/image", IMAGE, RELIABLE)
    assert problem == error(
        "/driver publishes sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image"
    )


def test_a_topic_without_publishers_is_a_warning() -> None:
    assert connection_problems([], "/image", IMAGE, RELIABLE) == [
        warning("nothing publishes /image")
    ]


@pytest.mark.parametrize(
    ("silence", "expected"),
    [(None, [warning("no image has come yet")]), (1.9, []), (2.1, [error("no image for 2.1 s")])],
)
def test_a_camera_that_stopped_is_an_error(silence: float | None, expected: list[Any]) -> None:
    assert silence_problems(silence, 2.0) == expected


def target(state: int, name: str = "cup") -> TargetState:
    return TargetState(id=name, state=state, score=0.5)


def test_a_lost_target_is_a_warning_that_counts_all() -> None:
    targets = [target(TargetState.TRACKED), target(TargetState.LOST, "dog")]
    status = target_status("node: targets", "cpu", targets)
    assert (status.level, status.message) == (DiagnosticStatus.WARN, "1 tracked, 1 lost")
    assert {v.key: v.value for v in status.values}["target dog"] == "lost, score 0.50"


def test_targets_are_listed_up_to_a_limit() -> None:
    many = [target(TargetState.TRACKED, str(i)) for i in range(256)]
    status = target_status("node: targets", "cpu", many)
    assert status.message == "256 tracked"
    assert sum(v.key.startswith("target ") for v in status.values) == MAX_LISTED


def test_no_target_is_well() -> None:
    assert target_status("node: targets", "cpu", []).message == "no target"


def test_memory_of_a_gpu_is_told_where_there_is_one() -> None:
    assert gpu_memory("cpu") == {}
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    figures = gpu_memory("cuda:0")
    assert 0 <= figures["GPU memory allocated (MiB)"] <= figures["GPU memory (MiB)"]

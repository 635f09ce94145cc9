"""The node's /diagnostics while a camera starts, errs and stops."""

import math
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from siamdw_msgs.msg import TargetState
from tracker_rig import TrackerRig

from siamdw_ros.node.diagnostics import (
    MAX_LISTED,
    QUIET,
    DiagnosticsPublisher,
    ProblemLog,
    connection_problems,
    error_problem,
    make_status,
    silence_problems,
    target_status,
    warn_problem,
)
from siamdw_ros.node.engine import gpu_memory
from siamdw_ros.node.metrics import (
    LONG_WINDOW,
    WINDOW,
    Durations,
    ProcessStats,
    Rate,
    ReceiveStats,
)

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Diagnostics:
    """The last status of each part of a node."""

    def __init__(self, tracker: TrackerRig) -> None:
        self.tracker = tracker
        self.parts: dict[str, DiagnosticStatus] = {}
        self.prefix = tracker.node.get_namespace().strip("/") + "/siamdw_tracker: "
        tracker.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_array, 10)

    def _on_array(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(self.prefix):
                self.parts[status.name.removeprefix(self.prefix)] = status

    def wait(
        self, part: str, level: bytes, words: str, meanwhile: Callable[[], object] = lambda: None
    ) -> DiagnosticStatus:
        """Wait until a part has a level, with these words."""

        def reported() -> bool:
            meanwhile()
            status = self.parts.get(part)
            return status is not None and status.level == level and words in status.message

        self.tracker.wait(reported, f"{part} {words}; reported: {self.parts.get(part)}")
        return self.parts[part]


def test_diagnostics_follow_a_camera_that_comes_errs_and_goes(
    launch_tracker: Callable[..., TrackerRig], frames: list[np.ndarray]
) -> None:
    tracker = launch_tracker(
        **{"qos_overrides.{namespace}/image.subscription.reliability": "reliable"},
        camera_timeout=1.5,
        threads=1,
        backend="torch",
        request_timeout=30.0,
    )
    diagnostics = Diagnostics(tracker)

    def show() -> None:
        tracker.show(frames[1], stamp=int(time.time()))

    diagnostics.wait("camera image", WARN, "no image has come yet")
    diagnostics.wait("targets", OK, "no target")

    tracker.show(frames[0], stamp=int(time.time()))
    assert tracker.start().success
    show()
    diagnostics.parts.clear()  # the statuses of the first image only
    status = diagnostics.wait("camera image", OK, "images/s", show)
    values = {value.key: value.value for value in status.values}
    assert float(values["inference p50 (ms)"]) <= float(values["inference p95 (ms)"])
    assert float(values["waiting p50 (ms)"]) >= 0
    assert int(values["processed"]) >= 2
    assert status.hardware_id == "camera_optical"
    diagnostics.wait("targets", OK, "1 tracked", show)
    values = {value.key: value.value for value in diagnostics.parts["tracker"].values}
    assert values["lifecycle state"] == "active"
    assert values["starts from a point"] == "yes"

    broken = Image(encoding="bgr8", width=10, height=10, step=30)
    diagnostics.wait(
        "camera image", ERROR, "images rejected: data has 0", lambda: tracker.send(broken)
    )
    diagnostics.wait("camera image", ERROR, "no image for")

    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    unfit = tracker.node.create_publisher(Image, "image", best_effort)
    words = "does not fit: Best effort publisher and reliable subscription"
    diagnostics.wait("camera image", ERROR, words, show)
    assert words in tracker.output()
    tracker.node.destroy_publisher(unfit)
    diagnostics.wait("camera image", OK, "images/s", show)

    tracker.stamps_from(1)
    diagnostics.wait(
        "camera image", WARN, "behind the node's clock", lambda: tracker.show(frames[1])
    )
    assert math.isnan(tracker.statuses[-1].latency_ms)
    tracker.stamps_from(int(time.time()) + 1000)
    diagnostics.wait(
        "camera image", WARN, "ahead of the node's clock", lambda: tracker.show(frames[1])
    )
    assert math.isnan(tracker.statuses[-1].latency_ms)


def test_a_network_that_cannot_be_loaded_is_an_error(
    reconfigure: Callable[..., TrackerRig],
) -> None:
    tracker = reconfigure(active=False, model="siamfc_res99")
    assert tracker.camera.change_state(Transition.TRANSITION_CONFIGURE) == "unconfigured"
    diagnostics = Diagnostics(tracker)
    status = diagnostics.wait("tracker", ERROR, "siamfc_res99")
    assert {v.key: v.value for v in status.values}["lifecycle state"] == "unconfigured"


def test_images_are_rejected_for_a_reason_of_this_period() -> None:
    node: Any = SimpleNamespace(
        create_publisher=lambda *_: None, create_steady_timer=lambda *_: None
    )
    received, processed = ReceiveStats(), ProcessStats()
    camera: Any = SimpleNamespace(name="front", since=0.0, received=received, processed=processed)
    diagnostics = DiagnosticsPublisher(node, lambda: None)

    def reported() -> list[str]:
        return messages(diagnostics._troubles(camera, 0.0))

    assert reported() == []
    received.images, received.rejected, received.problem = 4, 1, "data has 0 bytes"
    assert reported() == ["1 of 4 images rejected: data has 0 bytes"]
    received.images, processed.rejected = 6, 2
    assert reported() == ["2 of 2 images rejected: they cannot be decoded"]
    assert reported() == []


def test_a_problem_that_comes_and_goes_with_each_image_is_logged_once() -> None:
    """As with a camera that is slower than camera_timeout."""
    log = ProblemLog()
    slow = [error_problem("no image for 2.1 s")], "/camera"
    assert len(log.new(*slow, 0.0)) == 1
    for second in range(1, 100):
        later = [error_problem(f"no image for 2.{second} s")] if second % 2 else []
        assert log.new(later, "/camera", float(second)) == []
    assert (
        len(log.new([error_problem("no image for 3.0 s")], "/other", 100.0)) == 1
    )  # of another camera
    assert len(log.new(*slow, 100.0 + QUIET)) == 1  # after it was absent


def test_a_rate_counts_the_events_of_the_last_seconds() -> None:
    rate = Rate()
    for index in range(300):
        rate.tick(index / 30)
    assert rate.value(299 / 30) == pytest.approx(30.0, abs=1)
    assert rate.value(299 / 30 + WINDOW / 2) == pytest.approx(15.0, abs=1)
    assert rate.value(100.0) == 0.0
    assert len(rate._times) <= 30 * WINDOW + 1  # a value is no longer than that to compute


def test_percentiles_are_of_the_last_seconds() -> None:
    durations = Durations()
    durations.add(0.0, 1000.0)
    for i in range(101):
        durations.add(LONG_WINDOW + 1, float(i))
    assert durations.percentiles(LONG_WINDOW + 1) == pytest.approx([50.0, 95.0])
    assert np.isnan(durations.percentiles(1000.0)).all()


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


def test_a_status_is_as_bad_as_its_worst_problem_and_names_all_of_that_level() -> None:
    problems = [warn_problem("slow"), error_problem("no camera"), error_problem("no GPU")]
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
    assert connection_problems([publisher(offered)], IMAGE, BEST_EFFORT) == []


@pytest.mark.parametrize(
    ("offered", "ours", "policy"),
    [(BEST_EFFORT, RELIABLE, "reliable"), (RELIABLE, LATCHED, "transient local")],
)
def test_qos_that_does_not_fit_names_publisher_and_policy(
    offered: QoSProfile, ours: QoSProfile, policy: str
) -> None:
    (problem,) = connection_problems([publisher(offered)], IMAGE, ours)
    assert problem.level == DiagnosticStatus.ERROR
    assert "/driver" in problem.message
    assert policy in problem.message.lower()


def test_a_publisher_of_another_type_is_an_error() -> None:
    other = publisher(topic_type="sensor_msgs/msg/CompressedImage")
    (problem,) = connection_problems([other, publisher()], IMAGE, RELIABLE)
    assert problem == error_problem(
        "/driver publishes sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image"
    )


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        (None, [warn_problem("no image has come yet")]),
        (1.9, []),
        (2.1, [error_problem("no image for 2.1 s")]),
    ],
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


def test_memory_of_a_gpu_is_reported_where_there_is_one() -> None:
    assert gpu_memory("cpu") == {}
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    figures = gpu_memory("cuda:0")
    assert 0 <= figures["GPU memory allocated (MiB)"] <= figures["GPU memory (MiB)"]

"""What the node tells on /diagnostics while a camera comes, errs and goes."""

from collections.abc import Callable

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from tracker_process import TrackerProcess

from siamdw_ros.node.diagnostics import LONG_WINDOW, Durations

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Diagnostics:
    """What was told last of each part of a node."""

    def __init__(self, tracker: TrackerProcess) -> None:
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
        """Wait until a part is told to be at a level, with these words."""

        def told() -> bool:
            meanwhile()
            status = self.parts.get(part)
            return status is not None and status.level == level and words in status.message

        self.tracker.wait(told, f"{part} {words}; told: {self.parts.get(part)}")
        return self.parts[part]


def test_diagnostics_follow_a_camera_that_comes_errs_and_goes(
    launch_tracker: Callable[..., TrackerProcess], frames: list[np.ndarray]
) -> None:
    tracker = launch_tracker(
        **{"qos_overrides./{namespace}/image.subscription.reliability": "reliable"},
        camera_timeout=1.5,
        threads=1,
        request_timeout=30.0,
    )
    said = Diagnostics(tracker)
    said.wait("camera image", WARN, "no image has come yet")
    said.wait("targets", OK, "no target")

    tracker.show(frames[0])
    assert tracker.start().success
    status = said.wait("camera image", OK, "images/s", lambda: tracker.show(frames[1]))
    values = {value.key: value.value for value in status.values}
    assert float(values["inference p50 (ms)"]) <= float(values["inference p95 (ms)"])
    assert float(values["waiting p50 (ms)"]) >= 0
    assert int(values["processed"]) >= 2
    assert status.hardware_id == "camera_optical"
    said.wait("targets", OK, "1 tracked", lambda: tracker.show(frames[1]))
    assert {v.key: v.value for v in said.parts["tracker"].values}["lifecycle state"] == "active"

    broken = Image(encoding="bgr8", width=10, height=10, step=30)
    said.wait("camera image", ERROR, "images rejected: data has 0", lambda: tracker.send(broken))
    said.wait("camera image", ERROR, "no image for")

    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    unfit = tracker.node.create_publisher(Image, "image", best_effort)
    words = "does not fit: Best effort publisher and reliable subscription"
    said.wait("camera image", ERROR, words, lambda: tracker.show(frames[1]))
    assert words in tracker.output()
    tracker.node.destroy_publisher(unfit)
    said.wait("camera image", OK, "images/s", lambda: tracker.show(frames[1]))


def test_a_network_that_cannot_be_loaded_is_an_error(
    launch_tracker: Callable[..., TrackerProcess],
) -> None:
    said = Diagnostics(launch_tracker(active=False, model="siamfc_res99"))
    status = said.wait("tracker", ERROR, "siamfc_res99")
    assert {v.key: v.value for v in status.values}["lifecycle state"] == "unconfigured"


def test_percentiles_are_of_the_last_seconds() -> None:
    durations = Durations()
    durations.add(0.0, 1000.0)
    for i in range(101):
        durations.add(LONG_WINDOW + 1, float(i))
    assert durations.percentiles(LONG_WINDOW + 1) == pytest.approx([50.0, 95.0])
    assert np.isnan(durations.percentiles(1000.0)).all()

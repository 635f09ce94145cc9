"""Tells on /diagnostics, once a second, how the node, its cameras and its targets are."""

import math
import re
import time
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType

from siamdw_ros.node import health
from siamdw_ros.node.cameras import Camera
from siamdw_ros.node.diagnostics import Durations
from siamdw_ros.node.health import Problem, error, warning

if TYPE_CHECKING:
    from siamdw_ros.node.tracker_node import TrackerNode

PERIOD = 1.0  # seconds
STUCK = 5.0  # seconds without a result, while images arrive, until inference counts as stuck


class DiagnosticsPublisher:
    """Lives in the executor's thread, in every state of the node.

    Args:
        node: that it tells about.
    """

    def __init__(self, node: "TrackerNode") -> None:
        self._node = node
        self._before: dict[str, tuple[int, int, int]] = {}
        self._errors: set[str] = set()  # told last, without figures
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 1)
        # By the steady clock: when simulated time stands still there is all the more to tell.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(PERIOD, self._on_timer, clock=steady)

    def _on_timer(self) -> None:
        stamp = self._node.get_clock().now().to_msg()
        message = DiagnosticArray(status=self.statuses(time.monotonic()))
        self._log_new_errors(message.status)
        message.header.stamp = stamp
        self._publisher.publish(message)

    def _log_new_errors(self, statuses: list[DiagnosticStatus]) -> None:
        """Say an error in the log too, once: not everybody looks at diagnostics."""
        texts = [f"{s.name}: {s.message}" for s in statuses if s.level == DiagnosticStatus.ERROR]
        errors = {re.sub(r"[\d.]+", "", text): text for text in texts}  # but for the figures
        for error_kind in errors.keys() - self._errors:
            self._node.get_logger().error(errors[error_kind])
        self._errors = set(errors)

    def statuses(self, now: float) -> list[DiagnosticStatus]:
        """One of the tracker, one of each camera, one of the targets.

        Args:
            now: time of the steady clock, in seconds.
        """
        name = self._node.get_fully_qualified_name().strip("/")
        cameras = list(self._node.cameras.values())
        targets = [target for camera in cameras for target in camera.targets]
        return [
            self._tracker(f"{name}: tracker"),
            *(self._camera(f"{name}: camera {camera.name}", camera, now) for camera in cameras),
            health.target_status(f"{name}: targets", "none", targets),
        ]

    def _tracker(self, name: str) -> DiagnosticStatus:
        node = self._node
        device = node.engine.device if node.engine is not None else ""
        problems = [error(f"no tracker: {node.failure}")] if node.failure else []
        if node.state == "configuring":
            problems.append(warning("the network is being loaded"))
        values = {
            "lifecycle state": node.state,
            "model": node.parameters.settings.model,
            "device": device or "none",
            **health.gpu_memory(device),
        }
        return health.make_status(name, device or "none", problems, node.state, values)

    def _camera(self, name: str, camera: Camera, now: float) -> DiagnosticStatus:
        active = self._node.state == "active"
        problems = [*self._connection(camera, now), *self._troubles(camera, now)] if active else []
        rate = camera.intake.rate.value(now)
        well = f"{rate:.1f} images/s" if active else "not subscribed"
        values = _camera_values(camera, now)
        return health.make_status(name, camera.frame_id or "none", problems, well, values)

    def _connection(self, camera: Camera, now: float) -> list[Problem]:
        publishers = self._node.get_publishers_info_by_topic(camera.topic)
        kind = camera.transport.message.__module__.split(".")[0]
        type_name = f"{kind}/msg/{camera.transport.message.__name__}"
        last = camera.intake.last
        silence = None if last is None else now - last
        return [
            *health.connection_problems(publishers, camera.topic, type_name, camera.qos),
            *health.silence_problems(silence, self._node.parameters.settings.camera_timeout),
        ]

    def _troubles(self, camera: Camera, now: float) -> list[Problem]:
        """What went wrong with images since the last time."""
        intake, progress = camera.intake, camera.progress
        counts = (intake.received, intake.rejected + progress.rejected, progress.failed)
        before = self._before.get(camera.name, counts)
        self._before[camera.name] = counts
        received, rejected, failed = (a - b for a, b in zip(counts, before, strict=True))
        problems = []
        if rejected > 0:
            found = error if rejected >= received else warning
            reason = intake.problem or "they cannot be decoded"
            problems.append(found(f"{rejected} of {received} images rejected: {reason}"))
        if failed > 0:
            problems.append(error(f"{failed} images could not be processed, see the log"))
        idle = now - (progress.last or camera.since)
        if intake.rate.value(now) > 0 and idle > STUCK:
            problems.append(error(f"images arrive, but none was processed for {idle:.0f} s"))
        return problems


def _camera_values(camera: Camera, now: float) -> dict[str, Any]:
    intake, progress = camera.intake, camera.progress
    values = {
        "topic": camera.topic,
        "images/s received": intake.rate.value(now),
        "images/s processed": progress.rate.value(now),
        "received": intake.received,
        "processed": progress.processed,
        "dropped": intake.dropped,
        "rejected": intake.rejected + progress.rejected,
        "failed": progress.failed,
        "lost on the way": intake.lost,
    }
    for what in ("waiting", "inference", "latency"):
        durations: Durations = getattr(progress, what)
        for percent, value in zip((50, 95), durations.percentiles(now), strict=True):
            if not math.isnan(value):
                values[f"{what} p{percent} (ms)"] = value
    return values

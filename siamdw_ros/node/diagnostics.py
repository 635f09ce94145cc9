"""From counts and what the ROS graph shows to diagnostic statuses: how well, and why not.

diagnostic_updater would do little here: the statuses are few, and what each says is decided below.
Names and levels follow its conventions, so that rqt_runtime_monitor, rqt_robot_monitor and
diagnostic_aggregator (config/diagnostics.yaml) read them.
"""

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from siamdw_msgs.msg import TargetState

from siamdw_ros.node.camera_input import Camera
from siamdw_ros.node.metrics import Durations

if TYPE_CHECKING:
    from siamdw_ros.node.tracker_node import TrackerNode

MAX_LISTED = 32  # targets, one by one


@dataclass(frozen=True)
class Problem:
    """Something that a person should look at."""

    level: bytes
    message: str


def warning(message: str) -> Problem:
    """A problem that may pass by itself."""
    return Problem(DiagnosticStatus.WARN, message)


def error(message: str) -> Problem:
    """A problem that keeps the node from its work."""
    return Problem(DiagnosticStatus.ERROR, message)


def make_status(
    name: str,
    hardware_id: str,
    problems: Sequence[Problem],
    well: str,
    values: Mapping[str, Any],
) -> DiagnosticStatus:
    """One status: as bad as the worst problem, and saying all of that level.

    Args:
        name: `NODE: PART`, which is how tools group statuses.
        hardware_id: of the device it is about.
        problems: in the order in which they are to be said.
        well: what to say where there is none.
        values: what was measured; floats are rounded.
    """
    level = max((problem.level for problem in problems), default=DiagnosticStatus.OK)
    worst = [problem.message for problem in problems if problem.level == level]
    return DiagnosticStatus(
        name=name,
        hardware_id=hardware_id,
        level=level,
        message="; ".join(worst) or well,
        values=[KeyValue(key=key, value=_readable(value)) for key, value in values.items()],
    )


def connection_problems(
    publishers: Iterable[Any], topic: str, type_name: str, qos: QoSProfile
) -> list[Problem]:
    """Why nothing can come from some publishers, or that there is none.

    Args:
        publishers: as Node.get_publishers_info_by_topic gives them.
        topic: that is subscribed to, with its full name.
        type_name: as sensor_msgs/msg/Image.
        qos: of the subscription.
    """
    found = list(publishers)
    if not found:
        return [warning(f"nothing publishes {topic}")]
    problems = []
    for endpoint in found:
        who = f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"
        if endpoint.topic_type != type_name:
            problems.append(error(f"{who} publishes {endpoint.topic_type}, not {type_name}"))
            continue
        compatibility, reason = qos_check_compatible(endpoint.qos_profile, qos)
        if compatibility == QoSCompatibility.ERROR:
            policies = reason.replace("ERROR: ", "").strip("; ").replace(";", ", ")
            problems.append(error(f"QoS of {who} does not fit: {policies}"))
    return problems


def silence_problems(silence: float | None, timeout: float) -> list[Problem]:
    """What it means that no image came for a time, in seconds; None: since the node listens."""
    if silence is None:
        return [warning("no image has come yet")]
    if silence > timeout:
        return [error(f"no image for {silence:.1f} s")]
    return []


def target_status(name: str, hardware_id: str, targets: Sequence[TargetState]) -> DiagnosticStatus:
    """How many targets are seen; a warning while one is lost."""
    names = {
        TargetState.TRACKED: "tracked",
        TargetState.UNCERTAIN: "uncertain",
        TargetState.LOST: "lost",
    }
    counts = {word: sum(t.state == state for t in targets) for state, word in names.items()}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    listed = {
        f"target {t.id}": f"{names.get(t.state, 'idle')}, score {t.score:.2f}"
        for t in targets[:MAX_LISTED]
    }
    problems = [warning(told)] if counts["lost"] else []
    return make_status(name, hardware_id, problems, told or "no target", {**counts, **listed})


def gpu_memory(device: str) -> dict[str, float | str]:
    """Memory of a GPU in MiB: this process's, and the whole; nothing where it is none."""
    if not device.startswith("cuda"):
        return {}
    import torch  # here: the node answers sooner without it

    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError as problem:  # the device itself failed; the rest is told all the same
        return {"GPU memory": f"unknown: {problem}"}
    return {
        "GPU memory allocated (MiB)": torch.cuda.memory_allocated(device) / 2**20,
        "GPU memory reserved (MiB)": torch.cuda.memory_reserved(device) / 2**20,
        "GPU memory used by all (MiB)": (total - free) / 2**20,
        "GPU memory (MiB)": total / 2**20,
    }


def _readable(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


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
            target_status(f"{name}: targets", "none", targets),
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
            **gpu_memory(device),
        }
        return make_status(name, device or "none", problems, node.state, values)

    def _camera(self, name: str, camera: Camera, now: float) -> DiagnosticStatus:
        active = self._node.state == "active"
        problems = [*self._connection(camera, now), *self._troubles(camera, now)] if active else []
        rate = camera.intake.rate.value(now)
        well = f"{rate:.1f} images/s" if active else "not subscribed"
        values = _camera_values(camera, now)
        return make_status(name, camera.frame_id or "none", problems, well, values)

    def _connection(self, camera: Camera, now: float) -> list[Problem]:
        publishers = self._node.get_publishers_info_by_topic(camera.topic)
        kind = camera.transport.message.__module__.split(".")[0]
        type_name = f"{kind}/msg/{camera.transport.message.__name__}"
        last = camera.intake.last
        silence = None if last is None else now - last
        return [
            *connection_problems(publishers, camera.topic, type_name, camera.qos),
            *silence_problems(silence, self._node.parameters.settings.camera_timeout),
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

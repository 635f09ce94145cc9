"""The node's diagnostics: one status of the tracker, one of each camera, one of the targets.

Names and levels follow the conventions of diagnostic_updater, so that rqt_runtime_monitor,
rqt_robot_monitor and diagnostic_aggregator (config/diagnostics.yaml) read them. The library itself
would do little here: the statuses are few, and their content is decided below.
"""

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from siamdw_msgs.msg import TargetState

from siamdw_ros.node.camera_input import CameraInput
from siamdw_ros.node.diagnostics_reader import (
    CAMERA,
    IMAGE_SIZE,
    RECEIVE_RATE,
    STARTS_FROM_A_POINT,
    TOPIC,
)
from siamdw_ros.node.managed_node import ManagedNode
from siamdw_ros.node.metrics import Durations, rejected_images
from siamdw_ros.node.publishers import CameraOutput
from siamdw_ros.node.settings import Settings
from siamdw_ros.siamdw.presence import State

PERIOD = 1.0  # seconds
STUCK = 5.0  # seconds without a result, while images arrive, until inference counts as stuck
MAX_LISTED = 32  # largest number of targets with a line of their own
MAX_TOPICS = 5  # largest number of topics named when nothing publishes the camera's topic
QUIET = 60.0  # seconds that a problem must be absent before it is logged again


@dataclass(frozen=True)
class Snapshot:
    """The state of the node that the diagnostics report.

    Attributes:
        state: Lifecycle state of the node.
        failure: Why the node could not be configured or activated; empty if it could.
        settings: The node's parameters.
        device: Device of the network; empty while there is none.
        memory: Memory of that device, by name.
        cameras: Input and output of each camera.
    """

    state: str
    failure: str
    settings: Settings
    device: str
    memory: Mapping[str, float | str]
    cameras: Sequence[tuple[CameraInput, CameraOutput]]


@dataclass(frozen=True)
class Problem:
    """A problem that the operator should know about.

    Attributes:
        level: WARN or ERROR of diagnostic_msgs/DiagnosticStatus.
        message: What is wrong.
        logged: Whether the code that found the problem has logged it already.
    """

    level: bytes
    message: str
    logged: bool = False


def warn_problem(message: str, *, logged: bool = False) -> Problem:
    """Return a problem that may pass by itself."""
    return Problem(DiagnosticStatus.WARN, message, logged)


def error_problem(message: str, *, logged: bool = False) -> Problem:
    """Return a problem that keeps the node from its work."""
    return Problem(DiagnosticStatus.ERROR, message, logged)


@dataclass
class ProblemLog:
    """Decides which problems are logged: each once, and again after it was absent for a while.

    Without it, a camera slower than `camera_timeout` would be reported with each of its images.
    """

    _seen: dict[str, float] = field(default_factory=dict)

    def new(self, problems: Iterable[Problem], about: str, now: float) -> list[Problem]:
        """Return the problems to log now.

        Args:
            problems: The present problems.
            about: What they are about, for example a topic.
            now: Time of the steady clock, in seconds.
        """
        due = []
        for problem in problems:
            kind = f"{about} {re.sub(r'[0-9.]+', '', problem.message)}"  # without its figures
            if not problem.logged and now - self._seen.get(kind, -math.inf) > QUIET:
                due.append(problem)
            self._seen[kind] = now
        self._seen = {kind: last for kind, last in self._seen.items() if now - last <= QUIET}
        return due


class DiagnosticsPublisher:
    """Publishes `/diagnostics` once per second, in every state of the node.

    Lives in the executor's thread.

    Args:
        node: Node of the publisher.
        snapshot: Returns what to report about.
    """

    def __init__(self, node: ManagedNode, snapshot: Callable[[], Snapshot]) -> None:
        self._node = node
        self._snapshot = snapshot
        self._before: dict[str, tuple[int, ...]] = {}
        self._logged = ProblemLog()
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 1)
        # By the steady clock: a simulated time that stands still is worth a report.
        node.create_steady_timer(PERIOD, self._on_timer)

    def _on_timer(self) -> None:
        message = DiagnosticArray(status=self.statuses(self._snapshot(), time.monotonic()))
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def statuses(self, snapshot: Snapshot, now: float) -> list[DiagnosticStatus]:
        """Return all statuses, and log the problems that are new.

        Args:
            snapshot: What to report about.
            now: Time of the steady clock, in seconds.
        """
        name = self._node.get_fully_qualified_name().strip("/")
        targets = [target for _, output in snapshot.cameras for target in output.targets]
        return [
            tracker_status(f"{name}: tracker", snapshot),
            *(
                self._camera(f"{name}: {CAMERA}{camera.name}", camera, snapshot, now)
                for camera, _ in snapshot.cameras
            ),
            target_status(f"{name}: targets", "none", targets),
        ]

    def _camera(
        self, name: str, camera: CameraInput, snapshot: Snapshot, now: float
    ) -> DiagnosticStatus:
        active = snapshot.state == "active"
        problems = []
        if active:
            timeout = snapshot.settings.camera_timeout
            problems = [*self._connection(camera, timeout, now), *self._troubles(camera, now)]
            if now - camera.since > timeout:  # a camera that starts with the node needs a moment
                self._log(problems, camera.topic, now)
        rate = camera.received.rate.value(now)
        ok = f"{rate:.1f} images/s" if active else "not subscribed"
        values = camera_values(camera, now)
        frame_id = camera.newest.frame_id if camera.newest is not None else ""
        return make_status(name, frame_id or "none", problems, ok, values)

    def _log(self, problems: Sequence[Problem], topic: str, now: float) -> None:
        for problem in self._logged.new(problems, topic, now):
            text = f"{topic}: {problem.message}"
            if problem.level == DiagnosticStatus.ERROR:
                self._node.get_logger().error(text)
            else:
                self._node.get_logger().warning(text)

    def _connection(self, camera: CameraInput, timeout: float, now: float) -> list[Problem]:
        """Return why no image arrives."""
        publishers = self._node.get_publishers_info_by_topic(camera.topic)
        kind = camera.transport.message.__module__.split(".")[0]
        type_name = f"{kind}/msg/{camera.transport.message.__name__}"
        if not publishers:
            return [warn_problem(f"nothing publishes {camera.topic}; {self._others(type_name)}")]
        last = camera.received.last
        silence = None if last is None else now - last
        return [
            *connection_problems(publishers, type_name, camera.qos),
            *silence_problems(silence, timeout),
            *clock_problems(camera),
        ]

    def _others(self, type_name: str) -> str:
        """Name the topics of a type, which the user may have meant."""
        own = self._node.get_fully_qualified_name()
        topics = [
            topic
            for topic, types in self._node.get_topic_names_and_types()
            if type_name in types
            and not topic.startswith(own)
            and self._node.count_publishers(topic)
        ]
        listed = ", ".join(sorted(topics)[:MAX_TOPICS])
        return f"topics of this type: {listed}" if listed else f"no topic has a {type_name}"

    def _troubles(self, camera: CameraInput, now: float) -> list[Problem]:
        """Return what went wrong with images since the last time."""
        received, processed = camera.received, camera.processed
        counts = (received.images, received.rejected, processed.rejected, processed.failed)
        before = self._before.get(camera.name, counts)
        self._before[camera.name] = counts
        images, unfit, damaged, failed = (a - b for a, b in zip(counts, before, strict=True))
        problems = []
        if rejected := unfit + damaged:
            make = error_problem if rejected >= images else warn_problem
            reason = received.problem if unfit else "they cannot be decoded"
            text = f"{rejected} of {images} images rejected: {reason}"
            problems.append(make(text, logged=True))
        if failed > 0:
            text = f"{failed} images could not be processed, see the log"
            problems.append(error_problem(text, logged=True))
        idle = now - (processed.last or camera.since)
        if received.rate.value(now) > 0 and idle > STUCK:
            problems.append(
                error_problem(f"images arrive, but none was processed for {idle:.0f} s")
            )
        return problems


def make_status(
    name: str,
    hardware_id: str,
    problems: Sequence[Problem],
    message_if_ok: str,
    values: Mapping[str, Any],
) -> DiagnosticStatus:
    """Return a status with the level of the worst problem, and all problems of that level.

    Args:
        name: `NODE: PART`, by which tools group statuses.
        hardware_id: Id of the device that it is about.
        problems: Problems, in the order in which they are listed.
        message_if_ok: Message if there is no problem.
        values: Measured values; floats are rounded.
    """
    level = max((problem.level for problem in problems), default=DiagnosticStatus.OK)
    worst = [problem.message for problem in problems if problem.level == level]
    return DiagnosticStatus(
        name=name,
        hardware_id=hardware_id,
        level=level,
        message="; ".join(worst) or message_if_ok,
        values=[KeyValue(key=key, value=_readable(value)) for key, value in values.items()],
    )


def tracker_status(name: str, snapshot: Snapshot) -> DiagnosticStatus:
    """Return the status of the node itself: its lifecycle state, network and device."""
    device = snapshot.device or "none"
    problems = []
    if snapshot.failure:
        problems.append(error_problem(f"no tracker: {snapshot.failure}", logged=True))
    if snapshot.state == "configuring":
        problems.append(warn_problem("the network is being loaded"))
    values = {
        "lifecycle state": snapshot.state,
        "model": snapshot.settings.model,
        "device": device,
        STARTS_FROM_A_POINT: "yes",  # an operator panel asks for it: earlier versions did not
        **snapshot.memory,
    }
    return make_status(name, device, problems, snapshot.state, values)


def connection_problems(
    publishers: Iterable[Any], type_name: str, qos: QoSProfile
) -> list[Problem]:
    """Return why a subscription receives nothing from some publishers.

    Args:
        publishers: Publishers, as Node.get_publishers_info_by_topic returns them.
        type_name: Message type of the subscription, for example sensor_msgs/msg/Image.
        qos: QoS of the subscription.
    """
    problems = []
    for endpoint in publishers:
        who = f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"
        if endpoint.topic_type != type_name:
            problems.append(
                error_problem(f"{who} publishes {endpoint.topic_type}, not {type_name}")
            )
            continue
        compatibility, reason = qos_check_compatible(endpoint.qos_profile, qos)
        if compatibility == QoSCompatibility.ERROR:
            policies = reason.replace("ERROR: ", "").strip("; ").replace(";", ", ")
            problems.append(error_problem(f"QoS of {who} does not fit: {policies}"))
    return problems


def silence_problems(silence: float | None, timeout: float) -> list[Problem]:
    """Return the problem that no image arrives.

    Args:
        silence: Seconds since the last image; None if none has arrived.
        timeout: Seconds from which on it is a problem.
    """
    if silence is None:
        return [warn_problem("no image has come yet")]
    if silence > timeout:
        return [error_problem(f"no image for {silence:.1f} s")]
    return []


def clock_problems(camera: CameraInput) -> list[Problem]:
    """Return the problem that the stamps are of another clock than the node's."""
    if camera.processed.last is None or not camera.processed.foreign_clock:
        return []
    age = camera.processed.stamp_age
    side = "behind" if age > 0 else "ahead of"
    return [
        warn_problem(
            f"the stamps are {abs(age):.1f} s {side} the node's clock, so that the latency is "
            "unknown: synchronise the machines' clocks, or set use_sim_time"
        )
    ]


def camera_values(camera: CameraInput, now: float) -> dict[str, Any]:
    """Return the counts, rates and durations of a camera, by name."""
    received, processed, newest = camera.received, camera.processed, camera.newest
    size = camera.transport.size(newest.message) if newest is not None else (0, 0)
    values = {
        TOPIC: camera.topic,
        IMAGE_SIZE: "{}x{}".format(*size),
        RECEIVE_RATE: received.rate.value(now),
        "images/s processed": processed.rate.value(now),
        "received": received.images,
        "processed": processed.images,
        "dropped": received.dropped,
        "rejected": rejected_images(received, processed),
        "failed": processed.failed,
        "lost on the way": received.lost_messages,
    }
    for what in ("waiting", "inference", "latency"):
        durations: Durations = getattr(processed, what)
        for percent, value in zip((50, 95), durations.percentiles(now), strict=True):
            if not math.isnan(value):
                values[f"{what} p{percent} (ms)"] = value
    return values


def target_status(name: str, hardware_id: str, targets: Sequence[TargetState]) -> DiagnosticStatus:
    """Return how many targets are seen; a warning while one is lost."""
    states = [State(target.state).name.lower() for target in targets]
    counts = {state: states.count(state) for state in ("tracked", "uncertain", "lost")}
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    listed = {
        f"target {target.id}": f"{state}, score {target.score:.2f}"
        for target, state in zip(targets[:MAX_LISTED], states, strict=False)
    }
    problems = [warn_problem(summary)] if counts["lost"] else []
    return make_status(name, hardware_id, problems, summary or "no target", {**counts, **listed})


def _readable(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)

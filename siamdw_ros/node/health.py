"""From counts and what the ROS graph shows to diagnostic statuses: how well, and why not.

diagnostic_updater would do little here: the statuses are few, and what each says is decided below.
Names and levels follow its conventions, so that rqt_runtime_monitor, rqt_robot_monitor and
diagnostic_aggregator (config/diagnostics.yaml) read them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from siamdw_msgs.msg import TargetState

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

"""The report about a camera's images, and what to change. Plain functions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)

from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.node.camera_input import image_qos
from siamdw_ros.node.metrics import LATENCY_LIMITS

SLOW = 10.0  # images per second; below, a target moves far from one image to the next
OLD = 0.2  # seconds from stamp to arrival; more, and a robot acts on the past
LOSS = 0.01  # share of images that may be missing
GAP = 3.0  # times the usual time between two images
LARGE = 2**20  # bytes of an image, from which DDS needs room in shared memory
SAME_CLOCK = 1.0  # seconds between two clocks that are taken for the same
SIMULATED = 1e7  # seconds; smaller stamps are of a simulation or of the time since the boot
DEPTH_ENCODINGS = ("16UC1", "32FC1", "mono16")
PROFILE = "start the camera's process with config/fastdds.xml, see docs/dds.md"


@dataclass(frozen=True)
class Sample:
    """One image that arrived.

    Attributes:
        arrived: Time of the steady clock, in seconds.
        now: Time of the node's clock, in seconds.
        stamp: Stamp of the image, in seconds.
        frame_id: frame_id of the image.
        size: Width and height in pixels; (0, 0) if it is known only after decoding.
        encoding: Encoding, or the format of a compressed image.
        bytes: Number of bytes of its data.
        problem: Why the node would reject it; empty if it would not.
    """

    arrived: float
    now: float
    stamp: float
    frame_id: str
    size: tuple[int, int]
    encoding: str
    bytes: int
    problem: str = ""


@dataclass(frozen=True)
class Publisher:
    """A publisher of the images: its node's name, and its QoS."""

    node: str
    qos: QoSProfile


@dataclass
class Report:
    """Observations of a camera, and advice."""

    seen: dict[str, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    def table(self, title: str) -> Table:
        """Return what was seen as a table; what to change are its notes."""
        rows: list[dict[str, Cell]] = [{"of": k, "seen": v} for k, v in self.seen.items()]
        changes = [f"to change: {change}" for change in self.changes]
        return Table(title, rows, notes=changes or ["Nothing needs to be changed."])


def report(
    samples: Sequence[Sample],
    publishers: Sequence[Publisher],
    lost: int,
    calibration: str,
    simulated: bool,
) -> Report:
    """Assess a camera.

    Args:
        samples: The images that arrived, at least one.
        publishers: The publishers of the topic.
        lost: Number of images that the middleware reports as lost.
        calibration: Topic of the camera's calibration; empty if it is not published.
        simulated: Whether the node's clock is that of a simulation.
    """
    made = Report()
    _judge_publishers(made, publishers, max(sample.bytes for sample in samples))
    _judge_rate(made, samples)
    _judge_images(made, samples)
    _judge_stamps(made, samples, simulated)
    _judge_loss(made, samples, lost)
    frame_ids = sorted({sample.frame_id for sample in samples})
    made.seen["frame_id"] = ", ".join(repr(name) for name in frame_ids)
    if "" in frame_ids:
        made.changes.append(
            "set the driver's frame_id: poses and several cameras need one (a name of its own)"
        )
    made.seen["calibration"] = calibration or "none: only target_pose and follower need one"
    return made


def _judge_publishers(made: Report, publishers: Sequence[Publisher], size: int) -> None:
    made.seen["publisher"] = "; ".join(
        f"{one.node}: {one.qos.reliability.name.lower().replace('_', ' ')}, "
        f"{one.qos.durability.name.lower().replace('_', ' ')}"
        for one in publishers
    )
    if len(publishers) > 1:
        made.changes.append(
            f"{len(publishers)} nodes publish on this topic: give each camera a topic of its own"
        )
    for one in publishers:
        compatible, reason = qos_check_compatible(one.qos, image_qos())
        if compatible is QoSCompatibility.ERROR:
            made.changes.append(f"QoS of {one.node} does not fit the tracker: {reason}")
        if one.qos.durability is DurabilityPolicy.TRANSIENT_LOCAL:
            made.changes.append(f"{one.node} keeps old images (transient local): set it volatile")
        if one.qos.reliability is ReliabilityPolicy.RELIABLE and size > LARGE:
            made.changes.append(
                f"{one.node} sends images of {size / 2**20:.1f} MiB reliably: a lost fragment "
                "delays all that follow: set best effort, or " + PROFILE
            )


def _judge_rate(made: Report, samples: Sequence[Sample]) -> None:
    arrived = np.array([sample.arrived for sample in samples])
    if len(arrived) < 2:
        made.seen["rate"] = "one image only"
        made.changes.append("one image in all this time: let the driver publish all the time")
        return
    gaps = np.diff(arrived)
    rate = float(len(gaps) / max(gaps.sum(), 1e-9))
    usual, longest = float(np.median(gaps)), float(gaps.max())
    made.seen["rate"] = (
        f"{rate:.1f} images/s, {1e3 * usual:.0f} ms apart, at most {1e3 * longest:.0f} ms"
    )
    if rate < SLOW:
        made.changes.append(
            f"{rate:.1f} images/s are few: shorten the exposure (dark scenes slow a camera down), "
            "choose a smaller size or a compressed format of the camera"
        )
    if longest > GAP * usual and longest > 2 / SLOW:
        made.changes.append(
            f"a gap of {longest:.1f} s: see the driver's log, the USB connection and the CPU load"
        )


def _judge_images(made: Report, samples: Sequence[Sample]) -> None:
    encodings = sorted({sample.encoding for sample in samples})
    sizes = sorted({sample.size for sample in samples})
    made.seen["encoding"] = ", ".join(encodings)
    made.seen["size"] = ", ".join(f"{w}x{h} px" for w, h in sizes if w) or "(compressed)"
    made.seen["size"] += f", {np.median([s.bytes for s in samples]) / 1e6:.2f} MB"
    problems = [sample.problem for sample in samples if sample.problem]
    if problems:
        made.changes.append(
            f"the tracker rejects {len(problems)} of {len(samples)} images: {problems[-1]}"
        )
    if len(sizes) > 1:
        made.changes.append("the size changes from image to image: set one size")
    if any(encoding in DEPTH_ENCODINGS for encoding in encodings):
        made.changes.append(
            f"{encodings[0]} is what depth and thermal cameras send: take the colour topic, if "
            "the camera has one"
        )


def _judge_stamps(made: Report, samples: Sequence[Sample], simulated: bool) -> None:
    stamps = np.array([sample.stamp for sample in samples])
    age = float(np.median([sample.now - sample.stamp for sample in samples]))
    back = int((np.diff(stamps) < 0).sum())
    again = int((np.diff(stamps) == 0).sum())
    low, high = LATENCY_LIMITS
    if not stamps.any():
        made.seen["stamps"] = "all zero"
        made.changes.append(
            "set header.stamp in the driver to the time of the exposure: without stamps a target "
            "cannot be started on the image that was seen"
        )
        return
    clock = "of the node's clock" if low <= age <= high else "of another clock"
    made.seen["stamps"] = f"{clock}, {1e3 * age:.0f} ms old on arrival"
    if not low <= age <= high:
        made.seen["stamps"] = f"{clock}, {age:.1f} s from the node's"
        made.changes.append(_other_clock(samples[-1], age, simulated))
    elif age > OLD:
        made.changes.append(
            f"images arrive {age:.2f} s after their stamps: reduce the driver's buffers, the size "
            "or the link's load"
        )
    if back:
        made.changes.append(f"stamps jump back {back} times: one camera, one clock, one publisher")
    if again > len(samples) * LOSS:
        made.changes.append(f"{again} images repeat the stamp before: stamp each exposure")


def _other_clock(sample: Sample, age: float, simulated: bool) -> str:
    if abs(sample.arrived - sample.stamp) < SAME_CLOCK:
        return (
            "stamps count from the boot (monotonic clock): let the driver stamp with the time of "
            "ROS, see docs/tutorials/real_cameras.md"
        )
    if simulated:
        return "stamps are not of /clock: let the simulation's bridge stamp the images"
    if sample.stamp < SIMULATED:
        return "stamps are of a simulation, it seems: start all nodes with use_sim_time:=true"
    return (
        f"the camera's clock is {abs(age):.1f} s {'behind' if age > 0 else 'ahead'}: synchronise "
        "both machines (chrony), or it is a bag: play it with --clock and set use_sim_time"
    )


def _judge_loss(made: Report, samples: Sequence[Sample], lost: int) -> None:
    """Assess the loss: what the middleware reports, and what is missing between the stamps."""
    steps = np.diff([sample.stamp for sample in samples])
    steps = steps[steps > 0]
    missing = 0
    if len(steps) >= 4:
        missing = int((np.round(steps / np.median(steps)) - 1).clip(0).sum())
    missing = max(missing, lost)
    made.seen["loss"] = f"{missing} of {len(samples) + missing} images"
    if missing > LOSS * (len(samples) + missing):
        made.changes.append(
            f"{missing} images did not arrive: {PROFILE}; over a network use smaller or "
            "compressed images"
        )

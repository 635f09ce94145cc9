"""Section `node`: from an image's stamp to its detections, over DDS, and what the node adds.

Camera, node and listener are processes of their own, in a ROS domain of their own, with the Fast
DDS profile that is shipped.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import rclpy
from tqdm import tqdm

from siamdw_ros.evaluation.node_client import RobotError
from siamdw_ros.evaluation.node_process import isolate
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.measurement.node_run import Run, Scenario, TrackerUnderTest, tracker
from siamdw_ros.measurement.plan import Plan
from siamdw_ros.measurement.scaling import SIZES
from siamdw_ros.measurement.statistics import percentiles, theil_sen
from siamdw_ros.measurement.updates import resized, scattered
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK
from siamdw_ros.siamdw.crops import Box, Image

SECONDS = 4.0  # duration of a scenario; the first one takes twice as long
RATES, TARGETS = (30.0, 60.0), (1, 8)
VGA = SIZES["VGA"]
OVERLOAD_SECONDS = 15.0
NOTE = (
    "p50 to max: latency, from the image's stamp until its detections are received. Medians: "
    "inference; waited: for the inference of the image before; own: what is left; overhead: "
    "waited and own. lost: sent, but not received by the node's callback. receiver, executor, "
    "DDS: processor time of these threads of the node, per received image."
)


def run(plan: Plan) -> list[Table]:
    """Measure every kind of camera, and an overload, with the default network."""
    latency = Table(
        f"From stamp to detections, {DEFAULT_NETWORK} on {plan.device}",
        name="latency",
        notes=[NOTE],
    )
    overload = Table("Age of images under an overload: it must not grow", name="overload")
    with ros():
        for compressed in (False, True):
            _play(plan, compressed, latency, overload)
    return [latency, overload]


@contextmanager
def ros() -> Iterator[None]:
    """ROS in a domain of its own, with the shipped profile."""
    isolate()
    rclpy.init()
    try:
        yield
    finally:
        rclpy.try_shutdown()


def scenarios(plan: Plan, compressed: bool) -> Iterator[Scenario]:
    """Yield kinds of camera. The first is that of most robots, and runs the longest."""
    if plan.quick:
        if not compressed:
            yield Scenario(VGA, 30.0, 1, 3.0)
        return
    for size, rate, count in itertools.product(SIZES.values(), RATES, TARGETS):
        first = (size, rate, count) == (VGA, RATES[0], TARGETS[0])
        yield Scenario(size, rate, count, SECONDS * (2 if first else 1), compressed)


def _play(plan: Plan, compressed: bool, latency: Table, overload: Table) -> None:
    """Play every scenario to one node; raw and compressed images need nodes of their own."""
    if not (chosen := list(scenarios(plan, compressed))):
        return
    with tracker(plan.work, node_parameters(plan, DEFAULT_NETWORK, compressed)) as under_test:
        for scenario in tqdm(chosen, desc="node", leave=False):
            try:
                latency.rows.append(_row(scenario, _measure(plan, under_test, scenario)))
            except RobotError as error:
                latency.skipped.append(f"{scenario.name}: {error}")
        if not compressed:
            overload.rows += _overload(plan, under_test)


def node_parameters(plan: Plan, model: str, compressed: bool) -> dict[str, object]:
    """Return the parameters of the node."""
    return {
        "model": model,
        "checkpoint": plan.checkpoint(model),
        "device": plan.device,
        "image_transport": "compressed" if compressed else "raw",
    }


def _measure(plan: Plan, under_test: TrackerUnderTest, scenario: Scenario) -> Run:
    video = plan.video(plan.clips[0], 1)
    image, box = resized(video.images[0], video.boxes[0], scenario.size)
    return under_test.play(plan.clips[0], boxes_for(box, scenario, image), scenario)


def boxes_for(box: Box, scenario: Scenario, image: Image) -> list[Box]:
    """Return the clip's target, and others of a third of its size beside it."""
    x, y, w, h = box
    small = (x, y, w / 3, h / 3)
    return [box, *scattered(small, scenario.targets, image)[1:]]


def _row(scenario: Scenario, played: Run) -> dict[str, Cell]:
    milliseconds = {name: 1e3 * value for name, value in _medians(played).items()}
    width, height = scenario.size
    frames = max(played.received, 1)
    return {
        "image": f"{width}x{height}",
        "Hz": scenario.rate,
        "transport": "JPEG" if scenario.compressed else "raw",
        "targets": scenario.targets,
        "sent": played.sent,
        "lost": played.sent - played.received,
        "processed": played.processed,
        **percentiles([1e3 * s for s in played.latency], "ms"),
        **milliseconds,
        "receiver ms": 1e3 * played.thread_seconds("receiver") / frames,
        "executor ms": 1e3 * played.thread_seconds("executor") / frames,
        "DDS ms": 1e3 * played.thread_seconds("dds") / frames,
    }


def _medians(played: Run) -> dict[str, float]:
    """Return seconds by what an image waited for."""
    if not played.latency:
        return {}
    return {
        "inference ms": float(np.median(played.inference)),
        "waited ms": float(np.median(played.waited)),
        "own ms": float(np.median(played.own)),
        "overhead ms": float(np.median(played.overhead)),
    }


def _overload(plan: Plan, under_test: TrackerUnderTest) -> Iterator[dict[str, Cell]]:
    """Let the camera be twice as fast as inference."""
    calm = _measure(plan, under_test, Scenario(VGA, 10.0, 1, 1.0))
    inference = float(np.median(calm.inference))
    scenario = Scenario(VGA, min(2 / inference, 200.0), 1, plan.choose(OVERLOAD_SECONDS, 2.0))
    played = _measure(plan, under_test, scenario)
    quarter = max(len(played.latency) // 4, 1)
    for name, part in (("first", slice(quarter)), ("last", slice(-quarter, None))):
        latency, taken = played.latency[part], played.inference[part]
        yield {
            "quarter": name,
            "Hz": round(scenario.rate, 1),
            "inference ms": 1e3 * float(np.median(taken)),
            **{f"age {n}": v for n, v in percentiles([1e3 * s for s in latency], "ms").items()},
            "inference + period ms": 1e3 * (float(np.median(taken)) + 1 / scenario.rate),
            "growth ms a minute": 60e3 * theil_sen(played.stamps, played.latency),
        }

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

from siamdw_ros.benchmark.growth import SIZES
from siamdw_ros.benchmark.node_run import Run, Scenario, TrackerUnderTest, tracker
from siamdw_ros.benchmark.plan import Plan
from siamdw_ros.benchmark.report import Cell, Table
from siamdw_ros.benchmark.statistics import percentiles, slope
from siamdw_ros.benchmark.updates import resized, scattered
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.tools.played import PlayError, isolate

SECONDS = 5.0
LIGHT = "siamrpn_res22"  # one window an image: keeps up with 30 Hz on two cores
RATES, TARGETS = (30.0, 60.0), (1, 8)
VGA = SIZES["VGA"]
OVERLOAD_SECONDS = 15.0
NOTE = (
    "p50 to max: latency, from the image's stamp until its detections are received. Medians: "
    "inference; waited: for the inference of the image before; own: what is left; overhead: "
    "waited and own. lost: sent, but not received by the node's callback. executor, DDS: "
    "processor time of these threads of the node, a received image."
)


def run(plan: Plan) -> list[Table]:
    """Measure the node's own cost, every kind of camera, and an overload."""
    with ros():
        own = Table(
            "own_cost",
            f"What the node adds where inference keeps up with the camera: {LIGHT}, VGA 30 Hz",
            notes=[NOTE],
        )
        latency = Table(
            "latency",
            "From stamp to detections: the default network, by kind of camera",
            notes=[NOTE],
        )
        overload = Table("overload", "Age of images under an overload: it must not grow")
        _play(plan, own, LIGHT, [Scenario(VGA, 30.0, 1, plan.choose(2 * SECONDS, 3.0))])
        _play(plan, latency, "siamfc_res22", list(_scenarios(plan)), overload)
    return [own, latency, overload]


@contextmanager
def ros() -> Iterator[None]:
    """ROS in a domain of its own, with the shipped profile."""
    isolate()
    rclpy.init()
    try:
        yield
    finally:
        rclpy.try_shutdown()


def _scenarios(plan: Plan) -> Iterator[Scenario]:
    if plan.quick:
        yield Scenario(VGA, 30.0, 1, 3.0)
        return
    for size, rate, targets, jpeg in itertools.product(
        SIZES.values(), RATES, TARGETS, (False, True)
    ):
        yield Scenario(size, rate, targets, SECONDS, jpeg)


def _play(
    plan: Plan,
    table: Table,
    model: str,
    scenarios: list[Scenario],
    overload: Table | None = None,
) -> None:
    """Play scenarios to a node; raw and compressed images need nodes of their own."""
    for compressed in (False, True):
        chosen = [scenario for scenario in scenarios if scenario.compressed == compressed]
        if not chosen:
            continue
        parameters = node_parameters(plan, model, compressed)
        with tracker(plan.work, parameters) as under_test:
            for scenario in tqdm(chosen, desc=f"node, {model}", leave=False):
                try:
                    table.rows.append(_row(scenario, _measure(plan, under_test, scenario)))
                except PlayError as error:
                    table.skipped.append(f"{scenario.name}: {error}")
            if overload is not None and not compressed:
                overload.rows += _overload(plan, under_test)


def node_parameters(plan: Plan, model: str, compressed: bool) -> dict[str, object]:
    """What the node is started with."""
    return {
        "model": model,
        "checkpoint": plan.checkpoint(model),
        "device": plan.device,
        "image_transport": "compressed" if compressed else "raw",
    }


def _measure(plan: Plan, under_test: TrackerUnderTest, scenario: Scenario) -> Run:
    film = plan.film(plan.clips[0], 1)
    image, box = resized(film.images[0], film.boxes[0], scenario.size)
    return under_test.play(plan.clips[0], boxes_for(box, scenario, image), scenario)


def boxes_for(box: Box, scenario: Scenario, image: Image) -> list[Box]:
    """The film's target, and others of a third of its size beside it."""
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
        "executor ms": 1e3 * played.thread_seconds("executor") / frames,
        "DDS ms": 1e3 * played.thread_seconds("dds") / frames,
    }


def _medians(played: Run) -> dict[str, float]:
    """Seconds by what an image waited for."""
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
    calm = _measure(plan, under_test, Scenario(VGA, 5.0, 1, 2.0))
    inference = float(np.median(calm.inference))
    scenario = Scenario(VGA, min(2 / inference, 200.0), 1, plan.choose(OVERLOAD_SECONDS, 3.0))
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
            "growth ms a minute": 60e3 * slope(played.stamps, played.latency),
        }

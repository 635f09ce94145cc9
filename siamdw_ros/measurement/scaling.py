"""Sections `targets` and `sizes`: how an update's time grows with targets and with the image."""

from collections.abc import Sequence
from typing import Any

from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.measurement.plan import Plan
from siamdw_ros.measurement.updates import resized, scattered, time_interleaved, update_of
from siamdw_ros.siamdw.bundled import BUNDLED
from siamdw_ros.siamdw.crops import Image
from siamdw_ros.siamdw.multi_tracker import MultiTracker

COUNTS = (1, 2, 4, 8, 16, 32)
SIZES = {"VGA": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
MODELS = (*BUNDLED, "siamrpn_res22")  # the default first
TARGET = (0.1, 0.15)  # width and height of each of many targets, as shares of the image's


def targets(plan: Plan) -> list[Table]:
    """Time an update with more and more targets in one VGA image."""
    counts = plan.choose(COUNTS, COUNTS[:3])
    image = plan.video(plan.clips[0], 2).images[1]
    table = Table(f"An update by the number of targets, VGA, on {plan.device}", name="targets")
    for model in plan.choose(MODELS, MODELS[:1]):
        times = by_targets(plan.method(model), image, counts, plan.choose(5, 2))
        table.rows += [{"network": model, **row} for row in times]
    return [table]


def by_targets(
    method: MultiTracker[Any], image: Image, counts: Sequence[int], rounds: int
) -> list[dict[str, Cell]]:
    """Time updates of more and more targets, which are spread over an image: a row per number."""
    height, width = image.shape[:2]
    box = (width / 2, height / 2, TARGET[0] * width, TARGET[1] * height)
    updates = [update_of(method, image, scattered(box, count, image)) for count in counts]
    time_interleaved(updates, rounds, "targets")
    return [
        {
            "targets": count,
            "ms": update.milliseconds,
            "ms a target": update.milliseconds / count,
            "times one target": update.milliseconds / updates[0].milliseconds,
        }
        for count, update in zip(counts, updates, strict=True)
    ]


def sizes(plan: Plan) -> list[Table]:
    """Time an update in images of several sizes, the target of the same share of the image."""
    video = plan.video(plan.clips[0], 2)
    table = Table(f"An update of one target by the image's size, on {plan.device}", name="sizes")
    for model in plan.choose(MODELS, MODELS[:1]):
        method = plan.method(model)
        updates = {}
        for name, size in SIZES.items():
            image, box = resized(video.images[1], video.boxes[0], size)
            updates[name] = update_of(method, image, [box])
        time_interleaved(list(updates.values()), plan.choose(11, 3), f"sizes, {model}")
        for name, update in updates.items():
            table.rows.append(
                {
                    "network": model,
                    "image": name,
                    "ms": update.milliseconds,
                    "ms more than VGA": update.milliseconds - updates["VGA"].milliseconds,
                }
            )
    return [table]

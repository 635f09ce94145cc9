"""Section `options`: what changes the work, its gain in speed and its cost in accuracy."""

from collections.abc import Iterator
from typing import Any

import torch

from siamdw_ros.evaluation.table import Table
from siamdw_ros.measurement.plan import Plan
from siamdw_ros.measurement.race import Contender, race
from siamdw_ros.siamdw import Tracker
from siamdw_ros.siamdw.backends import BACKENDS

MODEL = "siamfc_res22"
QUICK = 3  # contenders
FRAMES = 80  # of each video


def run(plan: Plan) -> list[Table]:
    """Race the default against itself with single options changed."""
    outcome = race(
        list(_contenders(plan))[: plan.choose(None, QUICK)],
        plan.videos(plan.choose(FRAMES, 11)),
        "options",
    )
    title = f"{MODEL} on {plan.device}: options beside the default"
    return [outcome.table("options", title, "default")]


def _contenders(plan: Plan) -> Iterator[Contender]:
    def variant(name: str, threads: int | None = None, **options: Any) -> Contender:
        return Contender(name, lambda: Tracker(plan.method(MODEL, **options)), threads)

    yield variant("default")
    yield variant("published method and numbers", preset="published")
    precisions = ["full", "half", "int8"] if plan.device == "cpu" else ["full"]
    for precision in precisions:
        yield variant(f"precision {precision}", precision=precision)
    yield variant("3 search crops instead of 3 templates", scale_templates=False, memory=0.0)
    yield variant("1 scale", scales=1)
    yield variant("5 scales", scales=5)
    yield variant("no memory", memory=0.0)
    yield variant("no second look", wide_instance_size=0)
    if plan.device == "cpu" and torch.get_num_threads() > 1:
        yield variant("one thread", threads=1)
    for backend in BACKENDS:
        if backend != "auto":  # that is the default
            yield variant(f"backend {backend}", backend=backend)

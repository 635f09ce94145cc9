"""Section `options`: what changes the work, its gain in speed and its cost in accuracy."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from siamdw_ros.evaluation.table import Table
from siamdw_ros.measurement.plan import Plan
from siamdw_ros.measurement.race import Contender, race
from siamdw_ros.siamdw import Tracker
from siamdw_ros.siamdw.backends import BACKENDS
from siamdw_ros.siamdw.bundled import BUNDLED

MODELS = tuple(BUNDLED)  # the default first
# Options that only one method has, by the first part of the network's name.
OF_METHOD: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "siambox": {
        "search window of 223 px": {"instance_size": 223},
        "search window of 191 px": {"instance_size": 191},
        "no memory": {"memory": 0.0},
        "wide search for lost targets": {"wide_instance_size": 383},
        "no penalty on changes of size and shape": {"penalty_k": 0.0},
        "estimated overlap ignored": {"quality_weight": 0.0},
    },
    "siamfc": {
        "published method and numbers": {"preset": "published"},
        "3 search crops instead of 3 templates": {"scale_templates": False, "memory": 0.0},
        "1 scale": {"scales": 1},
        "5 scales": {"scales": 5},
        "no memory": {"memory": 0.0},
        "no wide search": {"wide_instance_size": 0},
    },
}
QUICK = 3  # contenders
FRAMES = 80  # number of frames of each video


def run(plan: Plan) -> list[Table]:
    """Race each bundled network against itself with single options changed."""
    return [_race(plan, model) for model in plan.choose(MODELS, MODELS[:1])]


def _race(plan: Plan, model: str) -> Table:
    outcome = race(
        list(_contenders(plan, model))[: plan.choose(None, QUICK)],
        plan.videos(plan.choose(FRAMES, 11)),
        f"options, {model}",
    )
    title = f"{model} on {plan.device}: options beside its defaults"
    return outcome.table(f"options_{model}", title, "default")


def _contenders(plan: Plan, model: str) -> Iterator[Contender]:
    def variant(name: str, threads: int | None = None, **options: Any) -> Contender:
        return Contender(name, lambda: Tracker(plan.method(model, **options)), threads)

    yield variant("default")
    precisions = ["full", "half", "int8"] if plan.device == "cpu" else ["full"]
    for precision in precisions:
        yield variant(f"precision {precision}", precision=precision)
    for name, options in OF_METHOD[model.partition("_")[0]].items():
        yield variant(name, **options)
    if plan.device == "cpu" and torch.get_num_threads() > 1:
        yield variant("one thread", threads=1)
    for backend in BACKENDS:
        if backend != "auto":  # that is the default
            yield variant(f"backend {backend}", backend=backend)

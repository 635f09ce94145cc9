"""Section `peers`: speed and accuracy beside the published algorithm and OpenCV's trackers."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from siamdw_ros.evaluation.one_pass import Follower
from siamdw_ros.evaluation.table import Table
from siamdw_ros.evaluation.trackers import NANOTRACK, PEERS, SiamDW, read_spec
from siamdw_ros.measurement.baseline import Published, published_tracker
from siamdw_ros.measurement.plan import Plan
from siamdw_ros.measurement.race import Contender, race
from siamdw_ros.siamdw import Tracker
from siamdw_ros.siamdw.bundled import BUNDLED
from siamdw_ros.siamdw.checkpoints import load_network

BASELINES = ("siamfc_res22", "siamrpn_res22")
FRAMES, BASELINE_FRAMES = 217, 46  # frames of each video that are tracked
OURS = tuple(BUNDLED)  # the default first


def run(plan: Plan) -> list[Table]:
    """Race against the baseline, network by network, then against the peers."""
    against = [_against_baseline(plan, model) for model in BASELINES]
    return [*against, _against_peers(plan)]


def _against_baseline(plan: Plan, model: str) -> Table:
    judged = plan.trained(model)

    def ours(**options: Any) -> Contender:
        name = ", ".join([f"{k}={v}" for k, v in options.items()]) or "default"
        return Contender(name, lambda: Tracker(plan.method(model, **options)), judged=judged)

    contenders = [
        Contender("baseline", lambda: baseline_tracker(plan, model), judged=judged),
        ours(parity=True),
        *([ours(parity=True, backend="openvino")] if plan.device == "cpu" else []),
        ours(preset="published", precision="full"),
        ours(),
    ]
    title = f"{model} beside a straightforward implementation of the published algorithm"
    outcome = race(contenders, plan.videos(plan.choose(BASELINE_FRAMES, 6)), f"baseline, {model}")
    table = outcome.table(f"baseline_{model}", f"{title}, on {plan.device}", "baseline")
    table.notes.append(
        "baseline: padded convolutions, crops one by one, batch norms unfolded, float32, "
        "SiamRPN+'s kernels anew in each image. parity: the same boxes. "
    )
    if not judged:
        table.notes.append(
            f"The weights are random: boxes mean nothing (--checkpoint {model}=FILE)."
        )
    return table


def baseline_tracker(plan: Plan, model: str) -> Published:
    """Return the published tracker with a plan's weights, on its device."""
    network = load_network(model, plan.checkpoint(model))
    return published_tracker(network, torch.device(plan.device))


def _against_peers(plan: Plan) -> Table:
    contenders = list(_peers(plan))
    outcome = race(contenders, plan.videos(plan.choose(FRAMES, 11)), "peers")
    title = f"Our trackers on {plan.device} beside OpenCV's on the CPU, same frames"
    return outcome.table("peers", title, OURS[0])


def _peers(plan: Plan) -> Iterator[Contender]:
    for model in OURS:
        yield Contender(model, partial(_ours, plan, model))
    for label in (*PEERS, NANOTRACK):
        yield Contender(label, _builder(plan, label))


def _ours(plan: Plan, model: str) -> Tracker:
    return Tracker(plan.method(model))


def _builder(plan: Plan, label: str) -> Callable[[], Follower]:
    def build() -> Follower:
        return read_spec(label, SiamDW(), plan.nanotrack).build()

    return build

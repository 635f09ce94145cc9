"""Section `core`: what an update costs, for every network, device and precision."""

import gc
import itertools
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.measurement.machine import peak_flops
from siamdw_ros.measurement.plan import Plan, Video
from siamdw_ros.measurement.updates import Update, time_interleaved, update_of
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK
from siamdw_ros.siamdw.networks import NETWORKS
from siamdw_ros.siamdw.runtime import half_is_faster

ROUNDS = 11
NOTE = (
    "GMAC: multiplications of the network in an update. Share of peak: of what the device reaches "
    "in large matrix products of the same precision. Memory: of a process that does only this."
)


@dataclass(frozen=True)
class Case:
    """A network on a device, in a precision."""

    model: str
    device: str
    precision: str

    @property
    def dtype(self) -> torch.dtype:
        """Precision in which the features are computed."""
        if self.precision == "full":
            return torch.float32
        return torch.float16 if self.device.startswith("cuda") else torch.bfloat16


def run(plan: Plan) -> list[Table]:
    """Time one update of each network: one target in VGA, windows cut and all."""
    video = plan.video(plan.clips[0], 2)
    models = plan.models or plan.choose(NETWORKS, (DEFAULT_NETWORK, "siamrpn_res22"))
    title = "An update of one target in a VGA image, by network"
    table = Table(title, name="networks", notes=[NOTE])
    for device in plan.devices:
        cases, skipped = _cases(models, device)
        table.skipped += skipped
        table.rows += _rows(plan, video, cases)
    return [table]


def _cases(models: Sequence[str], device: str) -> tuple[list[Case], list[str]]:
    """Half precision only where the device computes it; elsewhere it is imitated, slowly."""
    place = torch.device(device)
    can_half = place.type == "cuda" or half_is_faster(place)
    skipped = [] if can_half else [f"half precision on {device}: no instructions for it"]
    precisions = ["full", "half"] if can_half else ["full"]
    cases = [Case(*case) for case in itertools.product(models, [device], precisions)]
    return cases, skipped


def _rows(plan: Plan, video: Video, cases: Sequence[Case]) -> Iterator[dict[str, Cell]]:
    """A network's two precisions are timed by turns; networks one after the other."""
    by_model = itertools.groupby(cases, key=lambda case: case.model)
    for model, group in tqdm([(m, list(g)) for m, g in by_model], desc="core", leave=False):
        updates = {case: _prepare(plan, video, case) for case in group}
        time_interleaved(list(updates.values()), plan.choose(ROUNDS, 3), f"core, {model}")
        for case, update in updates.items():
            yield _row(plan, case, update)
        updates.clear()
        gc.collect()


def _prepare(plan: Plan, video: Video, case: Case) -> Update:
    method = plan.method(case.model, case.device, precision=case.precision)
    return update_of(method, video.images[1], [video.boxes[0]])


def _row(plan: Plan, case: Case, update: Update) -> dict[str, Cell]:
    operations = _operations(plan, case, update)
    speed = operations / (update.milliseconds * 1e-3)
    memory = _cuda_memory(update) if case.device.startswith("cuda") else _cpu_memory(plan, case)
    return {
        "network": case.model,
        "device": case.device,
        "backend": update.method.runtime.backend,
        "precision": str(case.dtype).removeprefix("torch."),
        "ms": update.milliseconds,
        "frames/s": 1e3 / update.milliseconds,
        "GMAC": operations / 2e9,
        "share of peak %": 100 * speed / peak_flops(case.device, case.dtype),
        "memory MiB": memory,
    }


def _operations(plan: Plan, case: Case, update: Update) -> int:
    """Floating-point operations of an update; counted in full precision on plain torch."""
    method = plan.method(case.model, "cpu", precision="full", backend="torch")
    counted = update_of(method, update.image, [update.targets[0].box])
    with FlopCounterMode(display=False) as counter:
        counted.once()
    return int(counter.get_total_flops())


def _cuda_memory(update: Update) -> float:
    """The most that torch held on the GPU in one update."""
    torch.cuda.reset_peak_memory_stats()
    update.once()
    return torch.cuda.max_memory_allocated() / 2**20


def _cpu_memory(plan: Plan, case: Case) -> float | None:
    """Resident memory of a process that does nothing else, libraries included."""
    if plan.quick:
        return None
    arguments = [case.model, plan.checkpoint(case.model), case.precision]
    command = [sys.executable, "-m", "siamdw_ros.measurement.memory", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        return None
    return int(finished.stdout.splitlines()[-1]) / 2**20

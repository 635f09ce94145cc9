"""Sections of `make gpu`: the tests that need a GPU, then its speed."""

import itertools
import subprocess
import sys
import time
from pathlib import Path

from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.measurement.baseline import Published
from siamdw_ros.measurement.peers import baseline_tracker
from siamdw_ros.measurement.plan import Plan
from siamdw_ros.measurement.scaling import COUNTS, SIZES, by_targets
from siamdw_ros.measurement.updates import resized
from siamdw_ros.siamdw.bundled import BUNDLED
from siamdw_ros.siamdw.crops import Image

MODELS = tuple(BUNDLED)  # the default first
PUBLISHED = "siamfc_res22"  # the network whose method and sizes are published
TESTS = Path(__file__).parents[2] / "test" / "siamdw"
TESTS_SECONDS = 150  # then they are stopped: the figures matter, too
ROUNDS, QUICK_ROUNDS = 21, 2
PUBLISHED_FRAMES = 60


def tests(_plan: Plan) -> list[Table]:
    """Run the tests that need a GPU; a section of its own, so that a failure stops no figure."""
    if not TESTS.is_dir():
        raise OSError(f"the tests are in the repository only: there is no {TESTS}")
    command = [sys.executable, "-m", "pytest", "-q", "-rf", str(TESTS), "-k", "cuda or gpu"]
    try:
        finished = subprocess.run(
            command, capture_output=True, text=True, timeout=TESTS_SECONDS, check=False
        )
        lines = finished.stdout.strip().splitlines()
        state = {0: "passed", 5: "none was collected"}.get(finished.returncode, "failed")
    except subprocess.TimeoutExpired as expired:
        lines = (expired.stdout or b"").decode(errors="replace").splitlines()
        state = f"stopped after {TESTS_SECONDS} s"
    failed = [line for line in lines if line.startswith("FAILED")]
    rows: list[dict[str, Cell]] = [{"tests": state, "summary": lines[-1] if lines else ""}]
    return [Table("Tests that need a GPU", rows, name="gpu_tests", notes=failed)]


def vga(plan: Plan) -> list[Table]:
    """Time updates of 1 to 32 targets in VGA images."""
    return [_targets(plan, "VGA")]


def full_hd(plan: Plan) -> list[Table]:
    """The same in 1080p images."""
    return [_targets(plan, "1080p")]


def _targets(plan: Plan, size: str) -> Table:
    """Images come from host memory, as from a camera."""
    title = f"Updates of many targets, {size} images from host memory, on {plan.device}"
    table = Table(title, name=f"gpu_{size}")
    video = plan.video(plan.clips[0], 2)
    image, _ = resized(video.images[1], video.boxes[0], SIZES[size])
    for model in plan.choose(MODELS, MODELS[:1]):
        for backend, precision in itertools.product(*ways(plan)):
            kind = {"backend": backend, "precision": precision}
            method = plan.method(model, **kind, wide_instance_size=0)
            counts, rounds = plan.choose((COUNTS, ROUNDS), (COUNTS[:2], QUICK_ROUNDS))
            table.rows += [
                {"network": model, **kind, **row, "images/s": 1e3 / float(str(row["ms"]))}
                for row in by_targets(method, image, counts, rounds)
            ]
    return table


def ways(plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Backends and precisions of the device; on a CPU, where this is rehearsed, one of each."""
    if plan.device.startswith("cuda"):
        return ("torch", "cuda_graph"), ("full", "half")
    return ("torch",), ("full",)


def baseline(plan: Plan) -> list[Table]:
    """Time the published SiamFC+, written straightforwardly, on the same device."""
    video = plan.video(plan.clips[0], plan.choose(PUBLISHED_FRAMES, 3))
    tracker = baseline_tracker(plan, PUBLISHED)
    tracker.init(video.images[0], video.boxes[0])
    seconds = [_timed(tracker, image) for image in video.images[1:]]
    median = sorted(seconds)[len(seconds) // 2]
    rows: list[dict[str, Cell]] = [
        {"network": PUBLISHED, "targets": 1, "ms": 1e3 * median, "images/s": 1 / median}
    ]
    return [Table(f"The published algorithm, VGA, on {plan.device}", rows, name="gpu_published")]


def _timed(tracker: Published, image: Image) -> float:
    start = time.perf_counter()
    tracker.track(image)  # its box is on the CPU: there is nothing to wait for
    return time.perf_counter() - start

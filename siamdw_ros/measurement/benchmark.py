"""Measure what the tracker and its node cost on this machine, beside peers and limits.

Prints tables as it goes, and writes them to bench_out/bench.json and bench_out/report.md. Let
nothing else run meanwhile. What each table shows: docs/benchmarks.md.
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import torch

from siamdw_ros.evaluation.table import Table
from siamdw_ros.measurement import core, gpu, machine, options, peers, scaling
from siamdw_ros.measurement.plan import Plan
from siamdw_ros.measurement.report import Report, write_into
from siamdw_ros.siamdw import CheckpointError
from siamdw_ros.siamdw.networks import NETWORKS

REPOSITORY_CLIPS = Path(__file__).parents[2] / "test" / "data" / "clips"
CLIPS = ("cup", "box")


def node_section(plan: Plan) -> list[Table]:
    """The section that needs ROS 2."""
    from siamdw_ros.measurement import node_latency

    return node_latency.run(plan)


SECTIONS: dict[str, Callable[[Plan], list[Table]]] = {
    "core": core.run,
    "peers": peers.run,
    "options": options.run,
    "targets": scaling.targets,
    "sizes": scaling.sizes,
    "node": node_section,
}
# By `make gpu`, in an order in which an interrupted run has the most important ones.
GPU_SECTIONS: dict[str, Callable[[Plan], list[Table]]] = {
    "gpu_tests": gpu.tests,
    "gpu_baseline": gpu.baseline,
    "gpu_vga": gpu.vga,
    "gpu_1080p": gpu.full_hd,
}


def clips_folder() -> Path:
    """Where the annotated clips are: installed with the package, or in the repository."""
    if REPOSITORY_CLIPS.is_dir():
        return REPOSITORY_CLIPS
    from ament_index_python.packages import get_package_share_directory

    return Path(get_package_share_directory("siamdw_ros"), "clips")


def measure(plan: Plan, sections: list[str], command: str, out: Path) -> Report:
    """Run sections one after the other; what is known so far is on disk after each."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    report = Report(command, now, plan.quick, machine.describe(), machine.versions())
    start = time.monotonic()
    for number, name in enumerate(sections, 1):
        minutes = (time.monotonic() - start) / 60
        print(f"\n[{number}/{len(sections)}] {name}, after {minutes:.1f} minutes", flush=True)
        try:
            report.sections[name] = {**SECTIONS, **GPU_SECTIONS}[name](plan)
        except (RuntimeError, OSError, ImportError, ValueError) as error:
            report.failed[name] = f"{type(error).__name__}: {error}"
            print(f"  broke off: {report.failed[name]}", file=sys.stderr)
        for table in report.sections.get(name, []):
            print(table.text(), flush=True)
        report.seconds = time.monotonic() - start
        report.write(out)
    return report


def parse_checkpoint(text: str) -> tuple[str, str]:
    """'siamrpn_res22=FILE' -> the pair.

    Raises:
        argparse.ArgumentTypeError: no such network or file.
    """
    name, _, path = text.partition("=")
    if name not in NETWORKS or not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"'{text}' is not NETWORK=FILE, as siamrpn_res22=a.pth")
    return name, path


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="under a minute, and rough")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*SECTIONS, *GPU_SECTIONS],
        metavar="SECTION",
        help=f"{', '.join(SECTIONS)} (default: these); {', '.join(GPU_SECTIONS)}",
    )
    parser.add_argument("--out", type=Path, default=Path("bench_out"), help="default: bench_out")
    parser.add_argument(
        "--device", default="auto", help="auto (CPU, and GPU if there is one), cpu, or cuda"
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch's choice)")
    parser.add_argument(
        "--models", nargs="+", choices=NETWORKS, default=(), metavar="NAME", help="of section core"
    )
    parser.add_argument(
        "--checkpoint",
        type=parse_checkpoint,
        action="append",
        default=[],
        metavar="NETWORK=FILE",
        help="weights of a network (default: the bundled ones, else random: no accuracy then)",
    )
    parser.add_argument(
        "--nanotrack", nargs="+", default=[], metavar="ONNX", help="its files, or their folder"
    )
    parser.add_argument(
        "--page", type=Path, help="put the report into this page as well: docs/benchmarks.md"
    )
    return parser.parse_args(arguments)


def devices(asked: str) -> tuple[str, ...]:
    """The CPU, and the GPU where there is one and it is not left out."""
    if asked != "auto":
        return (asked,)
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 when a section broke off."""
    options = parse_arguments(arguments)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "8")  # fatal; the tables are what counts
    if options.threads:
        torch.set_num_threads(options.threads)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "siamdw_ros.measurement.benchmark", *given])
    with tempfile.TemporaryDirectory(prefix="siamdw_bench_") as work:
        plan = Plan(
            clips=[clips_folder() / f"{name}.mp4" for name in CLIPS],
            work=Path(work),
            quick=options.quick,
            devices=devices(options.device),
            models=tuple(options.models),
            checkpoints=dict(options.checkpoint),
            nanotrack=tuple(options.nanotrack),
        )
        try:
            report = measure(plan, options.only or list(SECTIONS), command, options.out)
        except CheckpointError as error:
            print(f"benchmark: {error}", file=sys.stderr)
            return 2
    if options.page:
        write_into(options.page, report)
    print(f"\n{report.seconds / 60:.1f} minutes; {options.out}{os.sep}report.md, bench.json")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Run trackers on annotated videos and benchmarks, side by side, and report their figures.

One pass (OTB, GOT-10k): started on the first box, never helped again. Supervised (VOT): started
again five frames after every failure. With --out the results are stored, in the benchmarks' own
forms, beside a report with curves and contact sheets; finished sequences are not run again.
"""

import argparse
import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from siamdw_ros.evaluation.benchmarks import LAYOUTS, find_sequences
from siamdw_ros.evaluation.outcome import speeds, summaries_of, write_images
from siamdw_ros.evaluation.report import tables, write_report
from siamdw_ros.evaluation.results import Protocol, ResultFolder
from siamdw_ros.evaluation.runner import Job, run_all
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.trackers import NANOTRACK, PEERS, SiamDW, TrackerSpec, read_spec
from siamdw_ros.evaluation.vot import EAO_INTERVALS
from siamdw_ros.evaluation.yaml_text import parse_yaml
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK
from siamdw_ros.siamdw.networks import NETWORKS
from siamdw_ros.tools.command_line import (
    GOES_ON,
    called_as,
    frame_rate,
    not_negative,
    positive,
    run_command,
)


def add_tracker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of SiamDW."""
    parser.add_argument("--model", default=DEFAULT_NETWORK, choices=NETWORKS, metavar="NAME")
    parser.add_argument("--checkpoint", help="file of its weights (default: the bundled ones)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--preset", help="tuned hyper-parameters, as res22_otb2015")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a single hyper-parameter, as window_influence=0.3; may be repeated",
    )


def tracker_options(options: argparse.Namespace) -> SiamDW:
    """Read them.

    Raises:
        ValueError: a --set is not NAME=VALUE.
    """
    overrides = {}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--set {text}: expected NAME=VALUE")
        overrides[name] = parse_yaml(value, f"--set {text}")
    return SiamDW(
        "siamdw", options.model, options.checkpoint, options.device, options.preset, overrides
    )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("evaluate"),
        description=__doc__,
        epilog=f"A SEQUENCE is\n{LAYOUTS}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sequences", type=Path, nargs="+", metavar="SEQUENCE")
    peers = ", ".join(["siamdw", *PEERS, NANOTRACK])
    parser.add_argument(
        "--tracker",
        default="siamdw",
        metavar="NAME,...",
        help=f"of {peers}, or YAML files with model, checkpoint, preset, overrides",
    )
    parser.add_argument(
        "--nanotrack",
        nargs="+",
        default=[],
        metavar="ONNX",
        help="NanoTrack's backbone and head, or a folder with both (default: $NANOTRACK); "
        "adds the tracker nanotrack",
    )
    add_tracker_options(parser)
    parser.add_argument(
        "--protocol",
        choices=("one-pass", "supervised", "both"),
        default="one-pass",
        help="default: one-pass",
    )
    parser.add_argument(
        "--eao",
        type=_interval,
        default=EAO_INTERVALS["vot2018"],
        metavar="LOW:HIGH",
        help=f"lengths that EAO averages over, or {', '.join(EAO_INTERVALS)} (default: vot2018)",
    )
    parser.add_argument(
        "--every",
        type=positive,
        default=1,
        metavar="N",
        help="take every N-th frame, as a robot does whose tracker is slower than its camera",
    )
    _add_run_options(parser)
    return parser.parse_args(arguments)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add how the trackers are run, and what is written."""
    parser.add_argument(
        "--through-node",
        action="store_true",
        help="run the ROS node, at the camera's rate; late boxes count against it",
    )
    parser.add_argument("--rate", type=frame_rate, help="frames per second of that camera")
    parser.add_argument("--jobs", type=positive, metavar="N", help="sequences at a time")
    parser.add_argument("--threads", type=positive, metavar="N", help="CPU threads for each")
    parser.add_argument("--speed", action="store_true", help="time each tracker alone at the end")
    parser.add_argument("--out", type=Path, help="folder for results, report and images")
    parser.add_argument(
        "--fresh", action="store_true", help="delete the results of these in --out"
    )
    parser.add_argument(
        "--worst", type=not_negative, default=3, metavar="N", help="contact sheets (default: 3)"
    )
    parser.add_argument(
        "--failures",
        action="store_true",
        help="contact sheets of the frames where the overlap first drops below 0.2",
    )


def _interval(text: str) -> tuple[int, int]:
    if text.lower() in EAO_INTERVALS:
        return EAO_INTERVALS[text.lower()]
    with contextlib.suppress(ValueError):
        low, high = map(int, text.split(":"))
        if 1 <= low <= high:
            return low, high
    raise argparse.ArgumentTypeError(f"{text}: expected LOW:HIGH, or {', '.join(EAO_INTERVALS)}")


def read_sequences(paths: Sequence[Path], every: int) -> list[AnnotatedSequence]:
    """Find all sequences.

    Raises:
        FileNotFoundError, ValueError: there are none, or two have one name.
    """
    found = [sequence.thinned(every) for path in paths for sequence in find_sequences(path)]
    names = [sequence.name for sequence in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two sequences are called {', '.join(twice)}: evaluate them apart")
    return found


def plan(
    specs: Sequence[TrackerSpec],
    sequences: Sequence[AnnotatedSequence],
    options: argparse.Namespace,
    out: Path,
) -> list[Job]:
    """List what there is to run.

    Raises:
        ValueError: the folder has results of other settings, or two trackers have one label.
    """
    labels = [spec.label for spec in specs]
    if len(set(labels)) < len(labels):
        raise ValueError(f"trackers must have different names, not {', '.join(labels)}")
    every: Sequence[Protocol] = ("one-pass", "supervised")
    protocols = [p for p in every if options.protocol in (p, "both")]
    jobs = []
    for spec in specs:
        folder = ResultFolder(out / "results" / spec.label)
        if options.fresh:
            shutil.rmtree(folder.path, ignore_errors=True)
        folder.claim({**spec.settings(), "every": options.every, **_camera(options)})
        jobs += [Job(spec, s, protocol, folder) for protocol in protocols for s in sequences]
    return jobs


def _camera(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that results through the node depend on as well."""
    return {"through_node": True, "rate": options.rate} if options.through_node else {}


def run(jobs: Sequence[Job], options: argparse.Namespace) -> list[str]:
    """Run what is not finished, with a progress bar; return what went wrong."""
    waiting = [job for job in jobs if not job.done]
    if len(waiting) < len(jobs):
        print(f"{len(jobs) - len(waiting)} of {len(jobs)} are finished already", file=sys.stderr)
    if outdated := sum(job.outdated for job in waiting):
        print(
            f"{outdated} of {len(jobs)} are run again: the results are of another video or "
            "annotation, or do not state which they are of",
            file=sys.stderr,
        )
    if options.through_node:
        from siamdw_ros.evaluation.streaming import run_through_node  # needs ROS

        results = run_through_node(waiting, options.rate)
    else:
        workers = options.jobs or min(4, len(os.sched_getaffinity(0)))
        results = run_all(waiting, min(workers, max(1, len(waiting))), options.threads)
    return [m for m in tqdm(results, total=len(waiting), unit="sequence", leave=False) if m]


def evaluate(options: argparse.Namespace, out: Path) -> int:
    """Run, score and report; 1 when something could not be run.

    Raises:
        OSError, ValueError: what was asked for cannot be.
    """
    defaults = tracker_options(options)
    names = options.tracker.split(",")
    if options.nanotrack and NANOTRACK not in names:
        names.append(NANOTRACK)
    specs = [read_spec(name, defaults, options.nanotrack) for name in names]
    sequences = read_sequences(options.sequences, options.every)
    jobs = plan(specs, sequences, options, out)
    problems = run(jobs, options)
    for problem in problems:
        print(f"evaluate: {problem}", file=sys.stderr)
    common = {s.name for s in sequences if all(j.done for j in jobs if j.sequence.name == s.name)}
    jobs = [job for job in jobs if job.sequence.name in common]
    summaries = summaries_of(jobs)
    found = tables(summaries, options.eao)
    if options.through_node:
        from siamdw_ros.evaluation.streaming import latencies

        found.append(latencies(jobs))
    if options.speed:
        found.append(speeds(specs, sequences[0], options.threads))
    for table in found:
        print(table.text())
    if options.out and found:
        images = []
        if summaries[0].scores:
            images = write_images(jobs, summaries, out, options.worst, options.failures)
        about = {
            "sequences": ", ".join(sequence.name for sequence in sequences),
            "frames": f"every {options.every}." if options.every > 1 else "all",
            "command": " ".join(sys.argv[1:]),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores",
            "through the ROS node": "yes" if options.through_node else "no",
        }
        write_report(out, found, summaries, about, options.eao, images)
        print(f"\nreport: {out / 'report.html'}")
    return 1 if problems else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    interrupted = GOES_ON if options.out else "interrupted"
    return run_command("evaluate", partial(_evaluate, options), interrupted)


def _evaluate(options: argparse.Namespace) -> int:
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        return evaluate(options, options.out)
    with tempfile.TemporaryDirectory() as folder:
        return evaluate(options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())

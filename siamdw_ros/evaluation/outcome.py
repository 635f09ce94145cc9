"""Results of the jobs: scores, images, and the speed of the trackers."""

import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from siamdw_ros.evaluation.drawing import run_sheet
from siamdw_ros.evaluation.one_pass import warm_up
from siamdw_ros.evaluation.plots import plot_all
from siamdw_ros.evaluation.runner import Job, bound_threads
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.summary import Summary, summarise
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.evaluation.trackers import TrackerSpec
from siamdw_ros.evaluation.vot import vot_score

SPEED_FRAMES = 60


def summaries_of(jobs: Sequence[Job]) -> list[Summary]:
    """Score all results that exist: a summary per tracker."""
    found = []
    for label in dict.fromkeys(job.spec.label for job in jobs):
        passed, supervised = (
            [job for job in jobs if job.spec.label == label and _scored(job, protocol)]
            for protocol in ("one-pass", "supervised")
        )
        runs = [(job.sequence, job.folder.read_run(job.sequence)) for job in passed]
        vot = [vot_score(j.folder.read_trajectory(j.sequence), j.sequence) for j in supervised]
        found.append(summarise(label, runs, vot))
    return found


def _scored(job: Job, protocol: str) -> bool:
    return job.protocol == protocol and job.done and not job.sequence.hidden


def write_images(
    jobs: Sequence[Job], summaries: Sequence[Summary], out: Path, worst: int, failures: bool
) -> list[Path]:
    """Write the curves, and contact sheets of the first tracker.

    Args:
        jobs: all that ran.
        summaries: of the trackers.
        out: folder to write to.
        worst: how many of the sequences with the least mean overlap get a sheet.
        failures: whether every sequence in which the overlap drops below 0.2 gets a sheet of the
            frames around the first time.
    """
    images, first = [], summaries[0]
    try:
        images += plot_all(summaries, out)
    except ImportError as error:
        print(f"evaluate: {error}", file=sys.stderr)
    mine = {
        job.sequence.name: job
        for job in jobs
        if job.spec.label == first.label and _scored(job, "one-pass")
    }
    sheets: list[tuple[str, str, int | None]] = [
        ("worst", score.name, None)
        for score in sorted(first.scores, key=lambda score: score.mean_overlap)[:worst]
    ]
    if failures:
        failing = (score for score in first.scores if score.first_failure is not None)
        sheets += [("failure", score.name, score.first_failure) for score in failing]
    for kind, name, around in tqdm(sheets, desc="contact sheets", leave=False):
        job = mine[name]
        sheet = run_sheet(job.sequence, job.folder.read_run(job.sequence), around=around)
        images.append(out / f"{kind}_{first.label}_{name}.jpg")
        cv2.imwrite(str(images[-1]), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return images


def speeds(
    specs: Sequence[TrackerSpec], sequence: AnnotatedSequence, threads: int | None
) -> Table:
    """Time each tracker alone, on the first frames of a sequence."""
    bound_threads(threads)
    first, *images = itertools.islice(sequence.images(), SPEED_FRAMES)
    rows: list[dict[str, Cell]] = []
    for spec in tqdm(specs, desc="speed", leave=False):
        tracker, seconds = spec.build(), []
        warm_up(tracker, sequence)
        tracker.init(first, sequence.start)
        for image in images:
            start = time.perf_counter()
            tracker.track(image)
            seconds.append(time.perf_counter() - start)
        rows.append(
            {
                "tracker": spec.label,
                "ms per frame (median)": 1e3 * float(np.median(seconds)),
                "frames/s (mean)": float(1 / np.mean(seconds)),
            }
        )
    return Table(f"Speed, alone on {len(images)} frames of {sequence.name}", rows)

"""What came of the jobs: scores, pictures, and how fast the trackers are."""

import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from siamdw_ros.evaluation.drawing import run_sheet
from siamdw_ros.evaluation.plots import plot_all
from siamdw_ros.evaluation.runner import Job, bound_threads
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.summary import Summary, summarise
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.evaluation.trackers import TrackerSpec
from siamdw_ros.evaluation.vot import vot_score

SPEED_FRAMES = 60


def summaries_of(jobs: Sequence[Job]) -> list[Summary]:
    """Score all results that are there: a summary for each tracker."""
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


def write_pictures(
    jobs: Sequence[Job], summaries: Sequence[Summary], out: Path, worst: int
) -> list[Path]:
    """Write the curves, and contact sheets of the first tracker's worst sequences."""
    pictures, first = [], summaries[0]
    try:
        pictures += plot_all(summaries, out)
    except ImportError as error:
        print(f"evaluate: {error}", file=sys.stderr)
    mine = {
        job.sequence.name: job
        for job in jobs
        if job.spec.label == first.label and _scored(job, "one-pass")
    }
    for score in sorted(first.scores, key=lambda score: score.mean_overlap)[:worst]:
        job = mine[score.name]
        sheet = run_sheet(job.sequence, job.folder.read_run(job.sequence))
        pictures.append(out / f"worst_{first.label}_{score.name}.jpg")
        cv2.imwrite(str(pictures[-1]), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return pictures


def speeds(
    specs: Sequence[TrackerSpec], sequence: AnnotatedSequence, threads: int | None
) -> Table:
    """Time each tracker alone, on the first frames of a sequence."""
    bound_threads(threads)
    first, *images = itertools.islice(sequence.images(), SPEED_FRAMES)
    rows: list[dict[str, Cell]] = []
    for spec in tqdm(specs, desc="speed", leave=False):
        tracker, seconds = spec.build(), []
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

"""Run trackers over sequences, several at a time; what is finished is not run again."""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import cv2
import torch

from siamdw_ros.evaluation.one_pass import Follower, follow, warm_up
from siamdw_ros.evaluation.results import Protocol, ResultFolder
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.trackers import TrackerSpec
from siamdw_ros.evaluation.vot import supervise

_built: dict[str, Follower] = {}  # trackers of this process: a network is loaded once


@dataclass(frozen=True)
class Job:
    """One tracker on one sequence; its results go to `folder`."""

    spec: TrackerSpec
    sequence: AnnotatedSequence
    protocol: Protocol
    folder: ResultFolder

    @property
    def done(self) -> bool:
        """Whether its results are there."""
        return self.folder.has(self.sequence, self.protocol)

    @property
    def outdated(self) -> bool:
        """Whether results of another video or annotation, or of unknown ones, are there."""
        return not self.done and self.folder.file(self.sequence, self.protocol).is_file()

    def run(self) -> None:
        """Run it, and keep its results."""
        key = repr(self.spec)
        if key not in _built:
            tracker = self.spec.build()
            warm_up(tracker, self.sequence)
            _built[key] = tracker
        tracker = _built[key]
        if self.protocol == "one-pass":
            self.folder.write_run(self.sequence, follow(tracker, self.sequence))
        else:
            self.folder.write_trajectory(self.sequence, supervise(tracker, self.sequence))

    def __str__(self) -> str:
        return f"{self.spec.label} on {self.sequence.name}"


def run_all(jobs: Sequence[Job], workers: int, threads: int | None) -> Iterator[str | None]:
    """Run jobs; yield for each None when it went well, else a message.

    One worker runs in this process. Results do not depend on the number of workers.

    Args:
        jobs: what to run.
        workers: how many at a time.
        threads: CPU threads for each (None: torch's and OpenCV's choice, 1 with several workers).
    """
    if workers == 1:
        bound_threads(threads)
        yield from map(_run, jobs)
        return
    # Not fork: torch and OpenCV have threads running.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start_worker, (threads or 1,))
    try:
        running = [pool.submit(_run, job) for job in jobs]
        for future in as_completed(running):
            yield future.result()
    except BrokenProcessPool:
        yield "a worker ended unexpectedly (out of memory?); finished results are kept"
    finally:  # also after an interrupt: unfinished work is not waited for
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()


def _start_worker(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's business
    bound_threads(threads)


def bound_threads(threads: int | None) -> None:
    """Keep torch and OpenCV to so many CPU threads."""
    if threads:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)


def _run(job: Job) -> str | None:
    try:
        job.run()
    except Exception as error:  # one broken sequence must not end the others
        return f"{job}: {type(error).__name__}: {error}"
    return None

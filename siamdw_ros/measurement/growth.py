"""Whether a process grows: samples of its memory, threads and open files, and their trend."""

import csv
import importlib
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.measurement.statistics import theil_sen
from siamdw_ros.measurement.usage import usage

WARM_UP = 0.2  # share of the time, in which caches and thread pools are filled
MEGABYTE = 2**20


@dataclass(frozen=True)
class Sample:
    """Resources that a process uses at one time, in seconds since the beginning."""

    seconds: float
    memory_mb: float  # resident set
    threads: int
    files: int
    received: int
    processed: int


UNITS = {"memory_mb": "MB", "threads": "threads", "files": "files"}
# How much the fitted line may rise from the warm-up's end to the end. A leak of one image, thread
# or file a start passes them within minutes.
LIMITS = {"memory_mb": 10.0, "threads": 1.0, "files": 2.0}


def take_sample(pid: int, seconds: float, status: TrackerStatus | None) -> Sample:
    """Return what a process uses now.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    used = usage(pid)
    return Sample(
        round(seconds, 2),
        round(used.rss / MEGABYTE, 2),
        used.threads,
        used.files,
        status.received if status else 0,
        status.processed if status else 0,
    )


@dataclass(frozen=True)
class Growth:
    """The trend of one quantity after the warm-up.

    Attributes:
        what: the quantity, a field of :class:`Sample`.
        median: of its values.
        rise: of the line fitted to it, over the whole time.
        hours: the time.
        limit: the largest rise that counts as none.
    """

    what: str
    median: float
    rise: float
    hours: float
    limit: float

    @property
    def flat(self) -> bool:
        """Whether it rises by no more than the limit."""
        return self.rise <= self.limit

    def summary(self) -> dict[str, Any]:
        """The figures, rounded."""
        figures = {
            "unit": UNITS[self.what],
            "flat": self.flat,
            "rise_per_hour": round(self.rise / self.hours, 2),
        }
        numbers = {"median": round(self.median, 1), "rise": round(self.rise, 2)}
        return {**asdict(self), **figures, **numbers, "hours": round(self.hours, 3)}


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """Return the trends of memory, threads and files after the warm-up."""
    kept = [one for one in samples if one.seconds >= WARM_UP * samples[-1].seconds]
    seconds = np.array([one.seconds for one in kept])
    found = []
    for what, limit in LIMITS.items():
        values = np.array([getattr(one, what) for one in kept], np.float64)
        span = float(seconds[-1] - seconds[0])
        rise = theil_sen(seconds, values) * span
        found.append(Growth(what, statistics.median(values), rise, span / 3600, limit))
    return found


def processed(samples: Sequence[Sample]) -> int:
    """Return the images processed in all; the node counts from 0 after each configure."""
    counts = [0, *(one.processed for one in samples)]
    return sum(new - old if new >= old else new for old, new in itertools.pairwise(counts))


def write_csv(samples: Sequence[Sample], path: Path) -> None:
    """Write one row per sample."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in fields(Sample)])
        writer.writerows(map(astuple, samples))


def draw(samples: Sequence[Sample], found: Sequence[Growth], path: Path) -> str:
    """Draw the samples, if matplotlib is installed; return where, for the end of a line."""
    try:
        pyplot: Any = importlib.import_module("matplotlib.pyplot")  # needed here only
    except ImportError:
        return " (pip install matplotlib for a figure)"
    minutes = [one.seconds / 60 for one in samples]
    figure, axes = pyplot.subplots(len(found), sharex=True, figsize=(8, 6), layout="constrained")
    for axis, one in zip(axes, found, strict=True):
        values = [getattr(sample, one.what) for sample in samples]
        axis.plot(minutes, values, color="tab:blue", linewidth=1)
        axis.axvspan(0, WARM_UP * minutes[-1], color="0.92", label="warm-up")
        axis.set_ylim(0, 1.15 * max(values))
        axis.set_title(f"{one.what}: rise {one.rise:+.2f} {UNITS[one.what]}", fontsize=10)
        axis.set_ylabel(UNITS[one.what])
    axes[0].legend(loc="lower right", frameon=False)
    axes[-1].set_xlabel("minutes")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return f", {path}"

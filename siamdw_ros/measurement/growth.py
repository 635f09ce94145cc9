"""Does a process grow? Samples of its memory, threads and open files, and how these rise."""

import csv
import importlib
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from siamdw_msgs.msg import TrackerStatus

WARM_UP = 0.2  # share of the time, in which caches and thread pools are filled
MEGABYTE = 2**20


@dataclass(frozen=True)
class Sample:
    """A process at one time: seconds since the beginning, and what it holds."""

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
    """Look at a process.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    process = psutil.Process(pid)
    with process.oneshot():
        return Sample(
            round(seconds, 2),
            round(process.memory_info().rss / MEGABYTE, 2),
            process.num_threads(),
            process.num_fds(),
            status.received if status else 0,
            status.processed if status else 0,
        )


@dataclass(frozen=True)
class Growth:
    """How one quantity went after the warm-up.

    rise: of the line fitted to it (Theil and Sen: the median of the slopes, which outliers do not
    move), over the whole time.
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
    """How memory, threads and files went, from the warm-up's end on."""
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
    """Images processed in all; the node counts from 0 again each time it is configured."""
    counts = [0, *(one.processed for one in samples)]
    return sum(new - old if new >= old else new for old, new in itertools.pairwise(counts))


def theil_sen(x: NDArray[np.float64], y: NDArray[np.float64], most: int = 500) -> float:
    """Median slope of the lines through all pairs of points (of at most `most` points)."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), most)).round().astype(int))
    first, second = np.triu_indices(len(chosen), 1)
    x, y = x[chosen], y[chosen]
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def write_csv(samples: Sequence[Sample], path: Path) -> None:
    """Write one row a sample."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in fields(Sample)])
        writer.writerows(map(astuple, samples))


def draw(samples: Sequence[Sample], found: Sequence[Growth], path: Path) -> str:
    """Draw how it went, if matplotlib is there; say where, for the end of a line."""
    try:
        pyplot: Any = importlib.import_module("matplotlib.pyplot")  # needed here only
    except ImportError:
        return " (pip install matplotlib for a picture)"
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

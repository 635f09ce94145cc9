"""The few statistics that the tables report."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[np.float64]

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


def percentiles(values: Sequence[float], unit: str) -> dict[str, float | None]:
    """Return p50, p95, p99 and maximum by column name, as `p50 ms`; None of no values."""
    if not len(values):
        return {f"{name} {unit}": None for name in PERCENTILES}
    found = np.percentile(values, list(PERCENTILES.values()))
    return {f"{name} {unit}": float(v) for name, v in zip(PERCENTILES, found, strict=True)}


def median_ratio(reference: Sequence[float], seconds: Sequence[float]) -> float:
    """Return how many times faster than the reference: the median over neighbouring pairs.

    Raises:
        ValueError: the series do not have the same length, or are empty.
    """
    if len(reference) != len(seconds) or not len(seconds):
        raise ValueError(f"{len(reference)} and {len(seconds)} values make no pairs")
    return float(np.median(np.asarray(reference, float) / np.asarray(seconds, float)))


def theil_sen(x: Values, y: Values, most: int = 500) -> float:
    """Return the median slope of the lines through all pairs of points; 0 of fewer than two.

    Outliers do not move it. (SciPy has it, but would be needed for this alone.)

    Args:
        x: N, increasing.
        y: N.
        most: of the points that are used, evenly chosen.
    """
    if len(x) < 2:
        return 0.0
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), most)).round().astype(int))
    first, second = np.triu_indices(len(chosen), 1)
    across, up = np.asarray(x, float)[chosen], np.asarray(y, float)[chosen]
    slopes = (up[second] - up[first]) / (across[second] - across[first])
    return float(np.median(slopes))

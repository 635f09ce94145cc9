"""The few statistics that the benchmark reports."""

from collections.abc import Sequence

import numpy as np

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


def percentiles(values: Sequence[float], unit: str) -> dict[str, float | None]:
    """p50, p95, p99 and maximum by column name, `p50 ms` for the unit `ms`; None of no values."""
    if not len(values):
        return {f"{name} {unit}": None for name in PERCENTILES}
    found = np.percentile(values, list(PERCENTILES.values()))
    return {f"{name} {unit}": float(v) for name, v in zip(PERCENTILES, found, strict=True)}


def median_ratio(reference: Sequence[float], seconds: Sequence[float]) -> float:
    """How many times faster than the reference: the median over pairs taken one after the other.

    Raises:
        ValueError: the series do not have the same length, or are empty.
    """
    if len(reference) != len(seconds) or not len(seconds):
        raise ValueError(f"{len(reference)} and {len(seconds)} values make no pairs")
    return float(np.median(np.asarray(reference, float) / np.asarray(seconds, float)))


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Growth per unit of time: the least-squares line through the values; 0 of fewer than two."""
    if len(times) < 2:
        return 0.0
    return float(np.polyfit(np.asarray(times, float), np.asarray(values, float), 1)[0])

"""How well boxes agree with annotations. Boxes are (x, y, w, h), any unit."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Thresholds = NDArray[np.floating[Any]]
SUCCESS_OVERLAP = 0.5  # an image counts as a success when its overlap is larger
OVERLAP_THRESHOLDS: Thresholds = np.linspace(0, 1, 21)  # OTB
CENTER_THRESHOLDS: Thresholds = np.arange(51.0)  # pixels, OTB
PRECISION_AT = 20  # pixels, OTB
NORMALISED_THRESHOLDS: Thresholds = np.linspace(0, 0.5, 51)  # TrackingNet


def overlap(boxes: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union, box by box: N x 4 and N x 4 -> N."""
    a, b = np.asarray(boxes, float), np.asarray(others, float)
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    common = (high - low).clip(0).prod(axis=-1)
    union = a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - common
    return np.asarray(common / np.maximum(union, np.finfo(float).tiny))


def success_rate(overlaps: ArrayLike, threshold: float = SUCCESS_OVERLAP) -> float:
    """Share of overlaps larger than a threshold; nan of none."""
    values = np.asarray(overlaps, float)
    return float((values > threshold).mean()) if values.size else float("nan")


def clipped(boxes: ArrayLike, width: int, height: int) -> NDArray[np.float64]:
    """Cut boxes, N x 4, off at the border of an image; GOT-10k does so before it compares."""
    values = np.asarray(boxes, float)
    limits = np.array([width, height], float)
    low = values[..., :2].clip(0, limits)
    # As GOT-10k's toolkit: the corner moves, the size stays, and then ends at the far border.
    return np.concatenate([low, values[..., 2:].clip(0, limits - low)], axis=-1)


def center_error(boxes: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Distance of the centres in pixels, box by box: N x 4 and N x 4 -> N.

    As OTB has it, the centre of a box is that of its pixels: x + (w - 1) / 2.
    """
    return np.asarray(np.linalg.norm(_centers(boxes) - _centers(others), axis=-1))


def normalised_error(boxes: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Distance of the centres in widths and heights of the true box (TrackingNet, section 4)."""
    size = np.maximum(np.asarray(truth, float)[..., 2:], np.finfo(float).tiny)
    return np.asarray(np.linalg.norm((_centers(boxes) - _centers(truth)) / size, axis=-1))


def _centers(boxes: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(boxes, float)
    return np.asarray(values[..., :2] + (values[..., 2:] - 1) / 2)


def success_curve(
    overlaps: ArrayLike, thresholds: Thresholds = OVERLAP_THRESHOLDS
) -> NDArray[np.float64]:
    """Share of overlaps larger than each threshold; its mean is the area under the curve (OTB)."""
    return np.asarray((np.asarray(overlaps, float)[:, None] > thresholds).mean(axis=0))


def precision_curve(
    errors: ArrayLike, thresholds: Thresholds = CENTER_THRESHOLDS
) -> NDArray[np.float64]:
    """Share of errors not larger than each threshold."""
    return np.asarray((np.asarray(errors, float)[:, None] <= thresholds).mean(axis=0))

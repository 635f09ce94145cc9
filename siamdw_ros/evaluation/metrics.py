"""How well boxes agree with annotations. Boxes are (x, y, w, h), any unit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SUCCESS_OVERLAP = 0.5  # an image counts as a success when its overlap is larger


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

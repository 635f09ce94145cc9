"""How well a tracker notices that its target is absent.

Each target is tracked through its own video, and then shown the videos of others, in which it is
absent. Both give responses; the presence score separates the two kinds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.siamdw.crops import Image
from siamdw_ros.siamdw.multi_tracker import MultiTracker
from siamdw_ros.siamdw.siambox import SiamBoxTarget
from siamdw_ros.siamdw.siamfc import SiamFCTarget

Floats = NDArray[np.float64]

PRESENT, ABSENT = 0.5, 0.1  # least overlap with a target in view, largest without
NEAR = 3  # cells around a peak that are the peak's


@dataclass(frozen=True)
class Searches:
    """Results of searches for targets.

    Attributes:
        present: N, whether the target was in view.
        logits: N, of the peak.
        margins: N, of the peak over its best rival.
    """

    present: NDArray[np.bool_]
    logits: Floats
    margins: Floats


@dataclass(frozen=True)
class Curve:
    """Precision against recall of "the target is absent", one point per threshold on the score."""

    thresholds: Floats
    precision: Floats
    recall: Floats

    @property
    def average_precision(self) -> float:
        """Area under the curve."""
        heights = (self.precision[1:] + self.precision[:-1]) / 2
        return float((heights * np.abs(np.diff(self.recall))).sum())


def search_all(
    method: MultiTracker[Any], videos: Sequence[AnnotatedSequence], frames: int = 60
) -> Searches:
    """Search every video's target in its own video and in two others.

    Args:
        method: of SiamFC+ or the box tracker, whose targets keep their response; its thresholds
            play no part.
        videos: annotated; at least three.
        frames: searched in each video, evenly spread over at most 240 from its start.

    Raises:
        ValueError: there are fewer than three videos.
    """
    if len(videos) < 3:
        raise ValueError(f"{len(videos)} videos: at least three are needed, for others' targets")
    rows: list[tuple[bool, float, float]] = []
    frames_of = [_spread(video, frames) for video in videos]
    for index, video in enumerate(tqdm(videos, unit="video")):
        first = frames_of[index][0][0]
        target = method.start(first, video.start)
        for image, truth in frames_of[index][1:]:
            result = method.update(image, [target])[0]
            shared = 0.0 if np.isnan(truth).any() else float(overlap(result.box, truth))
            if shared >= PRESENT or shared <= ABSENT:
                rows.append((shared >= PRESENT, *_read(target)))
        for other in (1, 2):
            target = method.start(first, video.start)
            for image, _ in frames_of[(index + other) % len(videos)][: frames // 2]:
                method.update(_resized(image, first), [target])
                rows.append((False, *_read(target)))
    present, logits, margins = zip(*rows, strict=True)
    return Searches(np.array(present), np.array(logits), np.array(margins))


def _spread(video: AnnotatedSequence, frames: int) -> list[tuple[Image, Floats]]:
    step = max(1, min(len(video), 240) // frames)
    pairs = zip(video.thinned(step).images(), video.boxes[::step], strict=True)
    return [pair for pair, _ in zip(pairs, range(frames), strict=False)]


def _resized(image: Image, like: Image) -> Image:
    return np.asarray(cv2.resize(image, (like.shape[1], like.shape[0])), np.uint8)


def _read(target: SiamFCTarget | SiamBoxTarget) -> tuple[float, float]:
    """Return the logit of the peak, and its margin over the rest of the response."""
    response: Any = target.response
    row, column = np.unravel_index(int(np.argmax(response)), response.shape)
    rest = response.astype(float).copy()
    rest[max(row - NEAR, 0) : row + NEAR + 1, max(column - NEAR, 0) : column + NEAR + 1] = -np.inf
    return float(response[row, column]), float(response[row, column] - rest.max())


def fit_logistic(features: Floats, present: NDArray[np.bool_]) -> Floats:
    """Fit the probability of presence by Newton's method.

    Args:
        features: N x F.
        present: N.

    Returns:
        F + 1 weights, the last one the constant. Both kinds weigh the same, whatever their number.
    """
    x = np.column_stack([features, np.ones(len(features))])
    weight = np.where(present, 0.5 / present.sum(), 0.5 / (~present).sum())
    w: Floats = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-(x @ w).clip(-30, 30)))
        gradient = x.T @ (weight * (p - present)) + 1e-4 * w
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-4 * np.eye(len(w))
        w = w - np.linalg.solve(hessian, gradient)
    return w


def absent_curve(scores: Floats, present: NDArray[np.bool_]) -> Curve:
    """Return precision and recall of "absent" at each threshold."""
    thresholds = np.arange(201) / 200
    absent = scores[:, None] < thresholds
    right = (absent & ~present[:, None]).sum(0)
    precision = np.where(absent.any(0), right / np.maximum(absent.sum(0), 1), 1.0).astype(float)
    recall: Floats = right / max(1, int((~present).sum()))
    return Curve(thresholds, precision, recall)


def points(curve: Curve, thresholds: Sequence[float]) -> Iterator[tuple[float, float, float]]:
    """Yield threshold, precision and recall at some thresholds."""
    for threshold in thresholds:
        index = int(np.abs(curve.thresholds - threshold).argmin())
        yield threshold, float(curve.precision[index]), float(curve.recall[index])

"""How well a tracker knows that its target is gone.

Each target is followed through its own film, and then shown the films of others, in which it is
not. Both give responses; what tells the two kinds apart is the presence score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.sequences import Sequence as Film
from siamdw_ros.siamdw.crops import Image
from siamdw_ros.siamdw.siamfc import SiamFC, SiamFCTarget

Floats = NDArray[np.float64]

SEEN, GONE = 0.5, 0.1  # overlaps from which on, and up to which, a look shows the target or not
NEAR = 3  # cells around a peak that are the peak's


@dataclass(frozen=True)
class Looks:
    """Looks at targets.

    present: N, was it there. logits: N, of the peak. margins: N, of the peak over its best rival.
    """

    present: NDArray[np.bool_]
    logits: Floats
    margins: Floats


@dataclass(frozen=True)
class Curve:
    """Precision against recall of "the target is gone", a point a threshold on the score."""

    thresholds: Floats
    precision: Floats
    recall: Floats

    @property
    def average_precision(self) -> float:
        """Area under the curve."""
        heights = (self.precision[1:] + self.precision[:-1]) / 2
        return float((heights * np.abs(np.diff(self.recall))).sum())


def look_at_all(method: SiamFC, films: Sequence[Film], frames: int = 60) -> Looks:
    """Collect looks of every film's target at its own film and at two others.

    Args:
        method: gives the responses; its thresholds play no part.
        films: annotated; at least three.
        frames: looked at in each film, evenly spread over at most 240 from its start.

    Raises:
        ValueError: there are fewer than three films.
    """
    if len(films) < 3:
        raise ValueError(f"{len(films)} films: at least three are needed, to show others' targets")
    rows: list[tuple[bool, float, float]] = []
    pictures = [_spread(film, frames) for film in films]
    for index, film in enumerate(tqdm(films, unit="film")):
        first = pictures[index][0][0]
        target = method.start(first, film.start)
        for image, truth in pictures[index][1:]:
            result = method.update(image, [target])[0]
            shared = 0.0 if np.isnan(truth).any() else float(overlap(result.box, truth))
            if shared >= SEEN or shared <= GONE:
                rows.append((shared >= SEEN, *_read(target)))
        for away in (1, 2):
            target = method.start(first, film.start)
            for image, _ in pictures[(index + away) % len(films)][: frames // 2]:
                method.update(_resized(image, first), [target])
                rows.append((False, *_read(target)))
    present, logits, margins = zip(*rows, strict=True)
    return Looks(np.array(present), np.array(logits), np.array(margins))


def _spread(film: Film, frames: int) -> list[tuple[Image, Floats]]:
    step = max(1, min(len(film), 240) // frames)
    pairs = zip(film.thinned(step).images(), film.boxes[::step], strict=True)
    return [pair for pair, _ in zip(pairs, range(frames), strict=False)]


def _resized(image: Image, like: Image) -> Image:
    return np.asarray(cv2.resize(image, (like.shape[1], like.shape[0])), np.uint8)


def _read(target: SiamFCTarget) -> tuple[float, float]:
    """The logit of the peak, and how far it stands out from the rest of the response."""
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


def gone_curve(scores: Floats, present: NDArray[np.bool_]) -> Curve:
    """Say at each threshold how often "gone" is right, and how many absences it finds."""
    thresholds = np.arange(201) / 200
    said = scores[:, None] < thresholds
    right = (said & ~present[:, None]).sum(0)
    precision = np.where(said.any(0), right / np.maximum(said.sum(0), 1), 1.0).astype(float)
    recall: Floats = right / max(1, int((~present).sum()))
    return Curve(thresholds, precision, recall)


def points(curve: Curve, thresholds: Sequence[float]) -> Iterator[tuple[float, float, float]]:
    """Threshold, precision and recall at some thresholds."""
    for threshold in thresholds:
        index = int(np.abs(curve.thresholds - threshold).argmin())
        yield threshold, float(curve.precision[index]), float(curve.recall[index])

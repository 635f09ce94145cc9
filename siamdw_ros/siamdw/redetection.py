"""Re-detection: try positions that a detector proposes for a lost target."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.multi_tracker import MultiTracker, Target, box_to_center_size
from siamdw_ros.siamdw.presence import Presence


def redetect(
    tracker: MultiTracker[Any], image: Image, target: Target, boxes: Sequence[Box]
) -> tuple[Target, float] | None:
    """Search a lost target in several boxes of an image.

    The template decides, not the detector. Where a box shows the target clearly it goes on from
    there, and is tracked after as many confirmations as after its own search.

    Args:
        tracker: of the target.
        image: H x W x 3, uint8, BGR.
        target: it is not changed.
        boxes: (x, y, w, h) in pixels of `image`, each at least some pixels large.

    Returns:
        A copy of the target in the box that shows it best, and its score there in [0, 1]; None
        where no box shows it.
    """
    trials = [_placed(target, box, image) for box in boxes]
    results = tracker.update(image, trials)
    if not results:
        return None
    best = int(np.argmax([result.score for result in results]))
    trial = trials[best]
    score = results[best].score
    if score < target.presence.thresholds.reacquire:
        return None
    trial.presence = copy.copy(target.presence)
    trial.presence.judge(score)
    return trial, score


def _placed(target: Target, box: Box, image: Image) -> Target:
    """Return a copy of the target with centre and area of a box, but its own shape, as if seen."""
    trial = copy.copy(target)
    trial.presence = Presence(target.presence.thresholds)
    center, size = box_to_center_size(box)
    growth = float(np.sqrt(size.prod() / target.size.prod()))
    trial.move_and_scale(center, growth, image)
    return trial

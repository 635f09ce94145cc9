"""Places that somebody else proposes for a lost target: looked at, believed on evidence only."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.multi_tracker import MultiTracker, Target, box_to_center_size
from siamdw_ros.siamdw.presence import Presence
from siamdw_ros.siamdw.siamfc import SiamFCTarget


def redetect(
    method: MultiTracker[Any], image: Image, target: Target, boxes: Sequence[Box]
) -> tuple[Target, float] | None:
    """See whether a lost target is at one of several places.

    The template decides, not whoever proposes. Where a place shows enough evidence the target
    goes on from there, and its presence asks for as many confirmations as after its own search.

    Args:
        method: that the target is of.
        image: H x W x 3, uint8, BGR.
        target: stays as it is.
        boxes: (x, y, w, h) in pixels of `image`, each at least some pixels large.

    Returns:
        The target at the place that shows it best, and its score there in [0, 1]; None where no
        place shows it.
    """
    trials = [_placed(target, box, image) for box in boxes]
    results = method.update(image, trials)
    if not results:
        return None
    best = int(np.argmax([result.score for result in results]))
    trial, score = trials[best], results[best].score
    if score < target.presence.thresholds.evidence:
        return None
    trial.presence = copy.copy(target.presence)
    trial.presence.judge(score)
    return trial, score


def _placed(target: Target, box: Box, image: Image) -> Target:
    """A copy of the target with a box's centre and area, but its own shape, as if it were seen."""
    trial = copy.copy(target)
    trial.presence = Presence(target.presence.thresholds)
    center, size = box_to_center_size(box)
    growth = float(np.sqrt(size.prod() / target.size.prod()))
    trial.move(center, target.size * growth, image, parity=False)
    if isinstance(trial, SiamFCTarget):
        trial.search_side = float(np.clip(trial.search_side * growth, *trial.side_limits))
    return trial

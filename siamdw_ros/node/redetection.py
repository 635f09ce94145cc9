"""What a detector says, as places at which a lost target may be."""

import math

from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.node.messages import box_from_message
from siamdw_ros.siamdw.crops import Box

MAX_PLACES = 4  # a message: each costs a search
MAX_DETECTIONS = 1024  # of a message; one with more is not looked at
MIN_SIZE = 2.0  # pixels
ANY_CLASS = "*"


def places(message: Detection2DArray, wanted: str) -> list[Box]:
    """Boxes (x, y, w, h), pixels, of the likeliest detections of a class, the likeliest first.

    Args:
        message: of any sender; what cannot be used in it is left out.
        wanted: name of the class, or `*` for any.
    """
    if len(message.detections) > MAX_DETECTIONS:
        return []
    scored = [
        (score, box_from_message(detection.bbox))
        for detection in message.detections
        if (score := _score(detection, wanted)) is not None
    ]
    usable = [(score, box) for score, box in scored if _is_usable(box)]
    usable.sort(key=lambda pair: pair[0], reverse=True)
    return [box for _, box in usable[:MAX_PLACES]]


def _score(detection: Detection2D, wanted: str) -> float | None:
    """The best score of the class; None if the detection is not of it."""
    scores = [
        result.hypothesis.score
        for result in detection.results
        if wanted in (ANY_CLASS, result.hypothesis.class_id)
    ]
    return max((score for score in scores if math.isfinite(score)), default=None)


def _is_usable(box: Box) -> bool:
    return all(map(math.isfinite, box)) and min(box[2:]) >= MIN_SIZE

"""Re-detection of lost targets by the boxes of a detector."""

import math
from collections.abc import Sequence
from typing import Any

from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.targets import Targets, TrackedTarget, catch_up, image_size
from siamdw_ros.ros.conversions import box_from_message
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.multi_tracker import MultiTracker
from siamdw_ros.siamdw.presence import TrackResult
from siamdw_ros.siamdw.redetection import redetect

MAX_BOXES = 4  # largest number of boxes used of a message: each costs a search
MAX_SEARCHES = 8  # largest number of searches per message, for all lost targets together
MAX_DETECTIONS = 1024  # largest number of detections in a message; one with more is ignored
MIN_SIZE = 2.0  # smallest width and height of a usable box, pixels
ANY_CLASS = "*"


def redetect_lost(
    targets: Targets,
    boxes: Sequence[Box],
    frames: Sequence[Frame],
    tracker: MultiTracker[Any],
    settings: Settings,
) -> list[TrackedTarget]:
    """Search the lost targets of a camera in a detector's boxes, and catch up to the newest frame.

    Args:
        targets: All targets.
        boxes: (x, y, w, h) in pixels of the first frame's image.
        frames: The frame that the detector saw, and the newer ones of its camera.
        tracker: The tracker.
        settings: The node's parameters.

    Returns:
        The targets that were found in one of the boxes. They stay LOST until enough images in a
        row confirm it.

    Raises:
        UndecodableError: The first frame's image is damaged inside.
    """
    first, *later = frames
    lost = targets.lost(first.camera)
    if not (lost and boxes):
        return []
    image = first.image()
    found = []
    for target in lost:
        if target.size != image_size(image):
            continue  # the images have changed since: the detector's next boxes fit
        tried = boxes[: max(MAX_SEARCHES // len(lost), 1)]
        if (match := redetect(tracker, image, target.model, tried)) is not None:
            target.model, score = match
            result = TrackResult(target.model.box, score, target.model.presence.state)
            target.record(first, image, result)
            found.append(target)
    if found:
        catch_up(found, later, tracker, settings.catch_up_seconds)
    return found


def usable_boxes(message: Detection2DArray, wanted: str) -> list[Box]:
    """Return the boxes of the most likely detections of a class, the most likely first.

    Args:
        message: Message of a detector. Unusable detections in it are ignored.
        wanted: Name of the class, or `*` for any.

    Returns:
        Boxes (x, y, w, h) in pixels.
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
    return [box for _, box in usable[:MAX_BOXES]]


def _score(detection: Detection2D, wanted: str) -> float | None:
    """Return the best score of the class; None if the detection is not of it."""
    scores = [
        result.hypothesis.score
        for result in detection.results
        if wanted in (ANY_CLASS, result.hypothesis.class_id)
    ]
    return max((score for score in scores if math.isfinite(score)), default=None)


def _is_usable(box: Box) -> bool:
    return all(map(math.isfinite, box)) and min(box[2:]) >= MIN_SIZE

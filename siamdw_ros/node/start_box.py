"""Computes a target's first box from the box or the point of a request."""

from dataclasses import dataclass

import numpy as np
from vision_msgs.msg import BoundingBox2D

from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.services import RefusedError
from siamdw_ros.ros.conversions import box_from_message
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.extent import ExtentFinder
from siamdw_ros.siamdw.tracker import checked_box

LEAST_INSIDE = 0.25  # share of a box inside the image; with less, a start is refused


@dataclass(frozen=True)
class StartBox:
    """The box that a target is started with.

    Attributes:
        box: (x, y, w, h) in pixels, inside the image.
        note: How it differs from the request, for the operator; empty if it does not.
    """

    box: Box
    note: str


def start_box(bbox: BoundingBox2D, frame: Frame, extents: ExtentFinder) -> tuple[Image, StartBox]:
    """Return the image of a frame, and the box in it that a request means.

    Args:
        bbox: Box of the request, in pixels. A box of size zero is a point: the box of the object
            there is found.
        frame: Frame that the request is about.
        extents: Finds the box of an object.

    Raises:
        RefusedError: The image is damaged, the box does not fit into it, or there is no object.
    """
    try:
        image = frame.image()
        drawn = box_from_message(bbox)
        if drawn[2:] == (0.0, 0.0):
            return image, _object_at(drawn[:2], image, extents)
        box = checked_box(drawn, image)
    except ValueError as error:
        raise RefusedError(str(error)) from error
    _check_inside(drawn, box, image)
    if np.allclose(drawn, box):
        return image, StartBox(box, "")
    x, y, w, h = box
    note = f"the box was cut to its part in the image, {w:g}x{h:g} px at ({x:g}, {y:g})"
    return image, StartBox(box, note)


def _object_at(point: tuple[float, float], image: Image, extents: ExtentFinder) -> StartBox:
    """Return the box of the object at a point.

    Raises:
        ValueError: The point is not inside the image, or the object is too small to track.
        RefusedError: Nothing was found there.
    """
    found = extents.box_around(image, point)
    if found is None:
        raise RefusedError(
            f"no object was found at ({point[0]:g}, {point[1]:g}): draw a box around the target"
        )
    x, y, w, h = found.box
    note = (
        f"the object at ({point[0]:g}, {point[1]:g}) has the box {w:.0f}x{h:.0f} px at "
        f"({x:.0f}, {y:.0f}), score {found.score:.2f}"
    )
    return StartBox(checked_box(found.box, image), note)


def _check_inside(drawn: Box, inside: Box, image: Image) -> None:
    """Refuse a box of which only a sliver is inside the image.

    Raises:
        RefusedError: Too little of it is inside.
    """
    share = inside[2] * inside[3] / (drawn[2] * drawn[3])
    if share < LEAST_INSIDE:
        height, width = image.shape[:2]
        raise RefusedError(
            f"only {100 * share:.0f} % of the box {drawn[2]:g}x{drawn[3]:g} px at "
            f"({drawn[0]:g}, {drawn[1]:g}) is inside the image of {width}x{height} px: "
            "draw the box around what is visible"
        )

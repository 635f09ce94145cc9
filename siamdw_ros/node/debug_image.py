"""What the tracker sees, for people: boxes, ids, scores and responses drawn on the image."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw import State
from siamdw_ros.siamdw.crops import Box, Image

if TYPE_CHECKING:
    from siamdw_ros.node.targets import FollowedTarget

Color = tuple[int, int, int]  # BGR
COLORS: dict[State, Color] = {  # of Okabe and Ito, which the colour-blind can tell apart
    State.IDLE: (178, 114, 0),
    State.TRACKED: (115, 158, 0),
    State.UNCERTAIN: (0, 159, 230),
    State.LOST: (0, 94, 213),
}
DARK, LIGHT = (25, 25, 25), (255, 255, 255)
FONT = cv2.FONT_HERSHEY_SIMPLEX
LINE = 480  # rows of the image for a pixel of line width, and for text of scale 0.5
INSET = 5  # the image is so many times as high as a response drawn on it


def draw(image: Image, targets: Iterable["FollowedTarget"], caption: str) -> Image:
    """Draw on a copy of the image.

    Args:
        image: H x W x 3, uint8, BGR.
        targets: their boxes in pixels of the image. One that is lost has a thin box, where it was
            last searched. Responses, where known, are at the bottom, in the targets' order.
        caption: one line at the top.
    """
    canvas, shown = image.copy(), list(targets)
    for target in shown:
        _draw_target(canvas, target)
    responses = [(t, getattr(t.state, "response", None)) for t in shown]
    _draw_responses(canvas, [(t, response) for t, response in responses if response is not None])
    _label(canvas, caption, (0, 0), DARK)
    return canvas


def _draw_target(canvas: Image, target: "FollowedTarget") -> None:
    result = target.result
    color, unit = COLORS[result.state], _unit(canvas)
    x, y, right, bottom = _corners(result.box, canvas)
    thickness = unit if result.state is State.LOST else 2 * unit
    cv2.rectangle(canvas, (x, y), (right, bottom), color, thickness)
    text = f"{target.id} {result.score:.2f} {result.state.name.lower()}"
    line = _line_height(canvas)
    _label(canvas, text, (x, max(y - line, line)), color)  # below the caption


def _draw_responses(
    canvas: Image, responses: Sequence[tuple["FollowedTarget", NDArray[np.float32]]]
) -> None:
    """Lay out responses from the bottom's left, as many as there is room for."""
    height, width = canvas.shape[:2]
    side, gap = height // INSET, 2 * _unit(canvas)
    room = width // (side + gap)
    if side == 0:
        return
    for place, (target, response) in enumerate(responses[:room]):
        x, y = place * (side + gap), height - side
        canvas[y:, x : x + side] = _heat(response, side)
        corner = (x + side - 1, height - 1)
        cv2.rectangle(canvas, (x, y), corner, COLORS[target.result.state], gap // 2)
        _label(canvas, target.id, (x, y - _line_height(canvas)), COLORS[target.result.state])


def _heat(response: NDArray[np.float32], side: int) -> Image:
    """Cells x cells logits -> side x side x 3, bright where the target is likely."""
    chance = 1 / (1 + np.exp(-np.clip(np.nan_to_num(response), -30, 30)))
    grey = np.round(255 * chance).astype(np.uint8)
    heat = cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.resize(heat, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)


def _label(canvas: Image, text: str, corner: tuple[int, int], color: Color) -> None:
    """Write on a bar whose top left corner is at `corner`, or where it is inside the image."""
    unit, scale = _unit(canvas), 0.5 * max(canvas.shape[0] / LINE, 0.7)
    (width, _), _ = cv2.getTextSize(text, FONT, scale, unit)
    bar = _line_height(canvas)
    x = max(min(corner[0], canvas.shape[1] - width - 2 * unit), 0)
    y = max(min(corner[1], canvas.shape[0] - bar), 0)
    cv2.rectangle(canvas, (x, y), (x + width + 2 * unit, y + bar), color, -1)
    place = (x + unit, y + round(0.75 * bar))
    cv2.putText(canvas, text, place, FONT, scale, LIGHT, unit, cv2.LINE_AA)


def _corners(box: Box, canvas: Image) -> list[int]:
    """The box's corners, rounded, no further than an image's size outside of it."""
    x, y, w, h = box
    height, width = canvas.shape[:2]
    limits = [width, height, width, height]
    corners = np.clip([x, y, x + w, y + h], np.negative(limits), np.multiply(limits, 2))
    return [int(value) for value in corners.round()]


def _unit(canvas: Image) -> int:
    return max(round(canvas.shape[0] / LINE), 1)


def _line_height(canvas: Image) -> int:
    return round(18 * max(canvas.shape[0] / LINE, 0.7))

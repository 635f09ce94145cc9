"""The debug image: boxes, ids, scores and responses drawn on the image."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.node.results import TargetResult
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.presence import State

Color = tuple[int, int, int]  # BGR
COLORS: dict[State, Color] = {  # Okabe and Ito's palette, distinct for colour-blind people too
    State.IDLE: (178, 114, 0),
    State.TRACKED: (115, 158, 0),
    State.UNCERTAIN: (0, 159, 230),
    State.LOST: (0, 94, 213),
}
DARK, LIGHT = (25, 25, 25), (255, 255, 255)
FONT = cv2.FONT_HERSHEY_SIMPLEX
LINE = 480  # height of an image with lines of one pixel and text of scale 0.5, pixels
INSET = 5  # height of the image divided by the height of a response that is drawn on it


def draw(image: Image, targets: Sequence[TargetResult], caption: str) -> Image:
    """Draw the targets on a copy of the image.

    A lost target has a thin box, where the search continues. The responses, where there are any,
    are at the bottom, in the order of the targets.

    Args:
        image: H x W x 3, uint8, BGR.
        targets: Boxes in pixels of the image.
        caption: Line at the top of the image.
    """
    canvas = image.copy()
    for target in targets:
        _draw_target(canvas, target)
    _draw_responses(canvas, [(t, t.response) for t in targets if t.response is not None])
    _label(canvas, caption, (0, 0), DARK)
    return canvas


def _draw_target(canvas: Image, target: TargetResult) -> None:
    color, unit = COLORS[target.state], _unit(canvas)
    x, y, right, bottom = _corners(target.box, canvas)
    thickness = unit if target.state is State.LOST else 2 * unit
    cv2.rectangle(canvas, (x, y), (right, bottom), color, thickness)
    text = f"{target.id} {target.score:.2f} {target.state.name.lower()}"
    line = _line_height(canvas)
    _label(canvas, text, (x, max(y - line, line)), color)  # below the caption


def _draw_responses(
    canvas: Image, responses: Sequence[tuple[TargetResult, NDArray[np.float32]]]
) -> None:
    """Draw responses from the bottom left, as many as fit."""
    height, width = canvas.shape[:2]
    side = height // INSET
    gap = 2 * _unit(canvas)
    room = width // (side + gap)
    if side == 0:
        return
    for place, (target, response) in enumerate(responses[:room]):
        x, y = place * (side + gap), height - side
        canvas[y:, x : x + side] = _heat(response, side)
        corner = (x + side - 1, height - 1)
        cv2.rectangle(canvas, (x, y), corner, COLORS[target.state], gap // 2)
        _label(canvas, target.id, (x, y - _line_height(canvas)), COLORS[target.state])


def _heat(response: NDArray[np.float32], side: int) -> Image:
    """Return a heat map of cells x cells logits: side x side x 3, bright where the target is."""
    chance = 1 / (1 + np.exp(-np.clip(np.nan_to_num(response), -30, 30)))
    grey = np.round(255 * chance).astype(np.uint8)
    heat = cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.resize(heat, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)


def _label(canvas: Image, text: str, corner: tuple[int, int], color: Color) -> None:
    """Write on a bar with its top-left corner at `corner`, moved so that it is in the image."""
    unit, scale = _unit(canvas), 0.5 * max(canvas.shape[0] / LINE, 0.7)
    (width, _), _ = cv2.getTextSize(text, FONT, scale, unit)
    bar = _line_height(canvas)
    x = max(min(corner[0], canvas.shape[1] - width - 2 * unit), 0)
    y = max(min(corner[1], canvas.shape[0] - bar), 0)
    cv2.rectangle(canvas, (x, y), (x + width + 2 * unit, y + bar), color, -1)
    place = (x + unit, y + round(0.75 * bar))
    cv2.putText(canvas, text, place, FONT, scale, LIGHT, unit, cv2.LINE_AA)


def _corners(box: Box, canvas: Image) -> list[int]:
    """Return the box's corners, rounded, at most one image size outside of the image."""
    x, y, w, h = box
    height, width = canvas.shape[:2]
    limits = [width, height, width, height]
    corners = np.clip([x, y, x + w, y + h], np.negative(limits), np.multiply(limits, 2))
    return [int(value) for value in corners.round()]


def _unit(canvas: Image) -> int:
    return max(round(canvas.shape[0] / LINE), 1)


def _line_height(canvas: Image) -> int:
    return round(18 * max(canvas.shape[0] / LINE, 0.7))

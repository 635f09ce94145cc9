"""Views of images through homographies, and images with alpha laid over others."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Image, Vector
from siamdw_ros.training.augment import Rng

Matrix = NDArray[np.float64]


def view_change(rng: Rng) -> Matrix:
    """Draw how a second view differs from the first: scale, aspect, shear and perspective."""
    scale, aspect = np.exp(rng.normal(0, 0.03)), np.exp(rng.normal(0, 0.04))
    view = np.diag([scale * aspect, scale / aspect, 1.0])
    view[0, 1] = rng.normal(0, 0.06)
    view[2, :2] = rng.normal(0, 0.0006, 2)
    return view


def camera(
    center: Vector, zoom: float, turn: float, offset: Vector, side: int, view: Matrix | None = None
) -> Matrix:
    """Make the homography that takes `center` of an image to `offset` from the window's middle.

    Args:
        center: x, y in the image.
        zoom: window pixels an image pixel.
        turn: radians.
        offset: x, y in window pixels.
        side: of the window.
        view: applied between turning and moving, about the target's centre.
    """
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    rotate = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    x, y = offset + side / 2 - 0.5
    u, v = center - 0.5
    to_middle = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    from_center = np.array([[1, 0, -u], [0, 1, -v], [0, 0, 1]])
    homography: Matrix = to_middle @ (np.eye(3) if view is None else view) @ rotate @ from_center
    return homography


def warp(image: Image, homography: Matrix, side: int, fill: Vector) -> Image:
    """Warp an image by a homography: side x side x 3."""
    size, color = (side, side), fill.tolist()
    return np.asarray(cv2.warpPerspective(image, homography, size, borderValue=color), np.uint8)


def paste(canvas: Image, pasted: Image, homography: Matrix) -> None:
    """Warp a BGRA image onto a canvas, in place."""
    height, width = pasted.shape[:2]
    corners = homography @ np.array([[-1, width, width, -1], [-1, -1, height, height], [1.0] * 4])
    x, y = corners[:2] / corners[2]
    left, top = max(0, math.floor(x.min())), max(0, math.floor(y.min()))
    seen = canvas[top : max(0, math.ceil(y.max()) + 1), left : max(0, math.ceil(x.max()) + 1)]
    if not seen.size:
        return
    to_seen = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    warped = cv2.warpPerspective(pasted, to_seen @ homography, seen.shape[1::-1])
    alpha = warped[..., 3:].astype(np.uint16)
    seen[:] = ((warped[..., :3] * alpha + seen * (255 - alpha)) // 255).astype(np.uint8)

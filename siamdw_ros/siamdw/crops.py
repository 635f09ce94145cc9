"""Template and search windows: square views of an image, with context, resized for the network.

Boxes are (x, y, w, h) in float pixels, 0-based, x and y of the top-left corner; pixel i covers
[i, i + 1), so that the centre of a box is (x + w/2, y + h/2). Images are H x W x 3 uint8, BGR.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]
Vector = NDArray[np.float64]

CONTEXT = 0.5  # share of (w + h) / 2 added on each side of the box (SiamFC, section 2.2)


def context_side(size: Vector) -> float:
    """Return the side of the square around a box of `size` (w, h) and its context, in pixels."""
    width, height = size + CONTEXT * size.sum()
    return float(np.sqrt(width * height))


def mean_color(image: Image) -> Vector:
    """Return the mean BGR colour: it fills search windows outside of the image."""
    return np.array(cv2.mean(image)[:3])


def crop_window(
    image: Image, center: Vector, side: float, out: int, fill: Vector | None = None
) -> Image:
    """Cut a square window, exactly centred, and resize it bilinearly.

    Args:
        image: H x W x 3, uint8.
        center: x, y in image pixels; need not lie on a pixel.
        side: of the window in image pixels.
        out: side of the result in pixels.
        fill: colour for what lies outside the image; None: its border pixels are repeated there.

    Returns:
        out x out x 3, uint8.
    """
    step = side / out
    # Maps the centre of output pixel j, at j + 0.5, to image coordinates, then to pixel indices.
    origin = center - side / 2 + step / 2 - 0.5
    affine = np.array([[step, 0, origin[0]], [0, step, origin[1]]])
    window = cv2.warpAffine(
        image,
        affine,
        (out, out),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT,
        borderValue=(0,) if fill is None else fill.tolist(),
    )
    return np.asarray(window, np.uint8)


class Windows(NamedTuple):
    """N square windows of images.

    Attributes:
        centers: N x 2, (x, y) in image pixels.
        sides: N, in image pixels.
        fills: N x 3, BGR colour outside of the image.
    """

    centers: Vector
    sides: Vector
    fills: Vector

    def numbers(self) -> NDArray[np.float32]:
        """Return everything in one array, N x 6: centre x, y, side, fill."""
        return np.column_stack([self.centers, self.sides, self.fills]).astype(np.float32)

    def cut(self, images: Sequence[Image], out: int) -> Image:
        """Cut the windows, see :func:`crop_window`: N x out x out x 3, uint8.

        Args:
            images: one per window, or one for the same number of consecutive windows each.
            out: side of the results in pixels.
        """
        each = len(self.sides) // len(images)
        repeated = [image for image in images for _ in range(each)]
        windows = zip(repeated, self.centers, self.sides, self.fills, strict=True)
        return np.stack(
            [crop_window(image, c, side, out, fill) for image, c, side, fill in windows]
        )


def round_half_away(value: float) -> float:
    """Round as SiamRPN's release does: 0.5 -> 1, 2.5 -> 3, where `round` gives 0 and 2."""
    return float(np.floor(value + 0.5)) if value >= 0 else float(np.ceil(value - 0.5))


def published_window(image: Image, center: Vector, side: float, out: int, fill: Vector) -> Image:
    """Cut a window as the authors' release does: whole pixels, then resized. See `crop_window`.

    The window's middle lies half a pixel above and left of `center`; template and search region
    share that bias.
    """
    side = int(side)
    left, top = (round(float(c) - (side + 1) / 2) for c in center)
    inside = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    window = np.empty((side, side, 3), np.uint8)
    window[:] = fill.astype(np.uint8)
    rows = slice(max(-top, 0), max(-top, 0) + inside.shape[0])
    columns = slice(max(-left, 0), max(-left, 0) + inside.shape[1])
    window[rows, columns] = inside
    return window if side == out else np.asarray(cv2.resize(window, (out, out)), np.uint8)


def published_pyramid(
    image: Image, center: Vector, sides: Sequence[float], out: int, fill: Vector
) -> Image:
    """Cut all scales as the authors' release does, out of one window: S x out x out x 3, uint8.

    The largest scale is cut and resized once, the others are cut from the result and resized
    again, all but the smallest.
    """
    rounded = [round(side) for side in sides]
    zoom = out / min(rounded)
    largest = round(zoom * max(rounded))
    outer = published_window(image, center, max(rounded), largest, fill)
    middle = np.full(2, (1 + largest) / 2)
    return np.stack(
        [published_window(outer, middle, round(zoom * side), out, fill) for side in rounded]
    )

"""Motion of the camera between two images, and windows that cover a whole image.

SiamDW itself searches only around the last position. The camera of a drone turns further than that
between two images, and a target re-appears elsewhere than where it disappeared.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Image, Vector

VIEW_WIDTH = 160  # pixels of the small images on which camera motion is measured
MIN_AGREEMENT = 0.1  # response of the phase correlation below which two views are unrelated

View = NDArray[np.float32]


class LazyView:
    """The small grey view of an image, computed only if it is needed.

    Most images never need one: it costs 0.8 ms for VGA and 3.3 ms for 1080p.

    Args:
        image: H x W x 3, uint8, BGR; kept until the view is computed.
    """

    def __init__(self, image: Image) -> None:
        self._image: Image | None = image
        self._view: View | None = None

    def get(self) -> View:
        """Return the view; see :func:`small_view`."""
        if self._view is None:
            assert self._image is not None
            self._view = small_view(self._image)
            self._image = None
        return self._view


def small_view(image: Image) -> View:
    """Shrink an image to 160 px and grey: H x W x 3 uint8 -> h x 160 float32."""
    height = max(8, round(VIEW_WIDTH * image.shape[0] / image.shape[1]))
    small = cv2.resize(image, (VIEW_WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)


def camera_shift(before: View, after: View, image_width: int) -> Vector:
    """Measure how far the scene moved from one image to the next, by phase correlation.

    Args:
        before: the earlier view, see :func:`small_view`.
        after: the later one.
        image_width: of the image itself, in pixels.

    Returns:
        (x, y) in image pixels; zero where the views differ in size or are unrelated.
    """
    if before.shape != after.shape:
        return np.zeros(2)
    hann = cv2.createHanningWindow((after.shape[1], after.shape[0]), cv2.CV_32F)
    shift, agreement = cv2.phaseCorrelate(before, after, hann)
    zoom = image_width / after.shape[1]
    return np.array(shift) * zoom if agreement > MIN_AGREEMENT else np.zeros(2)


def tile_centers(image: Image, reach: float, start: Vector) -> NDArray[np.float64]:
    """Return centres of windows that together cover the image, the nearest first.

    Args:
        image: H x W x 3.
        reach: side of the square, in image pixels, in which one window finds centres of targets.
        start: (x, y), where the target was last seen.

    Returns:
        N x 2, in image pixels.
    """
    axes = []
    for side in (image.shape[1], image.shape[0]):
        count = max(1, int(np.ceil(side / reach)))
        axes.append((np.arange(count) + 0.5) * side / count)
    columns, rows = axes
    centers = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    distances = np.hypot(*(centers - start).T)
    return centers[np.argsort(distances, kind="stable")]

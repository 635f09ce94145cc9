"""Where to look for a target that is not where it was expected.

SiamDW itself looks only around the last place. A drone's camera turns further than that between
two images, and a target comes back elsewhere than where it went.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Image, Vector

VIEW_WIDTH = 160  # pixels of the small pictures that camera motion is measured on
TRUSTED = 0.1  # of phase correlation's response: below, two views have too little in common

View = NDArray[np.float32]


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
        (x, y) in image pixels; zero where the views differ in size or have little in common.
    """
    if before.shape != after.shape:
        return np.zeros(2)
    hann = cv2.createHanningWindow((after.shape[1], after.shape[0]), cv2.CV_32F)
    shift, agreement = cv2.phaseCorrelate(before, after, hann)
    zoom = image_width / after.shape[1]
    return np.array(shift) * zoom if agreement > TRUSTED else np.zeros(2)


def tile_centers(image: Image, reach: float, start: Vector) -> NDArray[np.float64]:
    """Centres of windows that together find a target anywhere in the image, the nearest first.

    Args:
        image: H x W x 3.
        reach: side of the square, in image pixels, in which one window finds centres of targets.
        start: (x, y), where the target was last seen.

    Returns:
        N x 2, in image pixels.
    """
    columns, rows = (
        (np.arange(count) + 0.5) * side / count
        for side in image.shape[1::-1]
        for count in [max(1, int(np.ceil(side / reach)))]
    )
    centers = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    return centers[np.argsort(np.hypot(*(centers - start).T), kind="stable")]

"""Find the box of the object at a point: what a user selects who taps on an image.

Square windows of several sizes are cut around the point. A network of its own predicts from each
window how far the object's four sides are from the point, and how well that box will fit. Boxes
that agree are averaged, and the one with the highest score is chosen.

The network was trained by `python -m siamdw_ros.tools.train_extents`; it is class-agnostic.
"""

import math
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw.backends import window_features
from siamdw_ros.siamdw.crops import Box, Image, crop_window
from siamdw_ros.siamdw.extent_network import (
    MIRRORED,
    NO_WINDOW,
    ExtentNetwork,
    Predictions,
    WindowFeatures,
    load_extent_network,
    mean_of,
    overlap_of_distances,
)
from siamdw_ros.siamdw.runtime import choose_device, fold_batch_norms

WEIGHTS = "extent_res22.pt"
WINDOW = 127  # pixels, the side to which windows are resized
PER_OCTAVE = 2  # sizes of windows per doubling of the side
SIDES = tuple(20.0 * 2 ** (step / PER_OCTAVE) for step in range(11))  # sides in image pixels
MIN_SCORE = 0.1
AGREEING = 0.5  # overlap of boxes that are averaged
MIN_CONTRAST = 2.0  # standard deviation of a box with its surroundings, of 255


class Extent(NamedTuple):
    """An object's box and its score.

    Attributes:
        box: (x, y, w, h) in pixels of the image, cut at its borders.
        score: Estimated overlap of the box with the object, from 0 to 1.
    """

    box: Box
    score: float


class ExtentFinder:
    """Finds the box of the object at a point. It keeps nothing of images.

    Args:
        network: in evaluation mode.
        device: where it runs.
        backend: what computes the features of windows, one of
            :data:`~siamdw_ros.siamdw.backends.BACKENDS`.

    Attributes:
        features: computes the features of windows.

    Raises:
        ValueError: the backend does not work here.
    """

    def __init__(
        self, network: ExtentNetwork, device: torch.device, backend: str = "torch"
    ) -> None:
        self.network = network.to(device)
        self.device = device
        self.features = window_features(WindowFeatures(network.backbone), device, backend)

    def box_around(self, image: Image, point: tuple[float, float]) -> Extent | None:
        """Find the object that covers a point.

        Args:
            image: H x W x 3, uint8, BGR.
            point: x, y in pixels of the image, 0-based.

        Returns:
            Its box, or None where no size fits any object.

        Raises:
            ValueError: the point is not inside the image.
        """
        height, width = image.shape[:2]
        x, y = point
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(
                f"point ({x:g}, {y:g}): must be inside the image of {width}x{height} px"
            )
        found = self._best(image, point)
        if found.score < MIN_SCORE or not has_contrast(image, found.box):
            return None
        return found

    def warm_up(self) -> None:
        """Run once, so that the first tap does not wait for libraries to set themselves up."""
        self._predict(np.zeros((len(SIDES), WINDOW, WINDOW, 3), np.uint8))

    def _best(self, image: Image, point: tuple[float, float]) -> Extent:
        """Choose among the boxes that the windows predict."""
        scores, shares = self._predict(window_pyramid(image, point, SIDES))
        distances, score = choose_box(scores, shares * torch.tensor(SIDES)[:, None])
        return Extent(box_of_distances(point, distances.numpy(), image), score)

    @torch.inference_mode()
    def _predict(self, windows: Image) -> Predictions:
        """Average the predictions for windows and for their mirror images.

        Args:
            windows: of :data:`SIDES`, 11 x 127 x 127 x 3.
        """
        smaller, larger = (side.to(self.device) for side in _neighbours(len(windows)))
        (features,) = self.features(np.concatenate((windows, windows[:, :, ::-1])))
        as_seen, mirrored = features.chunk(2)
        plain = self.network.predict(as_seen, smaller, larger)
        turned = self.network.predict(mirrored, smaller, larger)
        turned = turned._replace(distances=turned.distances[:, MIRRORED])
        scores, distances = mean_of([plain, turned])
        return Predictions(scores.cpu(), distances.cpu())


def create_extent_finder(
    device: str = "cpu", *, backend: str = "auto", weights: Path | None = None
) -> ExtentFinder:
    """Load a network.

    Args:
        device: `cpu`, `cuda`, `cuda:1`, or `auto` for a GPU where there is one.
        backend: see :class:`ExtentFinder`; `auto` is OpenVINO on a CPU where it is installed.
        weights: file of :mod:`siamdw_ros.tools.train_extents`. None: the bundled one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or there is no such device or backend.
    """
    network = load_extent_network(weights or bundled_extents())
    folded = fold_batch_norms(network)
    folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ExtentFinder(folded, choose_device(device), backend)


def bundled_extents() -> Path:
    """Return the file of the network that comes with the package."""
    return Path(str(resources.files("siamdw_ros") / "weights" / WEIGHTS))


def choose_box(scores: Tensor, distances: Tensor) -> tuple[Tensor, float]:
    """Choose among boxes around one point, and average those that agree with the chosen one.

    Neighbouring windows show the same object and err in different ways: the average of their boxes
    is better than each, and a box that no other window supports is rarely right.

    Args:
        scores: N, logits.
        distances: N x 4, from the point to the left, upper, right and lower side, in pixels.

    Returns:
        The distances of the chosen box, and its score from 0 to 1.
    """
    chances = scores.softmax(0)
    agreement = overlap_of_distances(distances[:, None], distances[None])
    weights = torch.where(agreement > AGREEING, agreement * chances, 0)
    averages = weights @ distances / weights.sum(1, keepdim=True)
    support = overlap_of_distances(averages[:, None], distances[None]) @ chances
    own = scores.sigmoid()
    best = int((own + support).argmax())
    return averages[best], float(own[best])


def _neighbours(count: int) -> tuple[Tensor, Tensor]:
    """Return for each window of a pyramid the indices of those of half and of twice its side."""
    index = torch.arange(count)
    smaller, larger = index - PER_OCTAVE, index + PER_OCTAVE
    return smaller.where(smaller >= 0, NO_WINDOW), larger.where(larger < count, NO_WINDOW)


def window_pyramid(image: Image, point: tuple[float, float], sides: Sequence[float]) -> Image:
    """Cut square windows around a point and resize them: B x 127 x 127 x 3, uint8.

    The image's border pixels are repeated outside of it.

    Args:
        image: H x W x 3, uint8, BGR.
        point: centre of the windows, x, y in pixels of the image.
        sides: of the windows in pixels of the image.
    """
    return np.stack([_window(image, point, side) for side in sides])


def _window(image: Image, point: tuple[float, float], side: float) -> Image:
    """Cut one window; a large one from an image that was shrunk, so that nothing aliases."""
    factor = 1
    if side >= 2 * WINDOW:
        factor = 2 ** min(int(math.log2(side / WINDOW)), 3)
        height, width = image.shape[:2]
        size = (max(width // factor, 1), max(height // factor, 1))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return crop_window(image, np.array(point) / factor, side / factor, WINDOW)


def box_of_distances(
    point: tuple[float, float], distances: NDArray[np.floating], image: Image
) -> Box:
    """Return the box whose sides have these distances from a point, cut at the image's borders.

    Args:
        point: x, y.
        distances: to the left, upper, right and lower side, in pixels.
        image: that the box is in.
    """
    height, width = image.shape[:2]
    left, top = (max(c - d, 0.0) for c, d in zip(point, distances[:2].tolist(), strict=True))
    right = min(point[0] + float(distances[2]), width)
    bottom = min(point[1] + float(distances[3]), height)
    return left, top, right - left, bottom - top


def has_contrast(image: Image, box: Box) -> bool:
    """Return whether a box and its surroundings have contrast: a uniform area has no object."""
    x, y, w, h = box
    top, left = max(int(y - h / 2), 0), max(int(x - w / 2), 0)
    around = image[top : math.ceil(y + 1.5 * h), left : math.ceil(x + 1.5 * w)]
    return float(around.std(axis=(0, 1)).max()) >= MIN_CONTRAST

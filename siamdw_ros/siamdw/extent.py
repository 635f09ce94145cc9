"""Find the box of the object at a point: what a user selects who taps on an image.

Square windows of several sizes are cut around the point. A small head on the features of the
bundled CIResNet-22 predicts from each window how far the object's four sides are from the point,
and how well the object's size fits the window: it should be half as large. The window that fits
best decides.

The head was trained by `python -m siamdw_ros.training.extents`; it is class-agnostic.
"""

import math
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from siamdw_ros.siamdw.bundled import bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.runtime import choose_device, fold_batch_norms

NETWORK = "siamfc_res22"  # whose bundled weights the head was trained on
HEAD_FILE = "extent_res22.pt"
WINDOW = 127  # pixels, the side to which windows are resized
CELLS = 5  # a side, of a window's features
SIDES = tuple(20.0 * 2 ** (step / 2) for step in range(10))  # of the windows, in image pixels
SIZE_IN_WINDOW = 0.5  # sqrt(width * height) of the object, as share of the window's side
LOG_DISTANCES = (-4.0, 3.0)  # limits of what the head predicts
MIN_SCORE = 0.1
MIN_CONTRAST = 2.0  # standard deviation of a box with its surroundings, of 255


class Extent(NamedTuple):
    """An object's box and how sure the finder is of it.

    box: (x, y, w, h) in pixels of the image, cut at its borders. score: from 0 to 1.
    """

    box: Box
    score: float


class Predictions(NamedTuple):
    """What the head says of B windows.

    scores: B, logits: 1 after a sigmoid if the object has the size that fits the window, towards 0
    if it is smaller or larger. distances: B x 4, from
    the window's centre to the left, upper, right and lower side of the object, as shares of the
    window's side.
    """

    scores: Tensor
    distances: Tensor


class ExtentHead(nn.Module):
    """Predicts the box of the object in the middle of a window from its features.

    Args:
        channels: of the backbone's features.
        width: channels of the neck.
        hidden: units of the layer behind it.
        dropout: in training.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, channels: int = 512, width: int = 48, hidden: int = 192, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, channels, 1, 1))
        self.neck = nn.Sequential(nn.Conv2d(channels, width, 1), nn.ReLU())
        self.hidden = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(width * CELLS**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.out = nn.Linear(hidden, 5)

    def forward(self, features: Tensor) -> Predictions:
        """Predict from features, B x channels x 5 x 5."""
        normed = (features - self.mean) / self.deviation
        out = self.out(self.hidden(self.neck(normed)))
        distances = out[:, 1:].clamp(*LOG_DISTANCES).exp() * SIZE_IN_WINDOW / 2
        return Predictions(out[:, 0], distances)


class ExtentFinder:
    """Finds the box of the object at a point. It keeps nothing of images.

    Args:
        backbone: of the bundled network, in evaluation mode.
        head: trained on its features.
        device: where both run.
    """

    def __init__(self, backbone: nn.Module, head: ExtentHead, device: torch.device) -> None:
        self.backbone = backbone.to(device)
        self.head = head.to(device)
        self.device = device

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
        """Find the box that the window of the best size predicts."""
        predictions = self._predict(window_pyramid(image, point, SIDES))
        best = int(predictions.scores.argmax())
        distances = predictions.distances[best].numpy() * SIDES[best]
        score = float(torch.sigmoid(predictions.scores[best]))
        return Extent(box_of_distances(point, distances, image), score)

    @torch.inference_mode()
    def _predict(self, windows: Image) -> Predictions:
        """Run backbone and head on windows, B x 127 x 127 x 3."""
        crops = torch.from_numpy(windows).to(self.device).permute(0, 3, 1, 2).float()
        scores, distances = self.head(self.backbone(crops))
        return Predictions(scores.cpu(), distances.cpu())


def create_extent_finder(device: str = "cpu") -> ExtentFinder:
    """Load the bundled network and head.

    Args:
        device: `cpu`, `cuda`, `cuda:1`, or `auto` for a GPU where there is one.

    Raises:
        CheckpointError: a bundled file is missing or damaged.
        ValueError: there is no such device.
    """
    network = load_network(NETWORK, bundled_checkpoint(NETWORK)).eval().requires_grad_(False)
    head = ExtentHead()
    path = str(resources.files("siamdw_ros") / "weights" / HEAD_FILE)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    head.load_state_dict({name: value.float() for name, value in weights.items()})
    head.eval().requires_grad_(False)
    return ExtentFinder(fold_batch_norms(network).backbone, head, choose_device(device))


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
    x, y = point
    step = side / WINDOW
    if step >= 2:
        factor = 2 ** min(int(math.log2(step)), 3)
        height, width = image.shape[:2]
        size = (max(width // factor, 1), max(height // factor, 1))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        x, y, step = x / factor, y / factor, step / factor
    shift = (step - step * WINDOW) / 2 - 0.5  # from the centre to the first pixel's index
    affine = np.array([[step, 0, x + shift], [0, step, y + shift]])
    window = cv2.warpAffine(
        image,
        affine,
        (WINDOW, WINDOW),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(window, np.uint8)


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
    """Whether anything can be told apart in a box and around it."""
    x, y, w, h = box
    top, left = max(int(y - h / 2), 0), max(int(x - w / 2), 0)
    around = image[top : math.ceil(y + 1.5 * h), left : math.ceil(x + 1.5 * w)]
    return float(around.std(axis=(0, 1)).max()) >= MIN_CONTRAST

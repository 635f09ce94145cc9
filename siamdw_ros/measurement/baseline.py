"""The published trackers, written down straightforwardly: what speed-ups are measured against.

As the authors' release computes (researchmm/SiamDW, `tracker/siamfc.py`, `siamrpn.py`): float32,
one search crop after the other, padded networks (:mod:`published_network`), and for SiamRPN+ the
template's kernels anew for each image. The same boxes as our trackers with `parity=True`: a test
holds them to that.
"""

from abc import ABC, abstractmethod

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from siamdw_ros.measurement.baseline_network import PaddedResNet
from siamdw_ros.siamdw.backbones import ResNet
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.networks import BoxNetwork, Network, SiamFCNetwork, SiamRPNNetwork
from siamdw_ros.siamdw.presence import State, TrackResult

EXEMPLAR, INSTANCE, STRIDE, SCORE, CONTEXT = 127, 255, 8, 17, 0.5
MIN_SIDE = 10.0

Floats = NDArray[np.floating]


def subwindow(image: Image, center: Floats, out: int, side: int, fill: Floats) -> Image:
    """Cut a square of `side` pixels around a centre (x, y) and resize it; pad with a colour."""
    middle = (side + 1) / 2
    left, top = (round(float(coordinate) - middle) for coordinate in center)
    right, bottom = left + side - 1, top + side - 1
    before = max(0, -left), max(0, -top)
    after = max(0, right - image.shape[1] + 1), max(0, bottom - image.shape[0] + 1)
    if any((*before, *after)):
        height, width = image.shape[:2]
        padded = np.empty(
            (height + before[1] + after[1], width + before[0] + after[0], 3), np.uint8
        )
        padded[:] = fill.astype(np.uint8)
        padded[before[1] : before[1] + height, before[0] : before[0] + width] = image
        image = padded
    left, top = left + before[0], top + before[1]
    window = image[top : top + side, left : left + side]
    return window if side == out else np.asarray(cv2.resize(window, (out, out)), np.uint8)


def to_tensor(window: Image, device: torch.device) -> Tensor:
    """H x W x 3 uint8 -> 1 x 3 x H x W float32."""
    planes = torch.from_numpy(np.ascontiguousarray(window.transpose(2, 0, 1)))
    return planes.float().unsqueeze(0).to(device)


class Published(ABC):
    """Common base of both trackers: state as plain numbers, `init` and `track`.

    Args:
        network: of a ResNet22, with its weights; it is not changed.
        device: where to run.
    """

    def __init__(self, network: Network, device: torch.device) -> None:
        if not isinstance(network.backbone, ResNet):
            raise ValueError(f"the baseline knows ResNets only, not {network.name}")
        self.device = device
        self.backbone = PaddedResNet(network.backbone).to(device)

    def init(self, image: Image, box: Box) -> None:
        """Start to follow a box (x, y, w, h) of an image, H x W x 3 uint8 BGR."""
        x, y, w, h = box
        self.center, self.size = np.array([x + w / 2, y + h / 2]), np.array([w, h], float)
        self.fill = image.mean(axis=(0, 1))
        self.learn(image)

    def track(self, image: Image) -> TrackResult:
        """Find the target in the next image. The release has no score: it is always 1."""
        self.follow(image)
        height, width = image.shape[:2]
        self.center = np.clip(self.center, 0, (width, height))
        self.size = np.clip(self.size, MIN_SIDE, (width, height))
        x, y = np.maximum(self.center - self.size / 2, 0)
        box = float(x), float(y), float(self.size[0]), float(self.size[1])
        return TrackResult(box, 1.0, State.TRACKED)

    @abstractmethod
    def learn(self, image: Image) -> None:
        """Compute the template's features."""

    @abstractmethod
    def follow(self, image: Image) -> None:
        """Move centre and size to where the target is now."""

    def context(self) -> float:
        """Side of the square around the target and its context, in image pixels."""
        return float(np.sqrt(np.prod(self.size + CONTEXT * self.size.sum())))

    def window(self, image: Image, side: int, out: int) -> Tensor:
        """Features' input around the target: 1 x 3 x out x out."""
        return to_tensor(subwindow(image, self.center, out, side, self.fill), self.device)


class PublishedSiamFC(Published):
    """SiamFC+ of the release, with its default numbers."""

    scale_step, scale_penalty, scale_rate, influence, upsampling = 1.0375, 0.9745, 0.59, 0.35, 16

    def __init__(self, network: SiamFCNetwork, device: torch.device) -> None:
        super().__init__(network, device)
        self.head = network.head.eval().requires_grad_(False).to(device)

    def learn(self, image: Image) -> None:
        """See the base class."""
        side = round(self.context())
        self.template = self.backbone(self.window(image, side, EXEMPLAR))
        self.search_side = side * INSTANCE / EXEMPLAR
        self.limits = 0.2 * self.search_side, 5 * self.search_side
        self.scales = self.scale_step ** np.arange(-1.0, 2.0)
        hann = np.hanning(SCORE * self.upsampling)
        self.cosine = np.outer(hann, hann) / np.outer(hann, hann).sum()

    @torch.no_grad()
    def follow(self, image: Image) -> None:
        """See the base class."""
        features = self.backbone(torch.cat(self.pyramid(image)))
        maps = self.head.scale(F.conv2d(features, self.template))[:, 0].cpu().numpy()
        side = SCORE * self.upsampling
        upsampled = np.stack(
            [cv2.resize(m, (side, side), interpolation=cv2.INTER_CUBIC) for m in maps]
        )
        best = int(
            np.argmax(upsampled.max(axis=(1, 2)) * (self.scale_penalty, 1, self.scale_penalty))
        )
        response = upsampled[best] - upsampled[best].min()
        response /= response.sum()
        response = (1 - self.influence) * response + self.influence * self.cosine
        row, column = np.unravel_index(response.argmax(), response.shape)
        moved = (np.array([column, row]) - np.ceil(side / 2)) * STRIDE / self.upsampling
        self.center = self.center + moved * self.search_side / INSTANCE
        growth = (1 - self.scale_rate) + self.scale_rate * self.scales[best]
        self.search_side = float(np.clip(self.search_side * growth, *self.limits))
        self.size = self.size * growth

    def pyramid(self, image: Image) -> list[Tensor]:
        """Three crops, one after the other: of the widest, which is cut and resized first."""
        sides = [round(side) for side in self.search_side * self.scales]
        zoom = INSTANCE / sides[0]
        widest = round(zoom * sides[-1])
        outer = subwindow(image, self.center, widest, sides[-1], self.fill)
        middle = np.full(2, (1 + widest) / 2)
        return [
            to_tensor(
                subwindow(outer, middle, INSTANCE, round(zoom * side), self.fill),
                self.device,
            )
            for side in sides
        ]


class PublishedSiamRPN(Published):
    """SiamRPN+ of the release, with its default numbers."""

    penalty_k, influence, rate = 0.055, 0.42, 0.295
    anchor_sides = ((104, 32), (88, 40), (64, 64), (40, 80), (32, 96))

    def __init__(self, network: SiamRPNNetwork, device: torch.device) -> None:
        super().__init__(network, device)
        self.head = network.head.eval().requires_grad_(False).to(device)

    def learn(self, image: Image) -> None:
        """See the base class."""
        self.template = self.backbone(self.window(image, half_up(self.context()), EXEMPLAR))
        self.cosine = np.outer(np.hanning(SCORE), np.hanning(SCORE))

    @torch.no_grad()
    def follow(self, image: Image) -> None:
        """See the base class."""
        zoom = EXEMPLAR / self.context()
        side = half_up(self.context() + (INSTANCE - EXEMPLAR) / zoom)
        features = self.backbone(self.window(image, side, INSTANCE))
        # The release asks the head for the template's kernels in every image.
        logits, offsets = self.head(self.head.kernels(self.template), features)
        scores = self.head.probabilities(logits)[0].cpu().numpy()
        boxes = self.decode(offsets[0].reshape(4, 5, SCORE, SCORE).cpu().numpy())
        size = self.size * zoom
        resized = change(equivalent(boxes[2], boxes[3]) / equivalent(*size))
        penalty = np.exp(
            -(change(size[0] / size[1] / (boxes[2] / boxes[3])) * resized - 1) * self.penalty_k
        )
        ranked = penalty * scores * (1 - self.influence) + self.cosine * self.influence
        best = np.unravel_index(ranked.argmax(), ranked.shape)
        rate = penalty[best] * scores[best] * self.rate
        dx, dy, w, h = (float(part[best]) / zoom for part in boxes)
        self.center = self.center + (dx, dy)
        self.size = self.size * (1 - rate) + np.array([w, h]) * rate

    def decode(self, offsets: Floats) -> Floats:
        """4 x 5 x 17 x 17 offsets -> boxes from the middle of the search region, in its pixels."""
        widths, heights = (side[:, None, None] for side in np.array(self.anchor_sides, float).T)
        places = (np.arange(SCORE) - SCORE // 2) * STRIDE
        dx, dy, dw, dh = offsets
        return np.stack(
            [
                dx * widths + places[None, None, :],
                dy * heights + places[None, :, None],
                np.exp(dw) * widths,
                np.exp(dh) * heights,
            ]
        )


def half_up(value: float) -> int:
    """Round a positive number, a half upwards."""
    return int(np.floor(value + 0.5))


def change(ratio: Floats) -> Floats:
    """How far a ratio is from 1, in either direction."""
    return np.maximum(ratio, 1 / ratio)


def equivalent(width: Floats, height: Floats) -> Floats:
    """Side of the square window around a box with its context."""
    padding = (width + height) / 2
    return np.sqrt((width + padding) * (height + padding))


def published_tracker(network: Network, device: torch.device) -> Published:
    """The baseline for a network: SiamFC+ or SiamRPN+ with ResNet22.

    Raises:
        ValueError: it has another backbone, or is not published.
    """
    if isinstance(network, BoxNetwork):
        raise ValueError(f"{network.name} is not published: there is no baseline for it")
    if isinstance(network, SiamRPNNetwork):
        return PublishedSiamRPN(network, device)
    return PublishedSiamFC(network, device)

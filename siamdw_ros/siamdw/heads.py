"""Heads: they compare a template with search features. Correlations of both kinds, anchors."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

CORRELATION_SCALE = 0.1  # keeps the logits of SiamFC+ in range; from the authors' release
ANCHOR_RATIOS = (0.33, 0.5, 1.0, 2.0, 3.0)  # height / width
ANCHOR_SIDE = 64  # square root of an anchor's area, in pixels of the search region


def correlate(templates: Tensor, searches: Tensor) -> Tensor:
    """Slide each template over its own search features (SiamFC, equation 2).

    Args:
        templates: T x C x h x w, one per target.
        searches: T*S x C x H x W, S consecutive ones per target (its scales).

    Returns:
        T*S x 1 x H-h+1 x W-w+1.
    """
    targets = templates.shape[0]
    scales = searches.shape[0] // targets
    if targets == 1:
        return F.conv2d(searches, templates)
    grouped = searches.view(targets, scales, *searches.shape[1:]).transpose(0, 1).flatten(1, 2)
    responses = F.conv2d(grouped, templates, groups=targets)  # S x T x h x w
    return responses.transpose(0, 1).flatten(0, 1).unsqueeze(1)


class LearnedScale(nn.Module):
    """weight * x + bias, both one number; shaped like the 1x1 convolution of the first release."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, 1, 1, 1), CORRELATION_SCALE))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift a tensor of any shape."""
        return x * self.weight.view(()) + self.bias


class SiamFCHead(nn.Module):
    """Cross-correlation, scaled: response = 0.1 * correlation, or weight * correlation + bias.

    Args:
        learned_scale: scale and bias are learned (`loc_adjust` of the authors' first release, and
            of this project's own checkpoints) instead of the constant 0.1.
    """

    def __init__(self, *, learned_scale: bool = False) -> None:
        super().__init__()
        self.loc_adjust = LearnedScale() if learned_scale else None

    def forward(self, templates: Tensor, searches: Tensor) -> Tensor:
        """T x C x h x w and T*S x C x H x W features -> T*S x 1 x H-h+1 x W-w+1 logits."""
        return self.scale(correlate(templates, searches))

    def compare(self, kernels: Tensor, searches: Tensor) -> Tensor:
        """Compare K templates of each of T targets with the target's one search region.

        Args:
            kernels: T x K x C x h x w.
            searches: T x C x H x W.

        Returns:
            T x K x H-h+1 x W-w+1 logits.
        """
        return self.scale(correlate_shifted(kernels, searches))

    def scale(self, correlation: Tensor) -> Tensor:
        """Turn a correlation of any shape into logits."""
        if self.loc_adjust is None:
            return CORRELATION_SCALE * correlation
        scaled: Tensor = self.loc_adjust(correlation)
        return scaled


class Kernels(NamedTuple):
    """Kernels of T templates, computed by :meth:`SiamRPNHead.kernels`.

    Attributes:
        cls: T*classes x width x 3 x 3, for the scores of the anchors.
        reg: T*4*anchors x width x 3 x 3, for their corrections.
    """

    cls: Tensor
    reg: Tensor


class SiamRPNHead(nn.Module):
    """Up-channel correlation of a region proposal network (SiamRPN, section 3.2; SiamDW's sizes).

    Args:
        channels: of the backbone's features.
        thicker: 512 channels and softmax over two classes, as in the authors' training
            configuration; otherwise 256 channels and a sigmoid, as in their released checkpoint.
        anchors: number of anchors per cell of the response.
    """

    def __init__(
        self, channels: int = 512, *, thicker: bool = False, anchors: int = len(ANCHOR_RATIOS)
    ) -> None:
        super().__init__()
        self.thicker = thicker
        self.anchors = anchors
        self.width = 512 if thicker else 256
        classes = anchors * (2 if thicker else 1)
        self.template_cls = nn.Conv2d(channels, self.width * classes, 3)
        self.template_reg = nn.Conv2d(channels, self.width * 4 * anchors, 3)
        self.search_cls = nn.Conv2d(channels, self.width, 3)
        self.search_reg = nn.Conv2d(channels, self.width, 3)
        self.adjust = nn.Conv2d(4 * anchors, 4 * anchors, 1)

    def kernels(self, templates: Tensor) -> Kernels:
        """Turn template features, T x C x 5 x 5, into correlation kernels, once per target."""
        return Kernels(
            cls=self._as_kernels(self.template_cls(templates)),
            reg=self._as_kernels(self.template_reg(templates)),
        )

    def _as_kernels(self, features: Tensor) -> Tensor:
        """T x K*width x h x w -> T*K x width x h x w."""
        return features.reshape(-1, self.width, *features.shape[2:])

    def forward(self, kernels: Kernels, searches: Tensor) -> tuple[Tensor, Tensor]:
        """Compare T targets' kernels with their search features, T x C x H x W.

        Returns:
            Class logits T x classes x h x w and offsets T x 4*anchors x h x w, with h = H - 4.
        """
        return self.compare(kernels, *self.prepare(searches))

    def prepare(self, searches: Tensor) -> tuple[Tensor, Tensor]:
        """Turn search features, T x C x H x W, into what each kind of kernel slides over."""
        return self.search_cls(searches), self.search_reg(searches)

    def compare(self, kernels: Kernels, cls: Tensor, reg: Tensor) -> tuple[Tensor, Tensor]:
        """Do what :meth:`forward` does, with search features that :meth:`prepare` made."""
        targets = len(cls)
        offsets: Tensor = self.adjust(correlate_shifted(_of_each(targets, kernels.reg), reg))
        return correlate_shifted(_of_each(targets, kernels.cls), cls), offsets

    def probabilities(self, logits: Tensor) -> Tensor:
        """Foreground probability of each anchor: T x classes x h x w -> T x anchors x h x w."""
        if not self.thicker:
            return logits.sigmoid()
        return logits.reshape(-1, 2, self.anchors, *logits.shape[2:]).softmax(dim=1)[:, 1]


def _of_each(targets: int, kernels: Tensor) -> Tensor:
    """T*K x C x h x w -> T x K x C x h x w."""
    return kernels.reshape(targets, -1, *kernels.shape[1:])


def correlate_shifted(kernels: Tensor, searches: Tensor) -> Tensor:
    """Slide K kernels of each of T targets over the target's search features.

    It does not use a convolution: with many groups that is five times as slow on a CPU, and
    TensorRT 8 rejects weights that are an input. Instead, each of the h*w cells of the kernels is
    multiplied with all search features at once; the products are then shifted and added up.

    Args:
        kernels: T x K x C x h x w, or 1 x K x C x h x w, for all.
        searches: T x C x H x W.

    Returns:
        T x K x H-h+1 x W-w+1.
    """
    targets, outputs, channels, height, width = kernels.shape
    rows, columns = searches.shape[2:]
    cells = kernels.permute(0, 3, 4, 1, 2).reshape(targets, height * width * outputs, channels)
    products = cells @ searches.flatten(2)
    products = products.view(-1, height * width, outputs, rows, columns)
    shifted = [
        products[:, i * width + j, :, i : rows - height + 1 + i, j : columns - width + 1 + j]
        for i in range(height)
        for j in range(width)
    ]
    return torch.stack(shifted).sum(dim=0)


def anchor_grid(
    cells: int, stride: int = 8, ratios: Sequence[float] = ANCHOR_RATIOS
) -> NDArray[np.float32]:
    """Make the anchors of a square response, in pixels of the search region from its centre.

    Returns:
        4 x anchors x cells x cells: centre x, centre y, width, height. Widths and heights are
        truncated to whole strides' multiples as in the authors' release, so that 0.33 gives
        104 x 32.
    """
    widths = np.array([int(np.sqrt(ANCHOR_SIDE**2 / ratio / stride**2)) for ratio in ratios])
    heights = np.array([int(width * ratio) for width, ratio in zip(widths, ratios, strict=True)])
    axis = (np.arange(cells) - cells // 2) * stride
    grid = np.empty((4, len(ratios), cells, cells), np.float32)
    grid[0], grid[1] = axis[None, None, :], axis[None, :, None]
    grid[2], grid[3] = (sides[:, None, None] * stride for sides in (widths, heights))
    return grid

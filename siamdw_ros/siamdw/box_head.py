"""The anchor-free box head: where the target is, and how far its four sides are from there.

Template and search features are compared by three correlations: the full one of SiamFC, depthwise
(SiamRPN++, CVPR 2019), and pixelwise, in which every cell of the template is a 1x1 kernel of its
own (LightTrack, CVPR 2021). Two small convolutional towers map the correlations to three outputs
at every cell: a class logit, four distances to the sides of the box (Ocean, ECCV 2020; SiamBAN,
CVPR 2020), and a logit of that box's overlap with the target.

The drawn box is an input. The distances are in units of half its width and height, so that the
head predicts a change of shape and not a shape. Its aspect ratio scales the template's channels.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from siamdw_ros.siamdw.heads import correlate_shifted

TEMPLATE_CELLS = 5  # cells per side of the features of a 127 px template
# A distance is at most e^3 = 20 times half the width or height of the drawn box.
MAX_LOG_DISTANCE = 3.0


class BoxTemplate(NamedTuple):
    """T templates made ready for correlation by :meth:`BoxHead.template`.

    Attributes:
        features: T x channels x 5 x 5, of the backbone.
        kernels: T x C x 5 x 5, with C the `width` of the head in channels.
        extents: T x 2, width and height of the drawn box, in pixels of the template.
    """

    features: Tensor
    kernels: Tensor
    extents: Tensor


class BoxMaps(NamedTuple):
    """Predictions of the head at the N x N cells of T search regions.

    Attributes:
        logits: T x N x N, class logits: high where the cell is on the target.
        distances: T x 4 x N x N, from the cell's centre to the left, upper, right and lower side
            of the target's box, in pixels of the search region.
        quality: T x N x N, logits of the overlap of that box with the target.
    """

    logits: Tensor
    distances: Tensor
    quality: Tensor


class BoxHead(nn.Module):
    """Classifies the cells of a search region and predicts the target's box from each.

    Args:
        channels: channels of the backbone's features.
        width: channels of the necks and of the towers.
        depth: convolutions per tower.
    """

    def __init__(self, channels: int = 512, width: int = 160, depth: int = 3) -> None:
        super().__init__()
        self.width = width
        self.template_neck = pointwise(channels, width)
        self.search_neck = pointwise(channels, width)
        condition = nn.Linear(16, 2 * width)
        nn.init.zeros_(condition.weight)
        nn.init.zeros_(condition.bias)
        self.aspect = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), condition)
        self.depthwise_norm = nn.BatchNorm2d(width)
        self.pixelwise_norm = nn.BatchNorm2d(TEMPLATE_CELLS**2)
        self.full_norm = nn.BatchNorm2d(1)
        self.fuse = pointwise(2 * width + TEMPLATE_CELLS**2 + 1, width)
        self.cls_tower = nn.Sequential(*[separable(width) for _ in range(depth)])
        self.box_tower = nn.Sequential(*[separable(width) for _ in range(depth)])
        self.cls = nn.Conv2d(width, 1, 3, padding=1)
        self.distances = nn.Conv2d(width, 4, 3, padding=1)
        self.quality = nn.Conv2d(width, 1, 3, padding=1)
        for layer in (self.cls, self.distances, self.quality):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    @property
    def precision(self) -> torch.dtype:
        """Dtype of the head's parameters; that of the backbone may be lower."""
        return next(self.parameters()).dtype

    def template(self, features: Tensor, extents: Tensor) -> BoxTemplate:
        """Prepare templates for correlation, once per target.

        Args:
            features: T x channels x 5 x 5, the backbone's of templates of 127 px.
            extents: T x 2, width and height of the drawn box, in pixels of the template.
        """
        aspect = torch.log(extents[:, :1] / extents[:, 1:])
        gain, offset = self.aspect(aspect)[:, :, None, None].chunk(2, dim=1)
        kernels = self.template_neck(features) * (1 + gain) + offset
        return BoxTemplate(features, kernels, extents)

    def search(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the part of a search that does not depend on the template.

        Args:
            features: T x channels x H x W, the backbone's of the search regions.

        Returns:
            The features as given, and the output of the neck, T x width x H x W.
        """
        return features, self.search_neck(features)

    def forward(self, template: BoxTemplate, features: Tensor, searched: Tensor) -> BoxMaps:
        """Predict boxes: run :meth:`compare`, :meth:`predict` and :meth:`maps`.

        Args:
            template: Templates of T targets.
            features: T x channels x H x W, the first result of :meth:`search`.
            searched: T x width x H x W, the second result of :meth:`search`.

        Returns:
            Maps of (H - 4) x (W - 4) cells.
        """
        compared = self.compare(template, features, searched)
        return self.maps(template.extents, *self.predict(compared))

    def compare(self, template: BoxTemplate, features: Tensor, searched: Tensor) -> Tensor:
        """Correlate templates with search features.

        Returns:
            T x (2 * width + 26) x (H - 4) x (W - 4): the three correlations, and `searched`
            without its border.
        """
        border = TEMPLATE_CELLS // 2
        inner = searched[:, :, border:-border, border:-border]
        return torch.cat(
            [
                self.depthwise_norm(correlate_depthwise(template.kernels, searched)),
                self.pixelwise_norm(correlate_pixelwise(template.kernels, inner)),
                inner,
                self.full_norm(correlate_shifted(template.features.unsqueeze(1), features)),
            ],
            dim=1,
        )

    def predict(self, compared: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict from the result of :meth:`compare`; the part that backends may compile.

        Returns:
            Class logits, T x 1 x N x N; distances in units of half the extents, T x 4 x N x N;
            logits of the overlap, T x 1 x N x N.
        """
        fused = self.fuse(compared)
        cls, box = self.cls_tower(fused), self.box_tower(fused)
        distances = self.distances(box).clamp(max=MAX_LOG_DISTANCE).exp()
        return self.cls(cls), distances, self.quality(box)

    @staticmethod
    def maps(extents: Tensor, logits: Tensor, distances: Tensor, quality: Tensor) -> BoxMaps:
        """Scale the distances of :meth:`predict` to pixels of the search region."""
        half = extents.repeat(1, 2)[:, :, None, None] / 2
        return BoxMaps(logits.squeeze(1), half * distances, quality.squeeze(1))


def correlate_depthwise(kernels: Tensor, searched: Tensor) -> Tensor:
    """Slide each channel of a template over its own channel.

    By shifts and not by a convolution, for the reasons of
    :func:`~siamdw_ros.siamdw.heads.correlate_shifted`.

    Args:
        kernels: T x C x h x w.
        searched: T x C x H x W.

    Returns:
        T x C x H-h+1 x W-w+1, means over the cells of the kernels.
    """
    height, width = kernels.shape[2:]
    rows = searched.shape[2] - height + 1
    columns = searched.shape[3] - width + 1
    total = torch.zeros_like(searched[:, :, :rows, :columns])
    for i in range(height):
        for j in range(width):
            part = searched[:, :, i : i + rows, j : j + columns]
            total = torch.addcmul(total, part, kernels[:, :, i : i + 1, j : j + 1])
    return total / (height * width)


def correlate_pixelwise(kernels: Tensor, searched: Tensor) -> Tensor:
    """Compare each cell of a template with each cell of the search region.

    Args:
        kernels: T x C x h x w.
        searched: T x C x H x W.

    Returns:
        T x h*w x H x W, mean products over the channels.
    """
    products = torch.bmm(kernels.flatten(2).transpose(1, 2), searched.flatten(2))
    return products.reshape(*products.shape[:2], *searched.shape[2:]) / kernels.shape[1]


def pointwise(inputs: int, outputs: int) -> nn.Sequential:
    """Make a 1x1 convolution with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def separable(width: int) -> nn.Sequential:
    """Make a depthwise 3x3 and a pointwise convolution, each with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        *pointwise(width, width),
    )


def cell_centers(cells: int, stride: int, side: int, device: torch.device) -> Tensor:
    """Return the centres of a row of cells of the maps, N, in pixels of the search region."""
    return (torch.arange(cells, device=device) - (cells - 1) / 2) * stride + side / 2

"""The anchor-free box head: where the target is, and how far its four sides are from there.

Template and search features meet in three correlations: the full one of SiamFC, depthwise
(SiamRPN++, CVPR 2019), and pixelwise, in which every cell of the template is a 1x1 kernel of its
own (LightTrack, CVPR 2021).
Small towers turn what comes out into a class logit, four distances to the sides (Ocean, ECCV 2020;
SiamBAN, CVPR 2020) and an estimate of the box's overlap with the target, at every cell.

The box that the operator drew is an input of the head: the distances are in units of its extents,
so that the head predicts a change of shape and not a shape, and the aspect ratio that was drawn
scales the template's channels.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from siamdw_ros.siamdw.heads import correlate_shifted

TEMPLATE_CELLS = 5  # of the features of a 127 px template, a side
MAX_LOG_DISTANCE = 3.0  # a side is at most e^3 = 20 times as far away as in the template


class BoxTemplate(NamedTuple):
    """T templates made ready for correlation by :meth:`BoxHead.template`.

    features: T x channels x 5 x 5, of the backbone. kernels: T x width x 5 x 5. extents: T x 2,
    width and height of the marked box, in pixels of the template.
    """

    features: Tensor
    kernels: Tensor
    extents: Tensor


class BoxMaps(NamedTuple):
    """What the head predicts at the N x N cells of T search regions.

    logits: T x N x N, that the target is at the cell. distances: T x 4 x N x N, from the cell's
    centre to the left, upper, right and lower side, in pixels of the search region. quality:
    T x N x N, logits of the overlap that such a box has with the target.
    """

    logits: Tensor
    distances: Tensor
    quality: Tensor


class BoxHead(nn.Module):
    """Classifies the cells of a search region and predicts the target's box from each.

    Args:
        channels: of the backbone's features.
        width: channels of the neck and of the towers.
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
        """Of the numbers that it computes with; the backbone's may be lower."""
        return next(self.parameters()).dtype

    def template(self, features: Tensor, extents: Tensor) -> BoxTemplate:
        """Prepare templates for correlation, once per target.

        Args:
            features: T x channels x 5 x 5, of templates of 127 px.
            extents: T x 2, width and height of the marked box, in pixels of the template.
        """
        aspect = torch.log(extents[:, :1] / extents[:, 1:])
        gain, offset = self.aspect(aspect)[:, :, None, None].tensor_split(2, dim=1)
        kernels = self.template_neck(features) * (1 + gain) + offset
        return BoxTemplate(features, kernels, extents)

    def search(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute all of a search region that needs no template.

        Args:
            features: T x channels x H x W, of the backbone.

        Returns:
            The features, and what the neck makes of them, T x width x H x W.
        """
        return features, self.search_neck(features)

    def forward(self, template: BoxTemplate, features: Tensor, searched: Tensor) -> BoxMaps:
        """Predict boxes: :meth:`compare`, :meth:`predict` and :meth:`maps`, see there.

        Args:
            template: of T targets.
            features: T x channels x H x W, by :meth:`search`.
            searched: T x width x H x W, by :meth:`search`.

        Returns:
            Maps of (H - 4) x (W - 4) cells.
        """
        compared = self.compare(template, features, searched)
        return self.maps(template.extents, *self.predict(compared))

    def compare(self, template: BoxTemplate, features: Tensor, searched: Tensor) -> Tensor:
        """Correlate templates with search features.

        Returns:
            T x (2 * width + 26) x (H - 4) x (W - 4): all correlations, and `searched` itself.
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
        """Predict from what :meth:`compare` returns; the part that backends may compile.

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
    """A 1x1 convolution with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def separable(width: int) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution, each with batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        *pointwise(width, width),
    )


def cell_centers(cells: int, stride: int, side: int, device: torch.device) -> Tensor:
    """Centres of the N cells of a row or column of the maps, in pixels of the search region."""
    return (torch.arange(cells, device=device) - (cells - 1) / 2) * stride + side / 2

"""What a SiamFC+ response should look like, and how far it is from that.

A response cell (row, column) stands for a displacement of the target from the middle of the
search region by stride * (index - middle) pixels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

RADIUS = 1.5  # cells around the target's that count as hits, in L1 distance
SIGMA = 0.6  # cells; width of the peak that a response is asked for


def cell_offsets(offsets: Tensor, cells: int, stride: int) -> tuple[Tensor, Tensor]:
    """Distance of each response cell from the target, in cells.

    Args:
        offsets: B x 2, x and y of the target from the search region's middle, in pixels.
        cells: side of the response.
        stride: pixels a cell.

    Returns:
        dx and dy, each B x cells x cells.
    """
    axis = torch.arange(cells, dtype=offsets.dtype, device=offsets.device) - (cells - 1) / 2
    dx = axis[None, None, :] - offsets[:, 0, None, None] / stride
    dy = axis[None, :, None] - offsets[:, 1, None, None] / stride
    return dx.expand(-1, cells, -1), dy.expand(-1, -1, cells)


def balanced_bce(logits: Tensor, hits: Tensor) -> Tensor:
    """Binary cross-entropy in which hits and misses weigh one half each (SiamFC, section 2.2).

    A batch without hits, or without misses, counts only the half that is there.

    Args:
        logits: any shape.
        hits: bool, of the same shape.
    """
    losses = F.binary_cross_entropy_with_logits(logits, hits.to(logits.dtype), reduction="none")
    hit_weight, miss_weight = hits.to(logits.dtype), (~hits).to(logits.dtype)
    hit, miss = (
        (losses * weight).sum() / weight.sum().clamp(min=1) for weight in (hit_weight, miss_weight)
    )
    return 0.5 * (hit + miss)


@dataclass(frozen=True)
class LossWeights:
    """Weights of the three terms of :func:`matching_loss`."""

    hit: float = 1.0
    place: float = 0.3
    template: float = 0.3


def matching_loss(
    responses: Tensor, offsets: Tensor, stride: int, weights: LossWeights = LossWeights()
) -> tuple[Tensor, dict[str, float]]:
    """Compare the responses of every search region to every template of a batch.

    Three terms: each cell is a hit or a miss, where another pair's template misses everywhere
    (balanced cross-entropy); the right cell beats the other cells; at the right cell the right
    template beats wrongly scaled ones and those of other pairs. The last two are what a tracker's
    argmax over places and scales needs.

    Args:
        responses: B x T x h x h logits, T >= B; template i belongs to search region i for i < B,
            template B + i is that of i, wrongly scaled.
        offsets: B x 2, see :func:`cell_offsets`.
        stride: pixels a cell.
        weights: of the terms.

    Returns:
        The loss, and each term as a number.
    """
    batch, cells = responses.shape[0], responses.shape[-1]
    dx, dy = cell_offsets(offsets, cells, stride)
    own = torch.arange(batch, device=responses.device)

    hits = torch.zeros(batch, batch, cells, cells, dtype=torch.bool, device=responses.device)
    hits[own, own] = dx.abs() + dy.abs() <= RADIUS
    hit = balanced_bce(responses[:, :batch], hits)

    peak = torch.exp(-(dx.square() + dy.square()) / (2 * SIGMA**2)).flatten(1)
    place = F.cross_entropy(responses[own, own].flatten(1), peak / peak.sum(1, keepdim=True))

    nearest = (dx.square() + dy.square()).flatten(1).argmin(1)
    at_target = responses.flatten(2)[own, :, nearest]
    template = F.cross_entropy(at_target, own)

    loss = weights.hit * hit + weights.place * place + weights.template * template
    terms = {"hit": hit.item(), "place": place.item(), "template": template.item()}
    return loss, terms

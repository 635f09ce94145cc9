"""How far responses are from what they should be: SiamFC+'s loss, SiamRPN+'s, and our own.

What they should be is in :mod:`siamdw_ros.training.targets`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from siamdw_ros.siamdw.heads import SiamRPNHead
from siamdw_ros.training.targets import cell_offsets, label_map

RADIUS = 1.5  # cells around the target's that count as hits, in L1 distance
SIGMA = 0.6  # cells; width of the peak that a response is asked for
# Weight of the term on all anchors of a cell together, from the authors' release.
MISS_SUM_WEIGHT = 0.1

Terms = dict[str, Tensor]


def balanced_bce(logits: Tensor, hits: Tensor, misses: Tensor | None = None) -> Tensor:
    """Binary cross-entropy in which hits and misses weigh one half each (SiamFC, section 2.2).

    A batch without hits, or without misses, counts only the half that is there.

    Args:
        logits: any shape.
        hits: bool, of the same shape.
        misses: bool, of the same shape; None: all that is no hit.
    """
    misses = ~hits if misses is None else misses
    losses = F.binary_cross_entropy_with_logits(logits, hits.to(logits.dtype), reduction="none")
    return 0.5 * (mean_where(losses, hits) + mean_where(losses, misses))


def mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values, and zero (with a gradient of zero) where none is chosen.

    Args:
        values: any shape.
        chosen: bool, of the same shape.
    """
    weights = chosen.to(values.dtype)
    return (values * weights).sum() / weights.sum().clamp(min=1)


def siamfc_loss(responses: Tensor, offsets: Tensor, stride: int) -> tuple[Tensor, Terms]:
    """Compare responses with the published label map (SiamFC, equations 3 and 4).

    Args:
        responses: B x 1 x h x h logits, each search region with its own template.
        offsets: B x 2, see :func:`~siamdw_ros.training.targets.label_map`.
        stride: pixels a cell.

    Returns:
        The loss, and its terms (there are none).
    """
    hits = label_map(offsets, responses.shape[-1], stride)
    return balanced_bce(responses[:, 0], hits), {}


def siamrpn_loss(
    head: SiamRPNHead,
    logits: Tensor,
    corrections: Tensor,
    *,
    labels: Tensor,
    targets: Tensor,
    away: Tensor,
) -> tuple[Tensor, Terms]:
    """Compare proposals with anchor targets (SiamRPN, section 3.3, as in SiamDW's release).

    Classes: cross-entropy in which hits and misses weigh one half each; with one logit an anchor
    (thinner), the sum over a cell's anchors is also held down away from the target. Boxes: L1 over
    the four corrections of the anchors that are hits, averaged over each pair's hits. A class, or
    a pair, without anchors that count adds nothing.

    Args:
        head: the kind of the logits.
        logits: B x A x h x h (thinner) or B x 2*A x h x h (thicker, misses first).
        corrections: B x 4*A x h x h.
        labels: B x A x h x h integers: 1 hit, 0 miss, -1 does not count.
        targets: B x 4 x A x h x h, what the corrections of hits should be.
        away: B x h x h bool, the cells that are not the target's.

    Returns:
        The loss, and its terms `cls` and `reg`.
    """
    hits, misses = labels == 1, labels == 0
    if head.thicker:
        log_odds = logits.view(-1, 2, *labels.shape[1:]).log_softmax(1)
        cls = 0.5 * (mean_where(-log_odds[:, 1], hits) + mean_where(-log_odds[:, 0], misses))
    else:
        cls = balanced_bce(logits, hits, misses)
        cls = cls + MISS_SUM_WEIGHT * mean_where(F.softplus(logits.sum(1)), away)
    errors = (corrections.view_as(targets) - targets).abs().sum(1)
    reg = torch.stack([mean_where(*pair) for pair in zip(errors, hits, strict=True)]).mean()
    return cls + reg, {"cls": cls.detach(), "reg": reg.detach()}


@dataclass(frozen=True)
class LossWeights:
    """Weights of the three terms of :func:`matching_loss`."""

    hit: float = 1.0
    place: float = 0.3
    template: float = 0.3


def matching_loss(
    responses: Tensor, offsets: Tensor, stride: int, weights: LossWeights = LossWeights()
) -> tuple[Tensor, Terms]:
    """Compare the responses of every search region to every template of a batch.

    Three terms: each cell is a hit or a miss, where another pair's template misses everywhere
    (balanced cross-entropy); the right cell beats the other cells; at the right cell the right
    template beats wrongly scaled ones and those of other pairs. The last two are what a tracker's
    argmax over places and scales needs.

    Args:
        responses: B x T x h x h logits, T >= B; template i belongs to search region i for i < B,
            template B + i is that of i, wrongly scaled.
        offsets: B x 2, see :func:`~siamdw_ros.training.targets.cell_offsets`.
        stride: pixels a cell.
        weights: of the terms.

    Returns:
        The loss, and its terms `hit`, `place` and `template`.
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
    return loss, {"hit": hit.detach(), "place": place.detach(), "template": template.detach()}

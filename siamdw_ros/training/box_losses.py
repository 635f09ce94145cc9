"""Losses of the box head: classes, boxes and their quality, at the cells of its maps."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from siamdw_ros.siamdw.box_head import BoxMaps

# Half axes of two ellipses, as shares of the box's half sides (SiamBAN): cells inside the first
# are the target, cells outside the second are not.
POSITIVE = 0.5
NEGATIVE = 1.0
HARDEST = 16  # cells per pair that count once more


class BoxLoss(NamedTuple):
    """The loss and its parts, each a mean over the pairs."""

    total: Tensor
    classes: Tensor
    boxes: Tensor
    quality: Tensor
    overlap: Tensor


def box_loss(maps: BoxMaps, boxes: Tensor, present: Tensor, centers: Tensor) -> BoxLoss:
    """Compare what the head predicts with the annotation.

    Args:
        maps: of B pairs, N x N cells.
        boxes: B x 4, left, top, right, bottom in pixels of the search region.
        present: B, whether the target is there.
        centers: N, of the cells, in the same pixels, in x as in y.
    """
    distances = side_distances(boxes, centers)
    positive, negative = label_cells(boxes, present, centers)
    classes = _class_loss(maps.logits, positive, negative)
    found = maps.distances.movedim(1, -1)[positive]
    truth = distances.movedim(1, -1)[positive]
    if not len(found):
        nothing = maps.distances.sum() * 0
        return BoxLoss(classes, classes, nothing, nothing, nothing)
    overlap, generalised = overlaps(found, truth)
    weights = 1 / positive.sum((1, 2)).clamp(min=1).repeat_interleave(positive.sum((1, 2)))
    weights = weights / weights.sum()
    boxes_loss = ((1 - generalised) * weights).sum()
    logarithm = (found.clamp(min=1).log() - truth.clamp(min=1).log()).abs().mean(-1)
    boxes_loss = boxes_loss + 0.3 * (logarithm * weights).sum()
    quality = F.binary_cross_entropy_with_logits(
        maps.quality[positive], overlap.detach(), reduction="none"
    )
    quality_loss = (quality * weights).sum()
    total = classes + 1.5 * boxes_loss + 0.5 * quality_loss
    return BoxLoss(total, classes, boxes_loss, quality_loss, (overlap * weights).sum())


def side_distances(boxes: Tensor, centers: Tensor) -> Tensor:
    """Distances from N x N cells to the sides of B boxes: B x 4 x N x N, negative outside."""
    left, top, right, bottom = boxes[:, :, None, None].unbind(1)
    x, y = centers[None, None, :], centers[None, :, None]
    cells = len(centers)
    parts = (x - left, y - top, right - x, bottom - y)
    return torch.stack([part.expand(-1, cells, cells) for part in parts], dim=1)


def label_cells(boxes: Tensor, present: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Which cells are the target, and which are not: two B x N x N masks.

    The cell nearest to the middle of the target is the target in any case, however small it is.
    """
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    apart_x = centers[None] - middle[:, :1]
    apart_y = centers[None] - middle[:, 1:]
    x, y = apart_x[:, None, :] / half[:, :1, None], apart_y[:, :, None] / half[:, 1:, None]
    radius = (x**2 + y**2).sqrt()
    apart = apart_x[:, None, :].abs().maximum(apart_y[:, :, None].abs())
    nearest = apart <= (centers[1] - centers[0]) / 2
    inside = (x.abs() < 1) & (y.abs() < 1)
    there = present[:, None, None]
    positive = ((radius < POSITIVE) | nearest) & inside & there
    negative = ((radius > NEGATIVE) & ~nearest) | ~there
    return positive, negative


def _class_loss(logits: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Binary cross-entropy: positive, all negative and the hardest negative cells alike."""
    hits = F.softplus(-logits) * positive
    misses = F.softplus(logits) * negative
    hit = hits.sum((1, 2)) / positive.sum((1, 2)).clamp(min=1)
    miss = misses.sum((1, 2)) / negative.sum((1, 2)).clamp(min=1)
    hardest = misses.flatten(1).topk(HARDEST, dim=1).values.mean(1)
    return (hit + miss + 0.5 * hardest).mean()


def overlaps(found: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and GIoU (Rezatofighi et al., CVPR 2019) of boxes around common points.

    Args:
        found: M x 4, distances to left, top, right and bottom.
        truth: M x 4.
    """
    shared = torch.minimum(found, truth)
    around = torch.maximum(found, truth)
    intersection = (shared[:, 0] + shared[:, 2]) * (shared[:, 1] + shared[:, 3])
    hull = (around[:, 0] + around[:, 2]) * (around[:, 1] + around[:, 3])
    areas = [(d[:, 0] + d[:, 2]) * (d[:, 1] + d[:, 3]) for d in (found, truth)]
    union = areas[0] + areas[1] - intersection
    overlap = intersection / union
    return overlap, overlap - (hull - union) / hull

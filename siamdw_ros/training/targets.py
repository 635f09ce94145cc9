"""Training targets of the responses: SiamFC's label map and SiamRPN's anchor targets.

A response cell (row, column) stands for a displacement of the target from the middle of the
search region by stride * (index - middle) pixels.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.evaluation.metrics import overlap

LABEL_RADIUS = 2  # cells, in L1 distance: 13 cells are hits (SiamDW's release)
HIT_IOU, MISS_IOU = 0.6, 0.3  # SiamRPN, section 3.3; between them an anchor does not count
MAX_HITS, MAX_ANCHORS = 16, 64  # largest numbers of anchors that count in a pair

Floats = NDArray[np.float32]


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


def label_map(offsets: Tensor, cells: int, stride: int) -> Tensor:
    """Which cells are hits: those within 2 of the target's cell, in L1 distance.

    The target's cell is the one nearest to it, so that the published shifts of up to half a cell
    all give the same map. (The authors' release rounds down, which puts half of them one cell
    off.)

    Args:
        offsets: B x 2, x and y of the target from the search region's middle, in pixels.
        cells: side of the response.
        stride: pixels a cell.

    Returns:
        B x cells x cells, bool.
    """
    dx, dy = cell_offsets((offsets / stride).round(), cells, 1)
    return dx.abs() + dy.abs() <= LABEL_RADIUS


class AnchorTargets(NamedTuple):
    """Training targets of a pair for A anchors at S x S cells.

    labels: A x S x S int8: 1 hit, 0 miss, -1 does not count. corrections: 4 x A x S x S, which
    turn each anchor into the target's box (SiamRPN, equation 3).
    """

    labels: NDArray[np.int8]
    corrections: Floats


def anchor_targets(box: Floats, anchors: Floats, rng: np.random.Generator) -> AnchorTargets:
    """Separate hits from misses by their overlap with the target (SiamRPN, section 3.3).

    At most 16 hits count, and as many misses as make 64 with them, drawn at random.

    Args:
        box: centre x, centre y, width and height in pixels from the search region's middle.
        anchors: 4 x A x S x S, see :func:`~siamdw_ros.siamdw.heads.anchor_grid`.
        rng: draws which ones count.
    """
    ious = center_iou(anchors, box[:, None, None, None])
    labels = np.full(ious.shape, -1, np.int8)
    hits = _some_of(ious > HIT_IOU, MAX_HITS, rng)
    labels.flat[hits] = 1
    labels.flat[_some_of(ious < MISS_IOU, MAX_ANCHORS - len(hits), rng)] = 0
    place = (box[:2, None, None, None] - anchors[:2]) / anchors[2:]
    growth = np.log(box[2:, None, None, None] / anchors[2:])
    return AnchorTargets(labels, np.concatenate([place, growth]).astype(np.float32))


def _some_of(chosen: NDArray[np.bool_], limit: int, rng: np.random.Generator) -> NDArray[np.intp]:
    places = np.flatnonzero(chosen)
    return places if len(places) <= limit else rng.choice(places, limit, replace=False)


def center_iou(a: Floats, b: Floats) -> Floats:
    """Return the overlap (IoU) of boxes 4 x ..., given by centre and size; shapes broadcast."""
    return np.asarray(overlap(_as_xywh(a), _as_xywh(b)), np.float32)


def _as_xywh(boxes: Floats) -> Floats:
    """Convert centre and size, 4 x ..., to corner and size, ... x 4."""
    return np.moveaxis(np.concatenate([boxes[:2] - boxes[2:] / 2, boxes[2:]]), 0, -1)

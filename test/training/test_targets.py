"""Labels of response maps, with numbers worked by hand."""

import math

import numpy as np
import pytest
import torch

from siamdw_ros.siamdw.heads import anchor_grid
from siamdw_ros.siamdw.siamrpn_step import decode
from siamdw_ros.training.targets import anchor_targets, cell_offsets, center_iou, label_map


def test_cell_distances_are_measured_from_the_target() -> None:
    # The target lies two cells right of the middle and one above.
    dx, dy = cell_offsets(torch.tensor([[16.0, -8.0]]), cells=5, stride=8)
    assert dx[0, 0].tolist() == [-4, -3, -2, -1, 0]
    assert dy[0, :, 0].tolist() == [-1, 0, 1, 2, 3]


def test_thirteen_cells_around_the_target_are_hits() -> None:
    hits = label_map(torch.zeros(1, 2), cells=17, stride=8)[0]
    assert hits.sum() == 13
    assert hits[6:11, 6:11].int().tolist() == [
        [0, 0, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [1, 1, 1, 1, 1],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 0, 0],
    ]


@pytest.mark.parametrize("shift", [-4.0, -3.9, 3.9, 4.0])
def test_the_published_shifts_do_not_move_the_label(shift: float) -> None:
    moved = label_map(torch.tensor([[shift, -shift]]), cells=17, stride=8)
    assert torch.equal(moved, label_map(torch.zeros(1, 2), cells=17, stride=8))


def test_a_larger_shift_moves_the_label_with_the_target() -> None:
    hits = label_map(torch.tensor([[16.0, -8.0]]), cells=17, stride=8)[0]
    rows, columns = torch.nonzero(hits, as_tuple=True)
    assert (rows.float().mean(), columns.float().mean()) == (7, 10)


SQUARE, WIDE, MIDDLE = 2, 1, 8  # anchors of 64 x 64 and 88 x 40


@pytest.fixture
def labels() -> np.ndarray:
    """Those of a target of 64 x 64 in the middle."""
    box = np.array([0, 0, 64, 64], np.float32)
    return anchor_targets(box, anchor_grid(17), np.random.default_rng(0)).labels


@pytest.mark.parametrize(
    ("anchor", "cells_off", "overlap", "label"),
    [
        (SQUARE, (0, 0), 1.0, 1),
        (SQUARE, (0, 1), 56 * 64 / (2 * 64**2 - 56 * 64), 1),  # 0.78
        (SQUARE, (1, 1), 56 * 56 / (2 * 64**2 - 56 * 56), 1),  # 0.62
        (SQUARE, (0, 2), 0.6, -1),  # 48 * 64 of 5120: just not more than 0.6
        (SQUARE, (0, 4), 1 / 3, -1),
        (WIDE, (0, 0), 64 * 40 / (64 * 64 + 88 * 40 - 64 * 40), -1),  # 0.51
    ],
)
def test_overlap_decides_between_hit_and_neither(
    labels: np.ndarray, anchor: int, cells_off: tuple[int, int], overlap: float, label: int
) -> None:
    place = (anchor, MIDDLE + cells_off[0], MIDDLE + cells_off[1])
    box = anchor_grid(17)[(slice(None), *place)]
    assert center_iou(box, np.array([0, 0, 64, 64], np.float32)) == pytest.approx(overlap)
    assert labels[place] == label


def test_what_overlaps_by_less_than_three_tenths_is_a_miss(labels: np.ndarray) -> None:
    overlaps = center_iou(
        anchor_grid(17), np.array([0, 0, 64, 64], np.float32).reshape(4, 1, 1, 1)
    )
    assert overlaps[labels == 0].max() < 0.3
    assert overlaps[labels == 1].min() > 0.6


def test_sixty_four_anchors_count(labels: np.ndarray) -> None:
    assert ((labels == 1).sum(), (labels == 0).sum()) == (9, 55)


def test_no_more_than_sixteen_are_hits() -> None:
    fine = anchor_grid(65, stride=1)
    box = fine[:, 2, 32, 32]
    labels = anchor_targets(box, fine, np.random.default_rng(0)).labels
    assert ((labels == 1).sum(), (labels == 0).sum()) == (16, 48)


def test_a_target_that_fits_no_anchor_has_no_hits() -> None:
    box = np.array([0, 0, 4, 4], np.float32)
    labels = anchor_targets(box, anchor_grid(17), np.random.default_rng(0)).labels
    assert ((labels == 1).sum(), (labels == 0).sum()) == (0, 64)


def test_corrections_by_hand() -> None:
    box = np.array([8, -16, 128, 32], np.float32)
    targets = anchor_targets(box, anchor_grid(17), np.random.default_rng(0))
    found = targets.corrections[:, SQUARE, MIDDLE, MIDDLE]
    assert found.tolist() == pytest.approx([8 / 64, -16 / 64, math.log(2), -math.log(2)])


def test_the_tracker_decodes_corrections_to_the_target() -> None:
    box, anchors = np.array([5, -9, 70, 44], np.float32), anchor_grid(17)
    targets = anchor_targets(box, anchors, np.random.default_rng(0))
    corrections = torch.from_numpy(targets.corrections)
    decoded = decode(corrections, torch.from_numpy(anchors)).reshape(4, -1)
    np.testing.assert_allclose(decoded, np.tile(box[:, None], decoded.shape[1]), atol=1e-3)

"""What responses are asked for."""

import math

import pytest
import torch

from siamdw_ros.training.losses import balanced_bce, cell_offsets, matching_loss


def test_cell_distances_are_measured_from_the_target() -> None:
    dx, dy = cell_offsets(torch.tensor([[16.0, -8.0]]), cells=5, stride=8)
    assert dx[0, 0].tolist() == [
        -4,
        -3,
        -2,
        -1,
        0,
    ]  # the target lies two cells right of the middle
    assert dy[0, :, 0].tolist() == [-1, 0, 1, 2, 3]  # and one above


def test_hits_and_misses_weigh_the_same_however_many_there_are() -> None:
    logits = torch.tensor([2.0, 0.0, 0.0, 0.0])
    hits = torch.tensor([True, False, False, False])
    expected = 0.5 * math.log1p(math.exp(-2)) + 0.5 * math.log(2)
    assert balanced_bce(logits, hits).item() == pytest.approx(expected)


@pytest.mark.parametrize("present", [True, False])
def test_a_batch_of_one_class_only_has_a_finite_loss_and_gradient(present: bool) -> None:
    logits = torch.zeros(6, requires_grad=True)
    loss = balanced_bce(logits, torch.full((6,), present))
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * math.log(2))
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad < 0).all() if present else (logits.grad > 0).all()


def test_a_single_hit_is_not_dropped() -> None:
    logits = torch.zeros(1, 1, requires_grad=True)
    balanced_bce(logits, torch.ones(1, 1, dtype=torch.bool)).backward()
    assert logits.grad.item() < 0


def responses_with_peaks(place: tuple[int, int], height: float = 20.0) -> torch.Tensor:
    """Two searches and four templates; each search answers its own template at `place`."""
    responses = torch.full((2, 4, 9, 9), -10.0)
    responses[[0, 1], [0, 1], place[0], place[1]] = height
    return responses


def test_the_right_peak_costs_less_than_one_cell_beside_it() -> None:
    offsets = torch.tensor([[8.0, 16.0], [8.0, 16.0]])  # row 6, column 5 of 9 x 9
    right, _ = matching_loss(responses_with_peaks((6, 5)), offsets, stride=8)
    beside, _ = matching_loss(responses_with_peaks((6, 7)), offsets, stride=8)
    assert right < beside


def test_a_template_of_another_scale_that_wins_costs() -> None:
    offsets = torch.zeros(2, 2)
    responses = responses_with_peaks((4, 4))
    _, good = matching_loss(responses, offsets, stride=8)
    responses[0, 2, 4, 4] = 40.0  # the wrongly scaled template of search region 0
    _, bad = matching_loss(responses, offsets, stride=8)
    assert bad["template"] > good["template"] + 5
    assert bad["hit"] == good["hit"]


def test_gradients_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    responses = torch.randn(2, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    offsets = torch.tensor([[3.0, -5.0], [0.0, 11.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda r: matching_loss(r, offsets, stride=8)[0], responses)

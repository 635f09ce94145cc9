"""How far responses are from what they should be."""

import math

import pytest
import torch

from siamdw_ros.siamdw.heads import SiamRPNHead
from siamdw_ros.training.losses import balanced_bce, matching_loss, siamfc_loss, siamrpn_loss


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


def test_responses_that_are_right_cost_nothing_and_silent_ones_a_coin_toss() -> None:
    offsets = torch.zeros(2, 2)
    rows, columns = torch.meshgrid(torch.arange(17) - 8, torch.arange(17) - 8, indexing="ij")
    right = torch.where(rows.abs() + columns.abs() <= 2, 20.0, -20.0).expand(2, 1, 17, 17)
    assert siamfc_loss(right, offsets, 8)[0].item() == pytest.approx(0, abs=1e-6)
    assert siamfc_loss(0 * right, offsets, 8)[0].item() == pytest.approx(math.log(2))


def proposals(thicker: bool, labels: torch.Tensor, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random answers of a head to pairs with these labels, in double precision."""
    torch.manual_seed(seed)
    batch, anchors, cells, _ = labels.shape
    classes = anchors * (2 if thicker else 1)
    shape = (batch, 4, anchors, cells, cells)
    return {
        "logits": torch.randn(batch, classes, cells, cells, dtype=torch.double),
        "corrections": torch.randn(batch, 4 * anchors, cells, cells, dtype=torch.double),
        "labels": labels,
        "targets": torch.randn(shape, dtype=torch.double),
        "away": torch.ones(batch, cells, cells, dtype=torch.bool),
    }


@pytest.fixture(scope="module", params=[False, True], ids=["thinner", "thicker"])
def head(request: pytest.FixtureRequest) -> SiamRPNHead:
    """Both kinds of class logits; the convolutions of this one are small."""
    return SiamRPNHead(4, thicker=request.param)


def test_anchor_loss_by_hand(head: SiamRPNHead) -> None:
    labels = torch.full((1, 5, 1, 1), -1)
    labels[0, 0], labels[0, 1] = 1, 0
    given = proposals(head.thicker, labels)
    given["logits"] = torch.zeros_like(given["logits"])
    given["corrections"] = torch.zeros_like(given["corrections"])
    given["targets"] = torch.zeros_like(given["targets"])
    given["targets"][0, :, 0, 0, 0] = torch.tensor([0.5, -1.0, 0.25, 0.0])
    given["targets"][0, :, 1] = 100.0  # of a miss: does not count
    loss, terms = siamrpn_loss(head, **given)
    summed = 0.0 if head.thicker else 0.1 * math.log(2)
    assert terms["cls"].item() == pytest.approx(math.log(2) + summed)
    assert terms["reg"].item() == pytest.approx(1.75)
    assert loss.item() == pytest.approx(terms["cls"].item() + terms["reg"].item())


@pytest.mark.parametrize("label", [-1, 0, 1], ids=["none", "misses", "hits"])
def test_pairs_without_hits_or_misses_have_a_finite_loss(head: SiamRPNHead, label: int) -> None:
    given = proposals(head.thicker, torch.full((2, 5, 3, 3), label))
    given["logits"].requires_grad_(True)
    loss, _ = siamrpn_loss(head, **given)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(given["logits"].grad).all()


def test_a_single_hit_among_many_misses_pulls_as_hard_as_they_do(head: SiamRPNHead) -> None:
    labels = torch.zeros(1, 5, 3, 3, dtype=torch.long)
    labels[0, 2, 1, 1] = 1
    given = proposals(head.thicker, labels)
    given["logits"] = torch.zeros_like(given["logits"]).requires_grad_(True)
    given["away"] = torch.zeros_like(given["away"])
    siamrpn_loss(head, **given)[0].backward()
    gradient = given["logits"].grad.view(-1, 5, 3, 3)[-1]
    assert gradient[2, 1, 1].item() == pytest.approx(-0.25)
    assert gradient.sum().item() == pytest.approx(0, abs=1e-12)


def test_anchor_gradients_agree_with_finite_differences(head: SiamRPNHead) -> None:
    given = proposals(head.thicker, torch.randint(-1, 2, (2, 5, 2, 2)))

    def total(logits: torch.Tensor, corrections: torch.Tensor) -> torch.Tensor:
        return siamrpn_loss(head, **{**given, "logits": logits, "corrections": corrections})[0]

    inputs = [given[key].requires_grad_(True) for key in ("logits", "corrections")]
    assert torch.autograd.gradcheck(total, inputs)

import torch

from siamdw_ros.siamdw.box_head import BoxMaps, cell_centers
from siamdw_ros.training.box_losses import box_loss, label_cells, overlaps, side_distances

CENTERS = cell_centers(17, 8, 255, torch.device("cpu"))


def perfect(boxes: torch.Tensor, sure: float = 8.0) -> BoxMaps:
    present = torch.ones(len(boxes), dtype=torch.bool)
    positive, _ = label_cells(boxes, present, CENTERS)
    logits = torch.where(positive, sure, -sure)
    return BoxMaps(logits, side_distances(boxes, CENTERS), torch.full_like(logits, sure))


def test_the_truth_costs_nearly_nothing_and_a_shifted_box_more() -> None:
    boxes = torch.tensor([[90.0, 100.0, 170.0, 150.0]])
    present = torch.tensor([True])
    right = box_loss(perfect(boxes), boxes, present, CENTERS)
    wrong = box_loss(perfect(boxes + 12), boxes, present, CENTERS)
    assert right.boxes < 1e-4
    assert right.total < 0.05
    assert right.overlap > 0.999
    assert wrong.boxes > 0.1
    assert wrong.classes > right.classes


def test_every_cell_is_negative_where_the_target_is_absent() -> None:
    boxes = torch.tensor([[90.0, 100.0, 170.0, 150.0]])
    positive, negative = label_cells(boxes, torch.tensor([False]), CENTERS)
    assert not positive.any()
    assert negative.all()
    loss = box_loss(perfect(boxes), boxes, torch.tensor([False]), CENTERS)
    assert torch.isfinite(loss.total)
    assert loss.boxes == 0


def test_a_target_smaller_than_a_cell_has_one_positive_cell() -> None:
    middle = float(CENTERS[6]) + 2
    boxes = torch.tensor([[middle - 3, middle - 3, middle + 3, middle + 3]])
    positive, _ = label_cells(boxes, torch.tensor([True]), CENTERS)
    assert positive.sum() == 1
    assert positive[0, 6, 6]


def test_between_target_and_background_cells_are_neither() -> None:
    boxes = torch.tensor([[60.0, 60.0, 190.0, 190.0]])
    positive, negative = label_cells(boxes, torch.tensor([True]), CENTERS)
    assert (positive & negative).sum() == 0
    assert (~positive & ~negative).any()


def test_overlaps_of_distances() -> None:
    found = torch.tensor([[10.0, 10, 10, 10], [10.0, 10, 10, 10]])
    truth = torch.tensor([[10.0, 10, 10, 10], [0.0, 10, 10, 10]])
    overlap, generalised = overlaps(found, truth)
    torch.testing.assert_close(overlap, torch.tensor([1.0, 0.5]))
    torch.testing.assert_close(generalised, torch.tensor([1.0, 0.5]))


def test_hits_of_a_batch_weigh_alike_whatever_their_size() -> None:
    small, large = [120.0, 120.0, 136.0, 136.0], [40.0, 40.0, 215.0, 215.0]
    boxes = torch.tensor([small, large])
    present = torch.ones(2, dtype=torch.bool)
    one_bad = [perfect(boxes + torch.tensor(shift)) for shift in ([[6.0], [0.0]], [[0.0], [6.0]])]
    bad_small, bad_large = (box_loss(maps, boxes, present, CENTERS).boxes for maps in one_bad)
    assert bad_small > bad_large > 0

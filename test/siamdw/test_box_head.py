import pytest
import torch

from siamdw_ros.siamdw.box_head import (
    BoxHead,
    cell_centers,
    correlate_depthwise,
    correlate_pixelwise,
)


def test_depthwise_correlation_slides_each_channel_over_its_own() -> None:
    kernels, searched = torch.randn(2, 3, 5, 5), torch.randn(2, 3, 9, 9)
    found = correlate_depthwise(kernels, searched)
    window = searched[1, 2, 3:8, 1:6]
    assert found.shape == (2, 3, 5, 5)
    torch.testing.assert_close(found[1, 2, 3, 1], (window * kernels[1, 2]).mean())


def test_pixelwise_correlation_compares_every_cell_with_every_cell() -> None:
    kernels, searched = torch.randn(2, 4, 5, 5), torch.randn(2, 4, 7, 7)
    found = correlate_pixelwise(kernels, searched)
    assert found.shape == (2, 25, 7, 7)
    expected = (kernels[1, :, 2, 3] * searched[1, :, 6, 0]).mean()
    torch.testing.assert_close(found[1, 2 * 5 + 3, 6, 0], expected)


def test_targets_of_a_batch_do_not_mix() -> None:
    head = BoxHead(8, width=16).eval()
    templates, extents = torch.randn(3, 8, 5, 5), torch.rand(3, 2) * 40 + 20
    features = torch.randn(3, 8, 13, 13)
    together = head(head.template(templates, extents), *head.search(features))
    alone = head(head.template(templates[1:2], extents[1:2]), *head.search(features[1:2]))
    for whole, part in zip(together, alone, strict=True):
        torch.testing.assert_close(whole[1:2], part, atol=1e-5, rtol=1e-4)


def test_an_untrained_head_predicts_about_the_marked_extents() -> None:
    head = BoxHead(8, width=16).eval()
    extents = torch.tensor([[80.0, 20.0]])
    maps = head(
        head.template(torch.randn(1, 8, 5, 5), extents), *head.search(torch.randn(1, 8, 9, 9))
    )
    widths = (maps.distances[:, 0] + maps.distances[:, 2]).detach()
    heights = (maps.distances[:, 1] + maps.distances[:, 3]).detach()
    torch.testing.assert_close(widths, torch.full_like(widths, 80.0), rtol=0.3, atol=0)
    torch.testing.assert_close(heights, torch.full_like(heights, 20.0), rtol=0.3, atol=0)


@pytest.mark.parametrize("cells", [9, 17])
def test_cells_are_centred_in_the_search_region(cells: int) -> None:
    centers = cell_centers(cells, 8, 127 + 8 * (cells - 1), torch.device("cpu"))
    side = 127 + 8 * (cells - 1)
    assert centers[cells // 2] == side / 2
    assert centers[1] - centers[0] == 8
    assert centers[0] + centers[-1] == side

"""Heads: correlations against direct computations, probabilities, anchors."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from siamdw_ros.siamdw.heads import SiamFCHead, SiamRPNHead, anchor_grid, correlate


def direct_correlation(template, search):
    """Sum of products of C x h x w at each place of C x H x W, one place after the other."""
    height, width = template.shape[1:]
    rows, columns = search.shape[1] - height + 1, search.shape[2] - width + 1
    places = [
        (search[:, row : row + height, column : column + width] * template).sum()
        for row in range(rows)
        for column in range(columns)
    ]
    return torch.stack(places).view(rows, columns)


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("scales", [1, 3])
def test_each_target_is_compared_with_its_own_searches(targets, scales):
    templates = torch.randn(targets, 4, 3, 2)
    searches = torch.randn(targets * scales, 4, 6, 7)
    expected = torch.stack(
        [
            direct_correlation(templates[index // scales], search)
            for index, search in enumerate(searches)
        ]
    )
    torch.testing.assert_close(correlate(templates, searches), expected.unsqueeze(1))


def test_response_is_a_tenth_of_the_correlation():
    template, search = torch.randn(1, 4, 3, 3), torch.randn(3, 4, 6, 6)
    response = SiamFCHead()(template, search)
    torch.testing.assert_close(response, 0.1 * correlate(template, search))


def test_learned_scale_and_bias_replace_the_tenth():
    head = SiamFCHead(learned_scale=True)
    torch.nn.init.constant_(head.loc_adjust.weight, 3.0)
    torch.nn.init.constant_(head.loc_adjust.bias, -2.0)
    template, search = torch.randn(1, 4, 3, 3), torch.randn(3, 4, 6, 6)
    expected = 3.0 * correlate(template, search) - 2.0
    torch.testing.assert_close(head(template, search), expected)


def test_untrained_learned_scale_equals_the_constant_one():
    template, search = torch.randn(1, 4, 3, 3), torch.randn(1, 4, 6, 6)
    learned = SiamFCHead(learned_scale=True)(template, search)
    torch.testing.assert_close(learned, SiamFCHead()(template, search))


@torch.inference_mode()
@pytest.mark.parametrize("thicker", [False, True], ids=["thinner", "thicker"])
def test_siamrpn_correlates_each_output_with_a_kernel_of_its_own(thicker):
    head = SiamRPNHead(2, thicker=thicker)
    templates, searches = torch.randn(2, 2, 5, 5), torch.randn(2, 2, 9, 9)
    logits, offsets = head(head.kernels(templates), searches)
    outputs, width = (10, 512) if thicker else (5, 256)
    assert logits.shape == (2, outputs, 5, 5)
    assert offsets.shape == (2, 20, 5, 5)
    for target in (0, 1):
        kernels = head.template_cls(templates)[target].view(outputs, width, 3, 3)
        search = head.search_cls(searches)[target]
        expected = torch.stack([direct_correlation(kernel, search) for kernel in kernels])
        torch.testing.assert_close(logits[target], expected, rtol=1e-3, atol=1e-3)
        kernels = head.template_reg(templates)[target].view(20, width, 3, 3)
        search = head.search_reg(searches)[target]
        raw = torch.stack([direct_correlation(kernel, search) for kernel in kernels])
        expected = F.conv2d(raw[None], head.adjust.weight, head.adjust.bias)[0]
        torch.testing.assert_close(offsets[target], expected, rtol=1e-3, atol=1e-3)


def test_thinner_probability_is_the_sigmoid_of_the_one_logit():
    logits = torch.randn(2, 5, 3, 3)
    torch.testing.assert_close(SiamRPNHead(2).probabilities(logits), 1 / (1 + (-logits).exp()))


def test_thicker_probability_is_the_second_class_of_a_softmax():
    logits = torch.randn(2, 10, 3, 3)
    background, foreground = logits[:, :5], logits[:, 5:]
    expected = foreground.exp() / (foreground.exp() + background.exp())
    torch.testing.assert_close(SiamRPNHead(2, thicker=True).probabilities(logits), expected)


@pytest.mark.parametrize(("cells", "first"), [(17, -64), (19, -72), (21, -80)])
def test_anchors_stand_on_a_grid_around_the_middle(cells, first):
    anchors = anchor_grid(cells)
    assert anchors.shape == (4, 5, cells, cells)
    axis = np.arange(first, -first + 1, 8)
    for anchor in anchors.transpose(1, 0, 2, 3):
        np.testing.assert_array_equal(anchor[0], np.tile(axis, (cells, 1)))
        np.testing.assert_array_equal(anchor[1], np.tile(axis[:, None], (1, cells)))


def test_anchors_are_truncated_to_whole_strides():
    sizes = anchor_grid(17)[2:, :, 3, 4].T.tolist()
    assert sizes == [[104, 32], [88, 40], [64, 64], [40, 80], [32, 96]]

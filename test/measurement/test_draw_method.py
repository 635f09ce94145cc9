"""The figure of the method page shows what it claims."""

import pytest
import torch

from siamdw_ros.measurement import draw_method
from siamdw_ros.siamdw.backbones import ResNet


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(1)
    return ResNet().eval()


def test_cropped_response_moves_with_the_scene(backbone):
    still, moved = draw_method.respond(backbone, draw_method.draw_scene())
    assert still.shape == (17, 17)
    assert draw_method.shift_error(still, moved).max() < 1e-4


def test_padded_response_changes_near_the_border(backbone):
    padded = draw_method.PaddedResNet(backbone, crop=False)
    still, moved = draw_method.respond(padded, draw_method.draw_scene())
    assert still.shape == (17, 17)
    wrong = draw_method.shift_error(still, moved)
    assert wrong.max() > 0.02
    assert wrong[5, 5] < 1e-2 * wrong.max()


def test_figure_is_drawn(backbone, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    draw_method.draw(backbone, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000

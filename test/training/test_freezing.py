"""Gradual unfreezing: what learns when, and that the rest stays as it is."""

import pytest
import torch

from siamdw_ros.siamdw.backbones import Inception22, ResNet, ResNet43
from siamdw_ros.training.freezing import hold_stem, unfreeze_gradually

LAYERS = ["layer2.4", "layer2.3", "layer2.2", "layer2.0", "layer1.2", "layer1.1", "layer1.0"]


def learning_layers(backbone: ResNet) -> set[str]:
    """The parts of which some parameter learns."""
    return {
        ".".join(name.split(".")[:2])
        for name, parameter in backbone.named_parameters()
        if parameter.requires_grad
    }


@pytest.mark.parametrize(
    ("epoch", "count"),
    [(1, 1), (4, 1), (5, 2), (10, 3), (15, 4), (25, 5), (30, 6), (35, 7), (50, 7)],
)
def test_units_join_at_the_epochs_of_the_release(epoch: int, count: int) -> None:
    backbone = ResNet()
    assert unfreeze_gradually(backbone, epoch - 1, 50) == count
    assert learning_layers(backbone) == set(LAYERS[:count])


def test_other_backbones_follow_the_same_course() -> None:
    assert unfreeze_gradually(Inception22(), 0, 50) == 1
    assert unfreeze_gradually(Inception22(), 49, 50) == 7


def test_a_backbone_with_more_units_is_refused() -> None:
    with pytest.raises(ValueError, match="freezing=none"):
        unfreeze_gradually(ResNet43(), 0, 50)


def test_what_is_held_does_not_move_and_keeps_its_statistics() -> None:
    torch.manual_seed(0)
    backbone = ResNet().train()
    unfreeze_gradually(backbone, 9, 50)  # layer2.4, .3 and .2 learn
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        backbone(torch.rand(2, 3, 127, 127) * 255).square().mean().backward()
        optimizer.step()
    moved = {
        key for key, value in backbone.state_dict().items() if not torch.equal(value, before[key])
    }
    assert {".".join(key.split(".")[:2]) for key in moved} == {"layer2.4", "layer2.3", "layer2.2"}
    assert "layer2.4.bn3.running_mean" in moved


def test_the_stem_and_all_statistics_can_be_held() -> None:
    torch.manual_seed(0)
    backbone = ResNet((1, 4)).train()
    hold_stem(backbone)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1)
    backbone(torch.rand(2, 3, 127, 127) * 255).square().mean().backward()
    optimizer.step()
    held = {key for key, value in backbone.state_dict().items() if torch.equal(value, before[key])}
    assert {"conv1.weight", "bn1.weight", "bn1.running_mean"} <= held
    assert all("running" not in key or key in held for key in before)
    assert "layer1.0.conv1.weight" not in held


def test_the_first_stage_can_be_held_with_the_stem() -> None:
    backbone = ResNet().train()
    hold_stem(backbone, first_stage=True)
    assert learning_layers(backbone) == {"layer2.0", "layer2.2", "layer2.3", "layer2.4"}
    assert not any(m.training for m in backbone.modules() if isinstance(m, torch.nn.BatchNorm2d))

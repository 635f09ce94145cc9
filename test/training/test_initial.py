"""How a network begins."""

from pathlib import Path

import pytest
import torch
from runs import make_config

from siamdw_ros.siamdw.checkpoints import save_network
from siamdw_ros.siamdw.networks import create_network
from siamdw_ros.training.initial import make_network
from siamdw_ros.training.record import ConfigError


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    """A file like the authors' weights for ImageNet: a backbone by their names, and no head."""
    torch.manual_seed(5)
    backbone = create_network("siamfc_res22").backbone.state_dict()
    weights = {
        f"features.features.{key}": value
        for key, value in backbone.items()
        if "num_batches_tracked" not in key
    }
    torch.save({"state_dict": weights}, tmp_path / "pretrain.model")
    return tmp_path / "pretrain.model"


@pytest.mark.parametrize("model", ["siamfc_res22", "siamrpn_res22"])
def test_weights_for_imagenet_are_a_start_for_both_methods(
    tmp_path: Path, imagenet: Path, model: str
) -> None:
    config = make_config(tmp_path / "run")
    config = config.model_copy(update={"model": model, "init": imagenet, "learned_scale": False})
    network = make_network(config)
    expected = torch.load(imagenet, weights_only=True)["state_dict"]
    for key, value in network.backbone.state_dict().items():
        if "num_batches_tracked" not in key:
            assert torch.equal(value, expected[f"features.features.{key}"])


def test_a_network_that_tracked_keeps_its_learned_scale(tmp_path: Path) -> None:
    tracked = create_network("siamfc_res16", learned_scale=True)
    torch.nn.init.constant_(tracked.head.loc_adjust.bias, -2.5)
    save_network(tracked, tmp_path / "tracked.pt")
    config = make_config(tmp_path / "run", init=str(tmp_path / "tracked.pt"))
    scale = make_network(config).head.loc_adjust
    assert scale.bias.item() == -2.5
    assert scale.weight.item() == pytest.approx(0.1)
    assert not scale.weight.requires_grad  # as with a fresh one


def test_a_fresh_network_predicts_that_most_cells_are_misses(tmp_path: Path) -> None:
    scale = make_network(make_config(tmp_path)).head.loc_adjust
    assert scale.bias.item() == -4.0
    assert scale.bias.requires_grad


def test_a_fresh_rpn_head_answers_with_small_numbers(tmp_path: Path) -> None:
    config = make_config(tmp_path).model_copy(update={"model": "siamrpn_res22"})
    network = make_network(config)
    with torch.no_grad():
        crops = [255 * torch.rand(2, 3, side, side) for side in (127, 143)]
        logits, corrections = network(*crops)
    assert 0.01 < logits.std() < 5
    assert corrections.abs().mean() < 5


def test_the_seed_decides_the_random_numbers(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    first, same, other = (
        make_network(config.model_copy(update={"seed": seed})).backbone.conv1.weight
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_backbone_that_does_not_fit_is_refused(tmp_path: Path, imagenet: Path) -> None:
    config = make_config(tmp_path / "run", init=str(imagenet), model="siamfc_res22w")
    with pytest.raises(ConfigError, match="holds siamfc_res22, whose backbone is not that of"):
        make_network(config)

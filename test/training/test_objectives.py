"""What is trained can be learnt."""

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_images import encoded, photographs, textured
from torch.utils.data import default_collate

from siamdw_ros.siamdw.networks import Network, create_network
from siamdw_ros.training.config import OptimizerConfig
from siamdw_ros.training.datasets import Dataset, Source
from siamdw_ros.training.datasets.tracks import Tally, Track
from siamdw_ros.training.initial import calibrate
from siamdw_ros.training.losses import LossWeights
from siamdw_ros.training.objectives import (
    Batch,
    MatchingObjective,
    Objective,
    SiamFCObjective,
    SiamRPNObjective,
)
from siamdw_ros.training.optimization import make_optimizer
from siamdw_ros.training.published import Augmentation, TrackPairs
from siamdw_ros.training.scenes import PairMaker


def track_pairs(search_side: int, **change: float) -> TrackPairs:
    """Pairs of eight still images, each with a target of another shape."""
    videos = [
        [
            Track(
                f"image {seed}",
                [encoded(textured(seed))],
                np.float32([[80 + 4 * seed, 60, 40 + 3 * seed, 60 - 3 * seed]]),
                np.arange(1),
            )
        ]
        for seed in range(8)
    ]
    dataset = Dataset(Source("coco", Path("somewhere")), videos, Tally())
    return TrackPairs([dataset], search_side, Augmentation(**change))


def objective(name: str, search_side: int) -> Objective:
    """Make each kind."""
    if name == "matching":
        return MatchingObjective(PairMaker(photographs(), search_side=search_side), LossWeights())
    kind = {"siamfc": SiamFCObjective, "siamrpn": SiamRPNObjective}[name]
    return kind(track_pairs(search_side))


def make_batch(given: Objective, count: int) -> Batch:
    """Draw the same pairs each time."""
    return default_collate([given.sample(np.random.default_rng(i)) for i in range(count)])


def make_network(name: str) -> Network:
    """Make a network with the same random numbers each time."""
    torch.manual_seed(0)
    if name == "siamrpn":
        return create_network("siamrpn_res22")
    network = create_network("siamfc_res16", learned_scale=True)
    calibrate(network)
    return network


def learn(
    network: Network, given: Objective, batch: Batch, optimizer: torch.optim.Optimizer, steps: int
) -> list[float]:
    """Learn one batch by heart; give the losses."""
    network.train()
    losses = []
    for _ in range(steps):
        loss, _ = given.loss(network, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    "name", ["siamfc", "matching", pytest.param("siamrpn", marks=pytest.mark.slow)]
)
def test_a_step_against_the_gradient_lowers_the_loss(name: str) -> None:
    given, network = objective(name, search_side=159), make_network(name)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-5)
    before, after = learn(network, given, make_batch(given, 2), optimizer, steps=2)
    assert after < before


@pytest.mark.slow
def test_eight_pairs_can_be_learnt_by_heart() -> None:
    given, network = objective("siamfc", search_side=159), make_network("siamfc")
    config = OptimizerConfig(kind="adamw", schedule="cosine", rate=1e-2)
    with torch.autocast("cpu", torch.bfloat16):
        losses = learn(
            network, given, make_batch(given, 8), make_optimizer(network, config), steps=36
        )
    # Balanced, no answer that is the same everywhere costs less than log(2) = 0.69.
    assert np.mean(losses[-3:]) < 0.5


def test_the_terms_of_a_loss_are_its_parts() -> None:
    given = objective("siamrpn", search_side=143)
    loss, terms = given.loss(make_network("siamrpn"), make_batch(given, 2))
    assert loss.item() == pytest.approx((terms["cls"] + terms["reg"]).item())


def test_batches_have_what_the_losses_need() -> None:
    batch = make_batch(objective("siamrpn", search_side=255), 2)
    assert batch["template"].shape == (2, 127, 127, 3)
    assert batch["search"].shape == (2, 255, 255, 3)
    assert batch["labels"].shape == (2, 5, 17, 17)
    assert batch["corrections"].shape == (2, 4, 5, 17, 17)
    assert batch["template"].dtype == torch.uint8


def test_mirrored_pairs_can_be_batched() -> None:
    given = SiamFCObjective(track_pairs(143, flip=1.0))
    assert make_batch(given, 2)["search"].shape == (2, 143, 143, 3)

"""The training loop: it learns, it resumes."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import photographs

from siamdw_ros.siamdw import create_tracker
from siamdw_ros.siamdw.networks import SiamFCNetwork, create_network
from siamdw_ros.training.loop import Schedule, learning_rate_factor, train
from siamdw_ros.training.scenes import Pair, PairMaker

QUICK = Schedule(steps=2, batch=2, workers=0, half=False, checkpoint_every=1)


def fresh_network() -> SiamFCNetwork:
    """Make the same random network each time."""
    torch.manual_seed(0)
    network = create_network("siamfc_res22", learned_scale=True)
    assert isinstance(network, SiamFCNetwork)
    return network


@pytest.fixture
def maker() -> PairMaker:
    """Make small pairs."""
    return PairMaker(photographs(), search_side=143)


def test_training_writes_weights_that_a_tracker_takes(tmp_path: Path, maker: PairMaker) -> None:
    train(fresh_network(), maker, QUICK, tmp_path)
    assert create_tracker("siamfc_res22", tmp_path / "network.pt").method is not None


def test_a_run_goes_on_where_it_was_cut_off(tmp_path: Path, maker: PairMaker) -> None:
    train(fresh_network(), maker, dataclasses.replace(QUICK, steps=1), tmp_path)
    first = torch.load(tmp_path / "training.pt", weights_only=True)
    resumed = fresh_network()
    train(resumed, maker, QUICK, tmp_path)
    second = torch.load(tmp_path / "training.pt", weights_only=True)
    assert (first["step"], second["step"]) == (1, 2)
    moments = second["optimizer"]["state"][0]
    assert moments["step"] == 2  # the optimiser went on as well
    for key, value in resumed.state_dict().items():
        assert torch.equal(value, second["state_dict"][key])


def test_a_finished_run_is_left_as_it_is(tmp_path: Path, maker: PairMaker) -> None:
    train(fresh_network(), maker, QUICK, tmp_path)
    before = (tmp_path / "training.pt").read_bytes()
    train(fresh_network(), maker, QUICK, tmp_path)
    assert (tmp_path / "training.pt").read_bytes() == before


def test_two_runs_with_one_seed_agree(tmp_path: Path, maker: PairMaker) -> None:
    for name in ("a", "b"):
        train(fresh_network(), maker, QUICK, tmp_path / name)
    a, b = (
        torch.load(tmp_path / name / "training.pt", weights_only=True)["state_dict"]
        for name in ("a", "b")
    )
    assert all(torch.allclose(a[key], b[key], atol=1e-5) for key in a)


def test_the_rate_rises_and_then_falls_to_nothing() -> None:
    schedule = Schedule(warmup=0.1)
    factors = [learning_rate_factor(i / 100, schedule) for i in range(101)]
    assert factors[0] < 0.05
    assert max(factors) == pytest.approx(1, abs=0.01)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] == pytest.approx(0, abs=1e-9)


class EightPairs(PairMaker):
    """Draws the same eight pairs again and again."""

    def draw(self, rng: np.random.Generator) -> Pair:
        """Draw one of the eight."""
        return super().draw(np.random.default_rng(rng.integers(8)))


@pytest.mark.slow
def test_a_few_pairs_can_be_learnt_by_heart(tmp_path: Path) -> None:
    schedule = Schedule(steps=40, batch=8, rate=2e-3, workers=0, checkpoint_every=40)
    losses: list[float] = []
    train(
        fresh_network(),
        EightPairs(photographs(), search_side=143),
        schedule,
        tmp_path,
        on_step=lambda _step, terms: losses.append(terms["loss"]),
    )
    assert np.mean(losses[-5:]) < 0.5 * losses[0]

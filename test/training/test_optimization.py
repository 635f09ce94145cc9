"""The course of the learning rate, and what decays."""

import numpy as np
import pytest

from siamdw_ros.siamdw.networks import create_network
from siamdw_ros.training.config import OptimizerConfig
from siamdw_ros.training.optimization import make_optimizer, rate_factor

SGD = OptimizerConfig(kind="sgd", schedule="log", rate=1e-2, rate_end=1e-5)
ADAMW = OptimizerConfig(kind="adamw", schedule="cosine", rate=1e-3, warmup=0.1, decay=0.02)


def test_the_published_rate_is_evenly_spaced_on_a_log_scale() -> None:
    rates = [SGD.rate * rate_factor(epoch * 7 + 3, 7, 50, SGD) for epoch in range(50)]
    np.testing.assert_allclose(rates, np.logspace(-2, -5, 50))


def test_the_published_rate_is_constant_through_an_epoch() -> None:
    assert len({rate_factor(step, 7, 50, SGD) for step in range(7, 14)}) == 1


def test_the_cosine_rate_rises_and_then_falls_to_nothing() -> None:
    factors = [rate_factor(step, 10, 10, ADAMW) for step in range(101)]
    assert factors[0] < 0.05
    assert max(factors) == pytest.approx(1, abs=0.01)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] == pytest.approx(0, abs=1e-9)


def test_sgd_decays_every_parameter_and_never_changes_it() -> None:
    (group,) = make_optimizer(create_network("siamrpn_res22"), SGD).param_groups
    assert (group["weight_decay"], group["momentum"]) == (1e-4, 0.9)


def test_adamw_decays_convolutions_only_and_has_every_parameter_once() -> None:
    network = create_network("siamfc_res22", learned_scale=True)
    groups = make_optimizer(network, ADAMW).param_groups
    known = [parameter for group in groups for parameter in group["params"]]
    assert {id(p) for p in known} == {id(p) for p in network.parameters()}
    assert len(known) == len(set(map(id, known)))
    assert all(p.dim() == 4 for p in groups[0]["params"])
    assert [group["weight_decay"] for group in groups[1:]] == [0, 0]

"""What a run that goes on takes from its folder."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from siamdw_ros.training.record import ConfigError
from siamdw_ros.training.timed import TimedRun, TimedTrainer, adamw


@dataclass(frozen=True)
class Settings(TimedRun):
    packs: tuple[Path, ...] = (Path("pack.zip"),)
    init: Path | None = None


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(1, 1)


class Trainer(TimedTrainer[Network, Settings]):
    """A run that stores its state, and learns nothing."""

    def __init__(self, config: Settings) -> None:
        super().__init__(Network(), config)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return adamw([(self.network, 1e-3)], 0.0)

    def save_weights(self) -> Path:
        return self.config.folder / "weights.pt"


@pytest.fixture
def stored(tmp_path: Path) -> Settings:
    """A run that was ended after three steps."""
    config = Settings(tmp_path / "run")
    trainer = Trainer(config)
    trainer.step = 3
    trainer.save()
    return config


@pytest.mark.parametrize(
    "values",
    [
        {"minutes": 3.0},
        {"log_steps": 7},
        {"threads": 1},
        {"save_minutes": 2.0},
        {"device": "auto"},
    ],
)
def test_how_long_and_how_fast_a_run_learns_may_change(
    stored: Settings, values: dict[str, object]
) -> None:
    trainer = Trainer(replace(stored, **values))  # type: ignore[arg-type]
    assert trainer.step == 3
    trainer.save()


@pytest.mark.parametrize(
    "values", [{"init": Path("other.pt")}, {"rate": 0.1}, {"packs": (Path("other.zip"),)}]
)
def test_a_run_with_other_settings_does_not_go_on(
    stored: Settings, values: dict[str, object]
) -> None:
    (key,) = values
    with pytest.raises(ConfigError, match=f"holds a run with other values of {key}: choose"):
        Trainer(replace(stored, **values))  # type: ignore[arg-type]


def test_a_state_without_a_stored_configuration_goes_on(stored: Settings) -> None:
    (stored.folder / "config.yaml").unlink()
    trainer = Trainer(replace(stored, rate=0.1))
    assert trainer.step == 3
    trainer.save()
    with pytest.raises(ConfigError, match="other values of rate"):
        Trainer(stored)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"log_steps": 0}, "log_steps: 0: expected a number of at least 1"),
        ({"batch": -1}, "batch: -1: expected"),
        ({"device": "foo"}, "'foo' is not one of auto, cpu, cuda"),
        ({"device": "cuda:99"}, "'cuda:99' is not there"),
    ],
)
def test_what_no_run_can_use_is_refused(
    values: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(tmp_path, **values)  # type: ignore[arg-type]

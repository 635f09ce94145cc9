"""A training that lasts a given time, stores its state, and goes on from there.

A run lasts a given time and not a given number of steps: it ends when the machine is due. It
stores its state on the way, and goes on from there when it is started again.
"""

import contextlib
import copy
import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from siamdw_ros.siamdw.runtime import choose_device
from siamdw_ros.training.record import check_config, store_config

log = logging.getLogger(__name__)

STATE = "last.pt"
# What may differ when a run goes on: it changes how long and how fast a run learns, not from what.
MAY_CHANGE = frozenset({"folder", "minutes", "save_minutes", "log_steps", "device", "threads"})
GRADIENT_NORM = 5.0

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True)
class TimedRun:
    """Settings of every run.

    Attributes:
        folder: where its state, its weights and its log are written.
        minutes: how long the run lasts, all its parts together.
        batch: samples per step.
        rate: learning rate of the head at its highest.
        backbone_rate: the same of the backbone; 0 keeps it as it is.
        warmup: steps over which the rates rise.
        decay: weight decay of convolutions and matrices.
        average: steps after which a weight's share in the moving average has halved.
        save_minutes: between two stored states.
        log_steps: steps between two lines of the log.
        device: auto, cpu, cuda or cuda:N.
        seed: of the random numbers.
        threads: of the CPU; 0: all.
    """

    folder: Path
    _: KW_ONLY
    minutes: float = 480.0
    batch: int = 32
    rate: float = 1e-3
    backbone_rate: float = 1e-4
    warmup: int = 200
    decay: float = 1e-3
    average: int = 1000
    save_minutes: float = 1.0
    log_steps: int = 50
    device: str = "cpu"
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        """Check what no run can do without.

        Raises:
            ValueError: a number is too small, or there is no such device.
        """
        choose_device(self.device)
        for name in ("batch", "warmup", "average", "log_steps"):
            if (number := getattr(self, name)) < 1:
                raise ValueError(f"{name}: {number}: expected a number of at least 1")

    @property
    def torch_device(self) -> torch.device:
        """The device that `device` names."""
        return choose_device(self.device)

    def values(self) -> dict[str, Any]:
        """Return all settings as YAML has them: paths as text, tuples as lists."""
        return {key: _plain(value) for key, value in dataclasses.asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


RunT = TypeVar("RunT", bound=TimedRun)


class TimedTrainer(Generic[ModuleT, RunT]):
    """The state of a run: network, moving average, optimiser, steps and seconds so far.

    Args:
        network: that learns; it has a backbone.
        config: of the run.

    Attributes:
        average: the moving average of the network's weights.

    Raises:
        ConfigError: the folder holds a run with other settings.
    """

    def __init__(self, network: ModuleT, config: RunT) -> None:
        check_config(config.folder, config.values(), MAY_CHANGE)
        self.config = config
        self.network = network
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.optimizer = self.make_optimizer()
        self.step = 0
        self.seconds = 0.0
        if self._state.exists():
            self._load()

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Prepare what learns, and return the optimiser; see :func:`adamw`."""
        raise NotImplementedError

    def batches(self) -> contextlib.AbstractContextManager[Callable[[], Any]]:
        """Give a function that draws the next batch."""
        raise NotImplementedError

    def loss(self, batch: Any) -> Any:
        """Return a named tuple of the loss, `total`, and its parts."""
        raise NotImplementedError

    def save_weights(self) -> Path:
        """Write the averaged weights for users; return the file."""
        raise NotImplementedError

    @property
    def _state(self) -> Path:
        return self.config.folder / STATE

    def run(self) -> Path:
        """Train until the time is over; return the file with the averaged weights."""
        config = self.config
        config.folder.mkdir(parents=True, exist_ok=True)
        with self.batches() as draw:
            start, before = time.monotonic(), self.seconds
            saved, sums = time.monotonic(), Sums()
            while self.seconds < config.minutes * 60:
                sums.add(self.train_step(draw()))
                self.seconds = before + time.monotonic() - start
                if self.step % config.log_steps == 0:
                    log.info("step %d, %.1f min: %s", self.step, self.seconds / 60, sums.take())
                if time.monotonic() - saved > config.save_minutes * 60:
                    self.save()
                    saved = time.monotonic()
        return self.save()

    def train_step(self, batch: Any) -> Any:
        """Learn from a batch; the backbone's batch norms keep their statistics."""
        self._set_rates()
        self.network.train()
        freeze_batch_norms(self.network.get_submodule("backbone"))
        loss = self.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return loss._make(part.detach() for part in loss)

    def _set_rates(self) -> None:
        """A linear rise, then half a cosine over the time of the run."""
        rise = min(1.0, (self.step + 1) / self.config.warmup)
        progress = min(1.0, self.seconds / (self.config.minutes * 60))
        factor = rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor

    @torch.no_grad()
    def _update_average(self) -> None:
        kept = min(0.5 ** (1 / self.config.average), (1 + self.step) / (10 + self.step))
        for mean, value in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - kept)
            else:
                mean.copy_(value)

    def save(self) -> Path:
        """Store the state and the averaged weights; return the file of the weights."""
        state = {
            **self.extra_state(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        store_config(self.config.folder, self.config.values(), MAY_CHANGE)
        partial = self._state.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._state)
        return self.save_weights()

    def extra_state(self) -> dict[str, Any]:
        """Return what a subclass stores besides."""
        return {}

    def _load(self) -> None:
        device = next(self.network.parameters()).device
        state: dict[str, Any] = torch.load(self._state, device, weights_only=True)
        self.load_extra_state(state)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.seconds = state["seconds"]
        log.info("going on at step %d, after %.1f minutes", self.step, self.seconds / 60)

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`extra_state` returned."""


class Sums:
    """Means of a loss and its parts between two lines of the log; they stay on the device."""

    def __init__(self) -> None:
        self._total: Tensor | None = None
        self._names: tuple[str, ...] = ()
        self._count = 0
        self._since = time.monotonic()

    def add(self, loss: Any) -> None:
        """Count a step, by the named tuple of its loss."""
        parts = torch.stack(list(loss))
        self._names = loss._fields
        self._total = parts if self._total is None else self._total + parts
        self._count += 1

    def take(self) -> str:
        """Describe the steps since the last call."""
        assert self._total is not None
        means = (self._total / self._count).tolist()
        rate = self._count / (time.monotonic() - self._since)
        named = zip(self._names, means, strict=True)
        self.__init__()  # type: ignore[misc]
        return ", ".join(f"{name} {value:.3f}" for name, value in named) + f", {rate:.1f} steps/s"


def adamw(parts: Iterable[tuple[nn.Module, float]], decay: float) -> torch.optim.Optimizer:
    """AdamW that decays convolutions and matrices only.

    Args:
        parts: modules and the highest learning rate of each; with rate 0 a module is left as it
            is.
        decay: weight decay.
    """
    groups: list[dict[str, Any]] = []
    for part, rate in parts:
        parameters = list(part.parameters())
        for decays in (True, False):
            chosen = [p for p in parameters if (p.ndim > 1) == decays]
            groups.append(
                {"params": chosen, "weight_decay": decay if decays else 0.0, "peak": rate}
            )
    learning = [group for group in groups if group["peak"]]
    return torch.optim.AdamW(learning, lr=max(group["peak"] for group in learning))


def freeze_batch_norms(module: nn.Module) -> None:
    """Keep the statistics of batch norms: the data is of too few kinds to learn better ones."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()

"""Training of an anchor-free box network, on a GPU or a CPU.

Pairs are drawn where the network is, so that a GPU does not wait for the CPU. A run lasts a given
time and not a given number of steps: it ends when the machine is due. It stores its state on the
way, and goes on from there when it is started again.
"""

import contextlib
import copy
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from siamdw_ros.siamdw.box_head import cell_centers
from siamdw_ros.siamdw.checkpoints import load_network, read_checkpoint, save_network
from siamdw_ros.siamdw.networks import BoxNetwork, create_network
from siamdw_ros.training.box_losses import BoxLoss, box_loss
from siamdw_ros.training.box_pack import load_packs
from siamdw_ros.training.box_pairs import PairBatch, PairMaker

log = logging.getLogger(__name__)

STATE = "last.pt"
WEIGHTS = "siambox_res22.pt"
GRADIENT_NORM = 5.0


@dataclass(frozen=True)
class BoxTraining:
    """A run.

    Attributes:
        folder: where its state, its weights and its log are written.
        packs: of `tools/pack_boxes.py`.
        init: a checkpoint to begin with: of a box network, or of a SiamFC network, whose backbone
            is taken. None: random numbers.
        minutes: how long the run lasts, all its parts together.
        batch: pairs per step.
        search: side of the search regions in pixels.
        rate: learning rate of the head at its highest.
        backbone_rate: the same of the backbone; 0 keeps it as it is.
        warmup: steps over which the rates rise.
        decay: weight decay of convolutions.
        average: steps after which a weight's share in the moving average has halved.
        shares: of the pairs of tracks, easy tracks, stills, patches of photographs and cut-outs.
        save_minutes: between two stored states.
        device: cpu, cuda or cuda:N.
        seed: of the random numbers.
        threads: of the CPU; 0: all.
        tail: units of the backbone's last stage that are trained; the rest is kept, and what it
            computes is used several times, see box_replay.py. 0: train all of the backbone.
        teacher: ONNX file of another tracker's backbone, for a tail; see box_replay.py.
        hint: weight of the teacher's features in the loss.
        slots: pairs whose features are kept, 0.9 MB each.
    """

    folder: Path
    packs: tuple[Path, ...]
    init: Path | None = None
    minutes: float = 480.0
    batch: int = 32
    search: int = 255
    rate: float = 1e-3
    backbone_rate: float = 1e-4
    warmup: int = 200
    decay: float = 1e-3
    average: int = 1000
    shares: tuple[float, ...] = (4.0, 0.5, 2.5, 1.5, 3.0)
    save_minutes: float = 1.0
    log_steps: int = 50
    device: str = "cpu"
    seed: int = 0
    threads: int = 0
    tail: int = 0
    teacher: Path | None = None
    hint: float = 1.0
    slots: int = 3500


class BoxTrainer:
    """The state of a run: network, moving average, optimiser, steps and seconds so far."""

    def __init__(self, config: BoxTraining) -> None:
        self.config = config
        self.device = torch.device(config.device)
        torch.manual_seed(config.seed)
        if config.threads:
            torch.set_num_threads(config.threads)
        self.network = initial_network(config.init).to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.prepare()
        self.step = 0
        self.seconds = 0.0
        if self._state.exists():
            self._load()

    def prepare(self) -> None:
        """Make what learns, before a stored state is loaded."""
        self.optimizer = make_optimizer(self.network, self.config)

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
        self.save()
        return config.folder / WEIGHTS

    @contextlib.contextmanager
    def batches(self) -> Iterator[Callable[[], Any]]:
        """Give a function that draws the next batch."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed + self.step)
        pairs = pair_maker(self.config, self.device, generator)
        yield lambda: pairs.draw(self.config.batch)

    def train_step(self, batch: Any) -> BoxLoss:
        """Learn from a batch."""
        self._set_rates()
        self.network.train()
        freeze_batch_norms(self.network.backbone)
        loss = self.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return BoxLoss(*(part.detach() for part in loss))

    def loss(self, pairs: PairBatch) -> BoxLoss:
        """Predict, and compare with the annotation."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            template = self.network.template(pairs.templates, pairs.extents)
            maps = self.network.head(template, *self.network.search(pairs.searches))
        maps = type(maps)(*(part.float() for part in maps))
        cells = maps.logits.shape[-1]
        centers = cell_centers(
            cells, self.network.backbone.stride, self.config.search, self.device
        )
        return box_loss(maps, pairs.boxes, pairs.present, centers)

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

    def save(self) -> None:
        """Store the state, and the averaged weights as a checkpoint for trackers."""
        state = {
            **self.extra_state(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        partial = self._state.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._state)
        save_network(self.average, self.config.folder / WEIGHTS, half=True)

    def extra_state(self) -> dict[str, Any]:
        """Return what a subclass stores besides."""
        return {}

    def _load(self) -> None:
        state: dict[str, Any] = torch.load(self._state, self.device, weights_only=True)
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
        self._count = 0
        self._since = time.monotonic()

    def add(self, loss: BoxLoss) -> None:
        """Count a step."""
        parts = torch.stack(list(loss))
        self._total = parts if self._total is None else self._total + parts
        self._count += 1

    def take(self) -> str:
        """Describe the steps since the last call."""
        assert self._total is not None
        means = (self._total / self._count).tolist()
        rate = self._count / (time.monotonic() - self._since)
        self.__init__()  # type: ignore[misc]
        named = zip(BoxLoss._fields, means, strict=True)
        return ", ".join(f"{name} {value:.3f}" for name, value in named) + f", {rate:.1f} steps/s"


def pair_maker(config: BoxTraining, device: torch.device, generator: torch.Generator) -> PairMaker:
    """Load the packs of a run and make what draws pairs from them."""
    banks = load_packs(config.packs).to(device)
    scenes = banks.scenes
    tracks = [scenes["tracks"], scenes.get("easy", scenes["tracks"])]
    return PairMaker(
        tracks,
        scenes["stills"],
        scenes["photographs"],
        banks.cutouts,
        config.shares,
        config.search,
        generator,
    )


def initial_network(init: Path | None) -> BoxNetwork:
    """Build the network a run begins with; see :class:`BoxTraining`."""
    network = create_network("siambox_res22")
    assert isinstance(network, BoxNetwork)
    if init is None:
        return network
    name = read_checkpoint(init).network
    loaded = load_network(name, init)
    if isinstance(loaded, BoxNetwork):
        return loaded
    network.backbone.load_state_dict(loaded.backbone.state_dict())
    return network


def make_optimizer(network: BoxNetwork, config: BoxTraining) -> torch.optim.Optimizer:
    """AdamW that decays convolutions only, with a rate of its own for the backbone."""
    network.backbone.requires_grad_(config.backbone_rate > 0)
    groups = []
    for part, rate in ((network.head, config.rate), (network.backbone, config.backbone_rate)):
        parameters = list(part.parameters())
        for decays in (True, False):
            chosen = [p for p in parameters if (p.ndim > 1) == decays]
            decay = config.decay if decays else 0.0
            groups.append({"params": chosen, "weight_decay": decay, "peak": rate})
    return torch.optim.AdamW([group for group in groups if group["peak"]], lr=config.rate)


def freeze_batch_norms(module: nn.Module) -> None:
    """Keep the statistics of batch norms: pairs are of too few kinds to learn better ones."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()

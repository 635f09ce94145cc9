"""The training loop of SiamFC+: pairs in, checkpoints out, resumable."""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from siamdw_ros.siamdw.checkpoints import save_network
from siamdw_ros.siamdw.crops import Image, crop_pyramid
from siamdw_ros.siamdw.heads import LearnedScale
from siamdw_ros.siamdw.networks import SiamFCNetwork
from siamdw_ros.training.losses import LossWeights, matching_loss
from siamdw_ros.training.scenes import EXEMPLAR, TEMPLATE_CANVAS, PairMaker

log = logging.getLogger(__name__)

INITIAL_SCALE = 1e-4  # of the correlation of 25 cells x 512 channels of fresh features
INITIAL_BIAS = -4.0

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    steps: of the optimiser. batch: pairs a step. rate: peak of the learning rate, reached after
    `warmup` of the steps and then lowered to nothing along a cosine. decay: of the weights.
    """

    steps: int = 3000
    batch: int = 24
    rate: float = 1e-3
    warmup: float = 0.04
    decay: float = 0.02
    seed: int = 0
    workers: int = 1
    half: bool = True  # bfloat16 where the network computes, float32 elsewhere
    compile: bool = (
        False  # torch.compile the backbone: about 1.3 times as fast, needs a C++ compiler
    )
    checkpoint_every: int = 100
    loss: LossWeights = field(default_factory=LossWeights)


class PairStream(IterableDataset[dict[str, Any]]):
    """An endless stream of pairs; each worker, and each resumed run, draws its own."""

    def __init__(self, maker: PairMaker, seed: int, start: int = 0) -> None:
        self.maker, self.seed, self.start = maker, seed, start

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield arrays: template (two scales, 2 x 127 x 127 x 3), search, offset."""
        cv2.setNumThreads(0)
        worker = get_worker_info()
        rng = np.random.default_rng((self.seed, self.start, worker.id if worker else 0))
        while True:
            pair = self.maker.draw(rng)
            yield {
                "template": _two_scales(pair.template, rng),
                "search": np.ascontiguousarray(pair.search),
                "offset": pair.offset.astype(np.float32),
            }


def _two_scales(canvas: Image, rng: np.random.Generator) -> Image:
    """The exemplar, and one whose target looks 7 to 25 % too large or too small."""
    wrong = EXEMPLAR * math.exp(rng.choice([-1, 1]) * rng.uniform(0.07, 0.25))
    sides = (EXEMPLAR, min(wrong, TEMPLATE_CANVAS))
    return crop_pyramid(canvas, np.full(2, TEMPLATE_CANVAS / 2), sides, EXEMPLAR, np.zeros(3))


def train(
    network: SiamFCNetwork,
    maker: PairMaker,
    schedule: Schedule,
    folder: Path,
    on_step: Callable[[int, dict[str, float]], None] = lambda _step, _terms: None,
) -> None:
    """Train a network in place; go on from `folder/training.pt` where there is one.

    Every `checkpoint_every` steps it writes `training.pt`, everything needed to go on, and
    `network.pt`, the weights alone in half precision, which a tracker takes. `on_step` is told
    the loss and its terms after each step.
    """
    torch.manual_seed(schedule.seed)
    folder.mkdir(parents=True, exist_ok=True)
    _calibrate(network)
    optimizer = torch.optim.AdamW(_parameter_groups(network, schedule.decay))
    state_file = folder / "training.pt"
    done = _resume(network, optimizer, state_file)
    loader = DataLoader(
        PairStream(maker, schedule.seed, start=done), schedule.batch, num_workers=schedule.workers
    )
    network.train()
    if schedule.compile:
        network.backbone.compile(dynamic=False)
    progress = tqdm(total=schedule.steps, initial=done, unit="step", smoothing=0.05)
    smooth: dict[str, float] = {}
    for step, batch in zip(range(done, schedule.steps), loader, strict=False):
        for group in optimizer.param_groups:
            factor = learning_rate_factor(step / schedule.steps, schedule)
            group["lr"] = schedule.rate * factor * group["speed"]
        terms = _step(network, optimizer, batch, schedule)
        on_step(step, terms)
        smooth = {k: 0.98 * smooth.get(k, v) + 0.02 * v for k, v in terms.items()}
        progress.set_postfix({k: f"{v:.3f}" for k, v in smooth.items()})
        progress.update()
        if (step + 1) % schedule.checkpoint_every == 0 or step + 1 == schedule.steps:
            _save(network, optimizer, step + 1, schedule, state_file)
            log.info("step %d: %s", step + 1, {k: round(v, 4) for k, v in smooth.items()})
    progress.close()
    network.eval()


def learning_rate_factor(progress: float, schedule: Schedule) -> float:
    """Share of the peak rate at `progress` in [0, 1]: a linear rise, then half a cosine."""
    if progress < schedule.warmup:
        return (progress + 1e-3) / (schedule.warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - schedule.warmup) / (1 - schedule.warmup)))


def _step(
    network: SiamFCNetwork, optimizer: torch.optim.Optimizer, batch: Batch, schedule: Schedule
) -> dict[str, float]:
    device = next(network.parameters()).device
    templates, searches = (_to_network(batch[key], device) for key in ("template", "search"))
    with torch.autocast(device.type, torch.bfloat16, enabled=schedule.half):
        features = network.features(templates)
        search_features = network.features(searches)
    # B searches against 2B templates: the true ones first, then the wrongly scaled.
    responses = network.head.scale(F.conv2d(search_features.float(), features.float()))
    offsets = batch["offset"].to(device)
    loss, terms = matching_loss(responses, offsets, network.backbone.stride, schedule.loss)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 10.0)
    optimizer.step()
    return {"loss": loss.item(), **terms}


def _to_network(images: Tensor, device: torch.device) -> Tensor:
    """... x H x W x 3 uint8 -> B x 3 x H x W float; a second scale becomes a second half."""
    if images.dim() == 5:
        images = images.transpose(0, 1).flatten(0, 1)
    return images.to(device).permute(0, 3, 1, 2).float()


def _calibrate(network: SiamFCNetwork) -> None:
    """Start with responses of about unit spread below zero: most cells are misses.

    The scale stays as it is, the last units learn the rest; the bias learns.
    """
    scale = _learned_scale(network)
    nn.init.constant_(scale.weight, INITIAL_SCALE).requires_grad_(False)
    nn.init.constant_(scale.bias, INITIAL_BIAS)


def _learned_scale(network: SiamFCNetwork) -> LearnedScale:
    if network.head.loc_adjust is None:
        raise ValueError("training needs a head with learned_scale=True")
    return network.head.loc_adjust


def _parameter_groups(network: SiamFCNetwork, decay: float) -> list[dict[str, Any]]:
    """Decay convolution weights only; the one bias of the head learns faster than the rest."""
    backbone = list(network.backbone.parameters())
    return [
        {"params": [p for p in backbone if p.dim() == 4], "weight_decay": decay, "speed": 1.0},
        {"params": [p for p in backbone if p.dim() != 4], "weight_decay": 0.0, "speed": 1.0},
        {"params": [_learned_scale(network).bias], "weight_decay": 0.0, "speed": 10.0},
    ]


def _save(
    network: SiamFCNetwork,
    optimizer: torch.optim.Optimizer,
    step: int,
    schedule: Schedule,
    file: Path,
) -> None:
    state = {
        "step": step,
        "state_dict": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": asdict(schedule),
    }
    save_network(network, file.with_name("network.pt"), half=True)
    partial = file.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(file)  # a run killed while writing keeps the file before


def _resume(network: nn.Module, optimizer: torch.optim.Optimizer, file: Path) -> int:
    if not file.exists():
        return 0
    state = torch.load(file, map_location="cpu", weights_only=True)
    network.load_state_dict(state["state_dict"])
    optimizer.load_state_dict(state["optimizer"])
    log.info("going on from %s at step %d", file, state["step"])
    return int(state["step"])

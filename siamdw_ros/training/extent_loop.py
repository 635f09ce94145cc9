"""Training of the extent head on stored features of windows."""

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from siamdw_ros.siamdw.extent_network import (
    MIRRORED,
    NO_WINDOW,
    ExtentHead,
    overlap_of_distances,
)
from siamdw_ros.training.extent_windows import Windows

log = logging.getLogger(__name__)

REGRESSED = 1.3  # octaves up to which the box is learned
CHOICE_WIDTH = 0.1  # overlap by which a window's box must be worse to be chosen e times less
NEIGHBOUR_DROPOUT = 0.25
STD_FLOOR = 1e-3
LOG_STEPS = 100


@dataclass(frozen=True)
class HeadTraining:
    """How the head learns.

    Attributes:
        epochs: times that every tap is seen.
        taps: per step.
        rate: learning rate at its highest.
        decay: weight decay.
        seed: of the random numbers.
    """

    epochs: int = 12
    taps: int = 32
    rate: float = 2e-3
    decay: float = 2e-2
    seed: int = 0


def principal_components(features: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Find the linear map that keeps most of the features' variance.

    Args:
        features: N x channels x 5 x 5, any sample of them.
        count: of the outputs, K.

    Returns:
        The map, K x channels, for features as they are, and its output for the mean, K.
    """
    mean = features.mean((0, 2, 3))
    deviation = features.std((0, 2, 3)) + STD_FLOOR
    cells = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    cells = (cells - mean) / deviation
    variances, vectors = torch.linalg.eigh(cells.T @ cells / len(cells))
    variances, vectors = variances.flip(0)[:count], vectors.flip(1)[:, :count]
    # Between plain components and whitened ones: small components are made larger, not equal.
    components = (vectors / variances.clamp_min(1e-6).pow(0.25)).T / deviation
    return components, components @ mean


def train_head(windows: Windows, offset: Tensor, config: HeadTraining) -> ExtentHead:
    """Train a head on projected features.

    Args:
        windows: with features of K components.
        offset: K, what :func:`principal_components` returned; it is subtracted.
        config: how.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    head = ExtentHead(channels=windows.features.shape[1])
    optimizer = torch.optim.AdamW(head.parameters(), config.rate, weight_decay=config.decay)
    _, counts = torch.unique_consecutive(windows.taps, return_counts=True)
    starts = counts.cumsum(0) - counts
    per_step = min(config.taps, len(counts))
    steps = config.epochs * (len(counts) // per_step)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.rate, total_steps=steps, pct_start=0.2
    )
    relatives = neighbours(windows)
    for step in range(steps):
        chosen = torch.from_numpy(rng.choice(len(counts), per_step, replace=False))
        batch = _batch(windows, relatives, starts[chosen], counts[chosen])
        features = batch.windows.features - offset[:, None, None]
        loss = head_loss(head, features, batch).total
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % LOG_STEPS == 0:
            log.info("step %d of %d: loss %.3f", step, steps, loss.item())
    return head.eval()


def neighbours(windows: Windows) -> Tensor:
    """Find the windows of half and of twice the side around the same tap: N x 2, or NO_WINDOW."""
    first: dict[int, float] = {}
    places: dict[tuple[int, int], int] = {}
    pairs = zip(windows.taps.tolist(), windows.octaves.tolist(), strict=True)
    for index, (tap, octave) in enumerate(pairs):
        places[tap, round(octave - first.setdefault(tap, octave))] = index
    return torch.tensor(
        [[places.get((tap, steps + more), NO_WINDOW) for more in (-1, 1)] for tap, steps in places]
    )


@dataclass(frozen=True)
class Batch:
    """Windows of some taps; neighbours are indices inside the batch.

    Attributes:
        windows: M of them.
        neighbours: M x 2, the smaller and the larger one, or NO_WINDOW.
        counts: windows per tap.
    """

    windows: Windows
    neighbours: Tensor
    counts: Tensor


def _batch(windows: Windows, relatives: Tensor, starts: Tensor, counts: Tensor) -> Batch:
    """Gather the windows of taps; mirror them at random, and hide some neighbours."""
    ranges = [
        torch.arange(s, s + n) for s, n in zip(starts.tolist(), counts.tolist(), strict=True)
    ]
    index = torch.cat(ranges)
    first_in_batch = (counts.cumsum(0) - counts).repeat_interleave(counts)
    found = relatives[index]
    local = found - starts.repeat_interleave(counts)[:, None] + first_in_batch[:, None]
    local = local.masked_fill(found == NO_WINDOW, NO_WINDOW)
    features, distances = windows.features[index].float(), windows.distances[index]
    if torch.rand(()) < 0.5:
        features, distances = features.flip(-1), distances[:, MIRRORED]
    chosen = Windows(features, windows.taps[index], windows.octaves[index], distances)
    return Batch(chosen, some_hidden(local), counts)


def some_hidden(neighbours: Tensor) -> Tensor:
    """Hide some neighbours, so that the score does not rely on all being there."""
    return neighbours.masked_fill(torch.rand(neighbours.shape) < NEIGHBOUR_DROPOUT, NO_WINDOW)


class ExtentLoss(NamedTuple):
    """The loss and its parts.

    box: of overlap and logarithms of the distances, where the window fits. score: it has to be
    the overlap of the predicted box with the object's. choice: see :func:`choice_loss`.
    """

    total: Tensor
    box: Tensor
    score: Tensor
    choice: Tensor


def head_loss(head: nn.Module, features: Tensor, batch: Batch) -> ExtentLoss:
    """Compare what a head predicts with the annotation.

    Args:
        head: an :class:`ExtentHead` in training.
        features: of the windows of the batch, as the head takes them.
        batch: the rest of what is known of them.
    """
    windows = batch.windows
    scores, found = head(features, *batch.neighbours.unbind(1))
    overlaps = overlap_of_distances(found, windows.distances)
    near = windows.octaves.abs() < REGRESSED
    logarithms = (found.log() - windows.distances.log()).abs().mean(1)
    box = (1 - overlaps + 0.3 * logarithms)[near].mean()
    targets = overlaps.detach()
    score = F.binary_cross_entropy_with_logits(scores, targets.clamp(0, 1))
    choice = choice_loss(scores, targets, batch.counts)
    return ExtentLoss(box + score + choice, box, score, choice)


def choice_loss(scores: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
    """Cross-entropy of the choice among the windows of a tap.

    Args:
        scores: M, of windows, those of a tap adjacent.
        targets: M, overlaps.
        counts: windows per tap.
    """
    widest = int(counts.max())
    filled = torch.arange(widest) < counts[:, None]
    table = torch.full(filled.shape, -1e4)
    wanted = table.masked_scatter(filled, targets / CHOICE_WIDTH).softmax(1)
    chosen = table.masked_scatter(filled, scores).log_softmax(1)
    loss: Tensor = -(wanted * chosen).sum(1).mean()
    return loss


@torch.no_grad()
def with_projection(head: ExtentHead, projection: Tensor, offset: Tensor) -> ExtentHead:
    """Return a head for features as they are: the neck takes the projection in.

    Args:
        head: for K components.
        projection: K x channels.
        offset: K, which was subtracted in training.
    """
    whole = ExtentHead(channels=projection.shape[1])
    weights = head.state_dict()
    neck = weights["neck.weight"][:, :, 0, 0]
    weights["neck.weight"] = (neck @ projection)[..., None, None]
    weights["neck.bias"] = weights["neck.bias"] - neck @ offset
    whole.load_state_dict(weights)
    return nn.Module.eval(whole)

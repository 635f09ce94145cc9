"""Training objectives: the arrays that a pair becomes, and their loss."""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from siamdw_ros.siamdw.heads import anchor_grid
from siamdw_ros.siamdw.networks import Network, SiamFCNetwork, SiamRPNNetwork
from siamdw_ros.training.losses import (
    LossWeights,
    Terms,
    matching_loss,
    siamfc_loss,
    siamrpn_loss,
)
from siamdw_ros.training.published import TrackPair, TrackPairs
from siamdw_ros.training.scenes import EXEMPLAR, PairMaker, two_scales
from siamdw_ros.training.targets import anchor_targets, label_map

Arrays = dict[str, Any]  # arrays of one pair, by name
Batch = dict[str, Tensor]  # the same of B pairs


class Objective(Protocol):
    """Draws batches for a network, and computes its loss."""

    def sample(self, rng: np.random.Generator) -> Arrays:
        """Draw one pair: template, search (H x W x 3 uint8), offset (2), and what else counts."""

    def loss(self, network: Any, batch: Batch) -> tuple[Tensor, Terms]:
        """Return the loss of a batch: a scalar with a gradient, and its terms."""


class SiamFCObjective:
    """SiamFC+ as published: every cell is a hit or a miss (paper section 5.1)."""

    def __init__(self, pairs: TrackPairs) -> None:
        self.pairs = pairs

    def sample(self, rng: np.random.Generator) -> Arrays:
        """Draw template 127 x 127 x 3, search, offset and size of the target."""
        return _arrays(self.pairs.draw(rng))

    def loss(self, network: SiamFCNetwork, batch: Batch) -> tuple[Tensor, Terms]:
        """Compare each search region with its own template."""
        templates, searches = _features(network, batch)
        with torch.autocast(templates.device.type, enabled=False):
            responses = network.head(templates, searches)
            return siamfc_loss(responses, batch["offset"], network.backbone.stride)


class SiamRPNObjective:
    """SiamRPN+ as published: anchors are hits or misses, and hits are corrected."""

    def __init__(self, pairs: TrackPairs, stride: int = 8) -> None:
        self.pairs = pairs
        self.anchors = anchor_grid((pairs.search_side - EXEMPLAR) // stride + 1, stride)

    def sample(self, rng: np.random.Generator) -> Arrays:
        """Draw what SiamFC+ needs, and the anchors' labels and corrections."""
        pair = self.pairs.draw(rng)
        box = np.concatenate([pair.offset, pair.size]).astype(np.float32)
        labels, corrections = anchor_targets(box, self.anchors, rng)
        return {**_arrays(pair), "labels": labels, "corrections": corrections}

    def loss(self, network: SiamRPNNetwork, batch: Batch) -> tuple[Tensor, Terms]:
        """Compare each search region with its own template."""
        templates, searches = _features(network, batch)
        with torch.autocast(templates.device.type, enabled=False):
            logits, corrections = network.head(network.head.kernels(templates), searches)
            hits = label_map(batch["offset"], logits.shape[-1], network.backbone.stride)
            return siamrpn_loss(
                network.head,
                logits,
                corrections,
                labels=batch["labels"],
                targets=batch["corrections"],
                away=~hits,
            )


class MatchingObjective:
    """Our own: besides telling hits from misses, place and scale have to win.

    See :func:`~siamdw_ros.training.losses.matching_loss`.
    """

    def __init__(self, pairs: PairMaker, weights: LossWeights) -> None:
        self.pairs, self.weights = pairs, weights

    def sample(self, rng: np.random.Generator) -> Arrays:
        """Draw template 2 x 127 x 127 x 3, the second wrongly scaled, search and offset."""
        pair = self.pairs.draw(rng)
        return {
            "template": two_scales(pair.template, rng),
            "search": np.ascontiguousarray(pair.search),
            "offset": pair.offset.astype(np.float32),
        }

    def loss(self, network: SiamFCNetwork, batch: Batch) -> tuple[Tensor, Terms]:
        """Compare all search regions with all templates."""
        templates, searches = _features(network, batch)
        with torch.autocast(templates.device.type, enabled=False):
            # B searches against 2B templates: the true ones first, then the wrongly scaled.
            responses = network.head.scale(F.conv2d(searches, templates))
            stride = network.backbone.stride
            return matching_loss(responses, batch["offset"], stride, self.weights)


def _arrays(pair: TrackPair) -> Arrays:
    return {
        "template": np.ascontiguousarray(pair.template),
        "search": np.ascontiguousarray(pair.search),
        "offset": pair.offset.astype(np.float32),
        "size": pair.size.astype(np.float32),
    }


def _features(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Features of templates and search regions; heads compute in float32, see Runtime."""
    return tuple(
        network.features(to_network(batch[key])).float() for key in ("template", "search")
    )  # type: ignore[return-value]


def to_network(images: Tensor) -> Tensor:
    """... x H x W x 3 uint8 -> B x 3 x H x W float; a second scale becomes a second half."""
    if images.dim() == 5:
        images = images.transpose(0, 1).flatten(0, 1)
    return images.permute(0, 3, 1, 2).float()

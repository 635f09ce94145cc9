"""Optimisers and the course of the learning rate."""

import math
from typing import Any

import torch

from siamdw_ros.siamdw.networks import Network, SiamFCNetwork
from siamdw_ros.training.config import OptimizerConfig

BIAS_SPEED = 10.0  # the one bias of the head learns faster than the rest


def make_optimizer(network: Network, config: OptimizerConfig) -> torch.optim.Optimizer:
    """SGD over all parameters, or AdamW that decays convolutions only."""
    if config.kind == "sgd":
        return torch.optim.SGD(
            network.parameters(),
            lr=config.rate,
            momentum=config.momentum,
            weight_decay=config.decay,
        )
    return torch.optim.AdamW(_parameter_groups(network, config), lr=config.rate)


def _parameter_groups(network: Network, config: OptimizerConfig) -> list[dict[str, Any]]:
    scale = network.head.loc_adjust if isinstance(network, SiamFCNetwork) else None
    bias = [] if scale is None else [scale.bias]
    others = [p for p in network.parameters() if all(p is not b for b in bias)]
    return [
        {"params": [p for p in others if p.dim() == 4], "weight_decay": config.decay},
        {"params": [p for p in others if p.dim() != 4], "weight_decay": 0.0},
        {"params": bias, "weight_decay": 0.0, "lr": BIAS_SPEED * config.rate},
    ]


def rate_factor(step: int, steps_per_epoch: int, epochs: int, config: OptimizerConfig) -> float:
    """Share of `config.rate` at a step, counted from 0 over all epochs.

    `log`: constant through an epoch, and in the last one `rate_end` (as numpy.logspace has it).
    `cosine`: a linear rise, then half a cosine.
    """
    if config.schedule == "log":
        epoch = min(step // steps_per_epoch, epochs - 1)
        return float((config.rate_end / config.rate) ** (epoch / max(epochs - 1, 1)))
    progress = min(step / (steps_per_epoch * epochs), 1.0)
    if progress < config.warmup:
        return (progress + 1e-3) / (config.warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - config.warmup) / (1 - config.warmup)))

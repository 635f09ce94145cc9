"""How a network begins: from random numbers, or from the weights of a file."""

import logging

import torch
from torch import nn

from siamdw_ros.siamdw.checkpoints import read_checkpoint
from siamdw_ros.siamdw.networks import Network, SiamFCNetwork, SiamRPNNetwork, create_network
from siamdw_ros.training.config import Config
from siamdw_ros.training.record import ConfigError

INITIAL_SCALE = 1e-4  # for correlations of 25 cells x 512 channels of untrained features
INITIAL_BIAS = -4.0  # most cells are misses
INITIAL_RPN_SPREAD = 1e-4  # standard deviation of kernels of 9 cells x 512 channels

log = logging.getLogger(__name__)


def make_network(config: Config) -> Network:
    """Build the network of a run.

    Raises:
        ConfigError: the file of `init` does not fit.
    """
    torch.manual_seed(config.seed)
    network = create_network(config.model, learned_scale=config.learned_scale)
    calibrate(network)
    if config.init is not None:
        _load(network, config)
    return network


def calibrate(network: Network) -> None:
    """Begin so that responses have about unit spread, where a fresh head's would be hundreds.

    A learned scale stays as it is, the last units learn the rest; its bias learns, from below
    zero. SiamFC+ with the constant scale is left alone.
    """
    if isinstance(network, SiamFCNetwork) and (scale := network.head.loc_adjust) is not None:
        nn.init.constant_(scale.weight, INITIAL_SCALE).requires_grad_(False)
        nn.init.constant_(scale.bias, INITIAL_BIAS)
    if isinstance(network, SiamRPNNetwork):
        for conv in (network.head.search_cls, network.head.search_reg):
            nn.init.normal_(conv.weight, std=INITIAL_RPN_SPREAD)


def _load(network: Network, config: Config) -> None:
    """Take the backbone from a file, which has to fit, and the head where it fits."""
    assert config.init is not None
    checkpoint = read_checkpoint(config.init)
    wanted = {k: v for k, v in network.state_dict().items() if "num_batches_tracked" not in k}
    fitting = {
        key: value
        for key, value in checkpoint.weights.items()
        if key in wanted and value.shape == wanted[key].shape
    }
    backbone = {key for key in wanted if key.startswith("backbone.")}
    if lacking := sorted(backbone - fitting.keys()):
        raise ConfigError(
            f"init: {config.init} holds {checkpoint.network}, whose backbone is not that of "
            f"{config.model} ({lacking[0]} and {len(lacking) - 1} more)"
        )
    network.load_state_dict(fitting, strict=False)
    heads = len(fitting) - len(backbone)
    log.info("begins with %s: backbone%s", config.init, " and head" if heads else "")

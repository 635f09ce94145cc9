"""Networks with the sizes and strides of the real ones that cost next to nothing."""

import torch
from torch import nn
from torch.nn import functional as F

from siamdw_ros.siamdw.heads import SiamFCHead, SiamRPNHead
from siamdw_ros.siamdw.hyperparameters import hyperparameters
from siamdw_ros.siamdw.networks import SiamFCNetwork, SiamRPNNetwork
from siamdw_ros.siamdw.presence import DEFAULT_THRESHOLDS
from siamdw_ros.siamdw.runtime import Runtime
from siamdw_ros.siamdw.siamfc import SiamFC
from siamdw_ros.siamdw.siamfc_step import SiamFCStep
from siamdw_ros.siamdw.siamrpn import SiamRPN
from siamdw_ros.siamdw.siamrpn_step import SiamRPNStep

CHANNELS = 6


class TinyBackbone(nn.Module):
    """Mean colours of 7 x 7 px, and their changes: 127 -> 5, 255 -> 21 like the real ones."""

    stride = 8
    channels = CHANNELS

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, CHANNELS, 1, bias=False)

    def forward(self, x):
        means = F.avg_pool2d(x[:, :, 44:-44, 44:-44], 7, stride=8)
        return torch.tanh(self.mix(means) / 64)


def tiny_method(
    kind,
    *,
    parity=False,
    preset=None,
    thresholds=DEFAULT_THRESHOLDS,
    device="cpu",
    **overrides,
):
    """A whole tracking method, `siamfc` or `siamrpn`, with random weights from one seed."""
    generator = torch.Generator().manual_seed(5)
    backbone = TinyBackbone()
    if kind == "siamfc":
        network = SiamFCNetwork("siamfc_tiny", backbone, SiamFCHead())
    else:
        network = SiamRPNNetwork("siamrpn_tiny", backbone, SiamRPNHead(CHANNELS))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1, generator=generator)
    preset = "published" if parity else preset
    hyper = hyperparameters(f"{kind}_res22", preset, **overrides)
    make, step = (SiamFC, SiamFCStep) if kind == "siamfc" else (SiamRPN, SiamRPNStep)
    runtime = Runtime(step(network, parity=bool(parity)), torch.device(device))
    return make(runtime, hyper, thresholds)

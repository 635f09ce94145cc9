"""CIResNet-22 as the authors' release computes it: padded convolutions, then crops.

The baseline of the benchmark. Every 3x3 convolution pads, the sum with the identity is made over
the whole map, and the border is cut off afterwards (paper figure 3a); batch norms are layers of
their own. The weights are those of our networks, so that the numbers are the same.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from siamdw_ros.siamdw.backbones import CIRUnit, ResNet


class PaddedUnit(nn.Module):
    """A CIR unit that pads, adds and then crops: B x C x H x W -> B x C' x H-2 x W-2.

    Without `crop` it is the residual unit that CIR units are made from: the border stays.
    """

    def __init__(self, unit: CIRUnit, *, crop: bool = True) -> None:
        super().__init__()
        self.crop = crop
        self.unit = copy.deepcopy(unit)
        self.unit.conv2.padding = (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the unit."""
        unit = self.unit
        out = F.relu(unit.bn1(unit.conv1(x)))
        out = F.relu(unit.bn2(unit.conv2(out)))
        out = unit.bn3(unit.conv3(out)) + unit.downsample(x)
        out = F.relu(out) if unit.last_relu else out
        return out[:, :, 1:-1, 1:-1] if self.crop else out


class PaddedResNet(nn.Module):
    """The padded twin of a :class:`~siamdw_ros.siamdw.backbones.ResNet`, with its weights."""

    def __init__(self, backbone: ResNet, *, crop: bool = True) -> None:
        super().__init__()
        self.crop = crop
        self.conv1, self.bn1 = copy.deepcopy(backbone.conv1), copy.deepcopy(backbone.bn1)
        self.conv1.padding = (3, 3)
        stages = [*backbone.layer1, *backbone.layer2]
        self.layers = nn.Sequential(
            *[
                PaddedUnit(m, crop=crop) if isinstance(m, CIRUnit) else copy.deepcopy(m)
                for m in stages
            ]
        )
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """B x 3 x H x W (BGR, 0..255) -> B x 512 x h x w; 127 -> 5, 255 -> 21."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = x[:, :, 2:-2, 2:-2] if self.crop else x
        features: Tensor = self.layers(F.max_pool2d(x, 2))
        return features

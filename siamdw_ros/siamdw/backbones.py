"""The backbones of SiamDW, built from cropping-inside-residual (CIR) units.

A CIR unit pads its 3x3 convolution, adds the identity and crops away the border cells that
contain padding (paper section 4.1, figure 3). Without the padding the convolution yields exactly
the cells that the crop keeps, so the units here do not pad at all and crop the identity instead:
the same numbers for less work. In training the two differ in one point: batch statistics here
never include padded cells.

Module names follow the authors' release, so that its checkpoints map by a prefix alone
(:mod:`siamdw_ros.siamdw.checkpoints`).
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INCEPTION_EPS = 1e-3  # batch norm of the 1x1 branch, as in the authors' release


def crop(x: Tensor, border: int = 1) -> Tensor:
    """Remove `border` cells from each side: B x C x H x W -> B x C x H-2b x W-2b."""
    return x[:, :, border:-border, border:-border]


def conv1x1(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a pointwise convolution without bias."""
    return nn.Conv2d(inputs, outputs, 1, bias=False)


def conv3x3(inputs: int, outputs: int, groups: int = 1) -> nn.Conv2d:
    """Return an unpadded 3x3 convolution without bias: each side loses one cell."""
    return nn.Conv2d(inputs, outputs, 3, groups=groups, bias=False)


class CIRUnit(nn.Module):
    """The residual bottleneck with cropping, 1x1 - 3x3 - 1x1 (paper figure 3a).

    B x C x H x W -> B x 4*planes x H-2 x W-2.

    Args:
        inputs: channels that come in.
        planes: channels of the bottleneck; four times as many go out.
        wide: double the channels inside the bottleneck (ResNet22W).
        last_relu: False for the last unit of a backbone, whose features keep their sign.
    """

    def __init__(
        self, inputs: int, planes: int, *, wide: bool = False, last_relu: bool = True
    ) -> None:
        super().__init__()
        inner = planes * (2 if wide else 1)
        outputs = 4 * planes
        self.conv1 = conv1x1(inputs, planes)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = conv3x3(planes, inner)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = conv1x1(inner, outputs)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(conv1x1(inputs, outputs), nn.BatchNorm2d(outputs))
            if inputs != outputs
            else nn.Identity()
        )
        self.last_relu = last_relu

    def forward(self, x: Tensor) -> Tensor:
        """Apply the unit: each side loses one cell."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out)) + self.downsample(crop(x))
        return F.relu(out) if self.last_relu else out


class CIRInceptionUnit(nn.Module):
    """The Inception unit with cropping: a 3x3 bottleneck beside a 1x1 branch, concatenated.

    B x C x H x W -> B x 5*planes x H-2 x W-2. The authors' release adds no identity, nor do we.
    """

    def __init__(self, inputs: int, planes: int, *, last_relu: bool = True) -> None:
        super().__init__()
        self.branch3x3 = _named(
            conv1=conv1x1(inputs, planes),
            bn1=nn.BatchNorm2d(planes),
            relu1=nn.ReLU(),
            conv2=conv3x3(planes, planes),
            bn2=nn.BatchNorm2d(planes),
            relu2=nn.ReLU(),
            conv3=conv1x1(planes, 4 * planes),
            bn3=nn.BatchNorm2d(4 * planes),
        )
        self.branch1x1 = _named(
            conv=conv1x1(inputs, planes), bn=nn.BatchNorm2d(planes, eps=INCEPTION_EPS)
        )
        self.last_relu = last_relu

    def forward(self, x: Tensor) -> Tensor:
        """Apply the unit: each side loses one cell."""
        out = torch.cat((self.branch3x3(x), self.branch1x1(crop(x))), dim=1)
        return F.relu(out) if self.last_relu else out


class CIRNeXtUnit(nn.Module):
    """The ResNeXt unit with cropping: a bottleneck of 32 groups, batch norm after the sum.

    B x C x H x W -> B x 2*inner x H-2 x W-2.
    """

    def __init__(self, inputs: int, inner: int, *, last_relu: bool = True) -> None:
        super().__init__()
        outputs = 2 * inner
        self.basic = _named(
            conv1_0=conv1x1(inputs, inner),
            bn1=nn.BatchNorm2d(inner),
            relu1=nn.ReLU(),
            conv3_0=conv3x3(inner, inner, groups=32),
            bn2=nn.BatchNorm2d(inner),
            relu2=nn.ReLU(),
            conv1_1=conv1x1(inner, outputs),
            bn3=nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut.append(conv1x1(inputs, outputs))
        self.bn0 = nn.BatchNorm2d(outputs)
        self.last_relu = last_relu

    def forward(self, x: Tensor) -> Tensor:
        """Apply the unit: each side loses one cell."""
        out = self.bn0(self.basic(x) + self.shortcut(crop(x)))
        return F.relu(out) if self.last_relu else out


class ResNet(nn.Module):
    """CIResNet-16, -19, -22 and -22W (paper table 3): stride 8, 512 channels.

    Args:
        blocks: units in each of the two stages: (3, 4) is ResNet22, (1, 4) 16 and (2, 4) 19.
        wide: double the channels inside the bottlenecks.
    """

    stride = 8
    channels = 512

    def __init__(self, blocks: Sequence[int] = (3, 4), *, wide: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        first = [CIRUnit(64 if i == 0 else 256, 64, wide=wide) for i in range(blocks[0])]
        second = [
            CIRUnit(256 if i == 0 else 512, 128, wide=wide, last_relu=i < blocks[1] - 1)
            for i in range(blocks[1])
        ]
        self.layer1 = nn.Sequential(*first)
        self.layer2 = _pooled_after_first(second)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """B x 3 x H x W (BGR, 0..255) -> B x 512 x h x w; 127 -> 5, 255 -> 21."""
        features: Tensor = self.layer2(self.first_stage(x))
        return features

    def first_stage(self, x: Tensor) -> Tensor:
        """Compute what the second stage takes in, B x 256 channels."""
        x = F.relu(self.bn1(self.conv1(cropped_stem_input(x))))
        features: Tensor = self.layer1(F.max_pool2d(x, 2))
        return features


class ResNet43(nn.Module):
    """CIResNet-43 (paper table 3): stride 4, 256 channels. A reconstruction, see docs/method.md.

    The authors never released it. Four units at stride 2 and ten at stride 4 agree with every
    figure that the paper gives: parameters, receptive field, output size and cost.
    """

    stride = 4
    channels = 256

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(*[CIRUnit(64 if i == 0 else 256, 64) for i in range(4)])
        self.layer2 = nn.Sequential(*[CIRUnit(256, 64, last_relu=i < 9) for i in range(10)])
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """B x 3 x H x W (BGR, 0..255) -> B x 256 x h x w; 127 -> 6, 255 -> 38."""
        x = F.relu(self.bn1(self.conv1(cropped_stem_input(x))))
        features: Tensor = self.layer2(F.max_pool2d(self.layer1(x), 2))
        return features


class Inception22(nn.Module):
    """CIResInception-22 (paper table 3): stride 8, 640 channels.

    Args:
        old_stem: the stem of the authors' first release, padded and cropped like the ResNets'.
            A checkpoint does not contain which stem it was trained with: both have the same keys.
    """

    stride = 8
    channels = 640

    def __init__(self, *, old_stem: bool = False) -> None:
        super().__init__()
        self.old_stem = old_stem
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(
            *[CIRInceptionUnit(64 if i == 0 else 320, 64) for i in range(3)]
        )
        self.layer2 = _pooled_after_first(
            [CIRInceptionUnit(320 if i == 0 else 640, 128, last_relu=i < 3) for i in range(4)]
        )
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """B x 3 x H x W (BGR, 0..255) -> B x 640 x h x w; 127 -> 5, 255 -> 21."""
        x = cropped_stem_input(x) if self.old_stem else x
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 2 if self.old_stem else 3, stride=2)
        features: Tensor = self.layer2(self.layer1(x))
        return features


class ResNeXt22(nn.Module):
    """CIResNeXt-22 (paper table 3): stride 8, 512 channels, 32 groups."""

    stride = 8
    channels = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 64, 7, stride=2)  # with bias, as released
        self.bn0 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(*[CIRNeXtUnit(64 if i == 0 else 256, 128) for i in range(3)])
        self.layer2 = _pooled_after_first(
            [CIRNeXtUnit(256 if i == 0 else 512, 256, last_relu=i < 3) for i in range(4)]
        )
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """B x 3 x H x W (BGR, 0..255) -> B x 512 x h x w; 127 -> 5, 255 -> 21."""
        x = F.max_pool2d(F.relu(self.bn0(self.conv0(x))), 3, stride=2)
        features: Tensor = self.layer2(self.layer1(x))
        return features


Backbone = ResNet | ResNet43 | Inception22 | ResNeXt22


def cropped_stem_input(x: Tensor) -> Tensor:
    """Input of the 7x7 stem when its padding of 3 is followed by a crop of 2 output cells.

    At stride 2 that drops the first input pixel and, of an even side, the last.
    """
    height, width = map(int, x.shape[2:])  # numbers also where an exporter traces them
    return x[:, :, 1 : height - 1 + height % 2, 1 : width - 1 + width % 2]


def initialise(backbone: nn.Module) -> None:
    """Draw convolutions from He's normal (fan out) and reset batch norms, as the authors do."""
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _pooled_after_first(units: Sequence[nn.Module]) -> nn.Sequential:
    """Make a stage whose first unit is a CIR-D: its crop comes before the pooling (figure 3b)."""
    return nn.Sequential(units[0], nn.MaxPool2d(2), *units[1:])


def _named(**modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))

"""The backbones: sizes, receptive fields, and that no cell depends on padding."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from siamdw_ros.siamdw import backbones
from siamdw_ros.siamdw.backbones import CIRInceptionUnit, CIRNeXtUnit, CIRUnit, crop
from siamdw_ros.siamdw.networks import BACKBONES

OLD_STEM = "incep22-old-stem"
NAMES = [*BACKBONES, OLD_STEM]

PARAMETERS = {
    "res22": 1_444_928,
    "res22w": 2_458_048,
    "incep22": 1_694_656,
    "next22": 1_416_576,
    "res16": 1_304_128,
    "res19": 1_374_528,
    "res43": 999_744,
    OLD_STEM: 1_694_656,
}
INPUT_SIDES = (127, 135, 143, 151, 255, 263, 271, 279, 287)
OUTPUT_SIDES = {
    "res22": (5, 6, 7, 8, 21, 22, 23, 24, 25),
    "res22w": (5, 6, 7, 8, 21, 22, 23, 24, 25),
    "incep22": (5, 6, 7, 8, 21, 22, 23, 24, 25),
    "next22": (5, 6, 7, 8, 21, 22, 23, 24, 25),
    "res16": (7, 8, 9, 10, 23, 24, 25, 26, 27),
    "res19": (6, 7, 8, 9, 22, 23, 24, 25, 26),
    "res43": (6, 8, 10, 12, 38, 40, 42, 44, 46),
    OLD_STEM: (5, 6, 7, 8, 21, 22, 23, 24, 25),
}
RECEPTIVE_FIELDS = {
    "res22": 93,
    "res22w": 93,
    "incep22": 95,
    "next22": 95,
    "res16": 77,
    "res19": 85,
    "res43": 105,
    OLD_STEM: 93,
}
CHANNELS = {"incep22": 640, OLD_STEM: 640, "res43": 256}


def make(name):
    if name == OLD_STEM:
        return backbones.Inception22(old_stem=True).eval()
    return BACKBONES[name]().eval()


def randomise_norms(module):
    """Give batch norms statistics that matter."""
    generator = torch.Generator().manual_seed(1)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean, std=0.1, generator=generator)
            nn.init.uniform_(norm.running_var, 0.5, 1.5, generator=generator)
            nn.init.uniform_(norm.weight, 0.5, 1.0, generator=generator)
            nn.init.normal_(norm.bias, std=0.1, generator=generator)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_as_many_as_published(name):
    assert sum(parameter.numel() for parameter in make(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_feature_sides_are_those_of_the_table(name):
    with torch.device("meta"):
        backbone = make(name)
        shapes = [backbone(torch.zeros(1, 3, side, side)).shape for side in INPUT_SIDES]
    channels = CHANNELS.get(name, 512)
    assert backbone.channels == channels
    assert shapes == [(1, channels, side, side) for side in OUTPUT_SIDES[name]]


@torch.inference_mode()
@pytest.mark.parametrize("name", NAMES)
def test_shift_by_a_stride_shifts_the_features_by_a_cell(name):
    backbone = randomise_norms(make(name)).double()
    step = backbone.stride
    image = 255 * torch.rand(1, 3, 127 + step, 127 + step, dtype=torch.float64)
    here = backbone(image[:, :, :127, :127])
    there = backbone(image[:, :, step:, step:])
    torch.testing.assert_close(there[:, :, :-1, :-1], here[:, :, 1:, 1:], rtol=1e-9, atol=1e-9)


def mean_pool(x, size, stride=2, *_, **__):
    return F.avg_pool2d(x, size, stride)


@pytest.mark.parametrize("name", NAMES)
def test_receptive_field_of_a_cell_is_the_published_one(name, monkeypatch):
    # Means let every pixel through to the gradient, where maxima let pass only the largest.
    monkeypatch.setattr(F, "max_pool2d", mean_pool)
    backbone = make(name).double()
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, module.in_channels**-1)
    image = torch.ones(1, 3, 135, 135, dtype=torch.float64, requires_grad=True)
    features = backbone(image)
    features[0, :, 2, 2].sum().backward()
    seen = image.grad[0].abs().sum(0) > 0
    rows, columns = seen.any(1).sum().item(), seen.any(0).sum().item()
    assert (rows, columns) == (RECEPTIVE_FIELDS[name],) * 2


@torch.inference_mode()
def test_middle_cell_of_resnet22_sees_the_middle_of_the_exemplar():
    backbone = make("res22")
    image = torch.rand(1, 3, 127, 127)
    before = backbone(image)[0, :, 2, 2]
    for outside in (image[:, :, :17], image[:, :, 110:], image[..., :17], image[..., 110:]):
        outside.fill_(1e3)
    torch.testing.assert_close(backbone(image)[0, :, 2, 2], before)


def padded(unit, x):
    """The unit as in the paper: pad, add the identity, crop what saw the padding."""
    unit = copy.deepcopy(unit)
    if isinstance(unit, CIRUnit):
        out = F.relu(unit.bn1(unit.conv1(x)))
        out = F.relu(unit.bn2(F.conv2d(out, unit.conv2.weight, padding=1)))
        out = F.relu(unit.bn3(unit.conv3(out)) + unit.downsample(x))
    elif isinstance(unit, CIRInceptionUnit):
        unit.branch3x3.conv2.padding = (1, 1)
        out = F.relu(torch.cat((unit.branch3x3(x), unit.branch1x1(x)), dim=1))
    else:
        unit.basic.conv3_0.padding = (1, 1)
        out = F.relu(unit.bn0(unit.basic(x) + unit.shortcut(x)))
    return crop(out)


@torch.inference_mode()
@pytest.mark.parametrize("side", [5, 12])
@pytest.mark.parametrize(
    "unit",
    [
        CIRUnit(16, 8),
        CIRUnit(32, 8),
        CIRUnit(16, 8, wide=True),
        CIRInceptionUnit(16, 8),
        CIRNeXtUnit(16, 32),
        CIRNeXtUnit(64, 32),
    ],
    ids=["residual", "residual-identity", "wide", "inception", "next", "next-identity"],
)
def test_unpadded_unit_equals_padding_and_cropping(unit, side):
    unit = randomise_norms(unit).eval()
    x = torch.randn(2, unit_inputs(unit), side, side)
    ours = unit(x)
    assert ours.shape[2:] == (side - 2, side - 2)
    torch.testing.assert_close(ours, padded(unit, x))


def unit_inputs(unit):
    return next(module for module in unit.modules() if isinstance(module, nn.Conv2d)).in_channels


@torch.inference_mode()
@pytest.mark.parametrize("side", [127, 128, 255, 256])
def test_unpadded_stem_equals_padding_and_cropping(side):
    conv = nn.Conv2d(3, 2, 7, stride=2, bias=False)
    image = torch.rand(1, 3, side, side)
    padded_conv = F.conv2d(image, conv.weight, stride=2, padding=3)
    ours = conv(backbones.cropped_stem_input(image))
    torch.testing.assert_close(ours, crop(padded_conv, 2))


@torch.inference_mode()
@pytest.mark.parametrize("name", NAMES)
def test_features_keep_their_sign(name):
    features = make(name)(255 * torch.rand(1, 3, 127, 127))
    assert features.min() < 0 < features.max()

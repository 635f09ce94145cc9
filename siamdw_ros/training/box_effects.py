"""What cameras do to crops, for a whole batch at once: light, colour, blur, resolution, noise."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

KERNEL = 9  # px, of the blur
COARSE_SHARE = 0.2  # of the pairs show a target of few pixels
COARSE_RANGE = 1.35, 8.1  # by which factor their resolution is lower


def photometric(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Change light, colour and sharpness of each crop, and add noise.

    Args:
        crops: B x 3 x H x W, BGR 0..255.
        generator: of the random numbers, on the device of the crops.
    """
    device, count = crops.device, len(crops)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device)

    grey = crops.mean(1, keepdim=True)
    saturation = torch.where(
        uniform(count, 1, 1, 1) < 0.15,
        torch.zeros(1, device=device),
        0.5 + uniform(count, 1, 1, 1),
    )
    crops = grey + (crops - grey) * saturation
    gain = torch.exp(normal(count, 1, 1, 1) * 0.2 + normal(count, 3, 1, 1) * 0.06)
    middle = crops.mean((1, 2, 3), keepdim=True)
    contrast = torch.exp(normal(count, 1, 1, 1) * 0.15)
    crops = (middle + (crops - middle) * contrast) * gain + normal(count, 1, 1, 1) * 10
    crops = blur(crops.clamp(0, 255), uniform)
    noise = uniform(count, 1, 1, 1) ** 3 * 14
    crops = crops + torch.randn(crops.shape, generator=generator, device=device) * noise
    return crops.clamp(0, 255).round()


def coarsen(templates: Tensor, searches: Tensor, generator: torch.Generator) -> None:
    """Lower the resolution of some pairs in place, of template and search region alike.

    Args:
        templates: B x 3 x H x W, BGR 0..255.
        searches: B x 3 x S x S.
        generator: of the random numbers, on the device of the crops.
    """
    low, high = COARSE_RANGE
    choice = torch.rand((len(templates), 2), generator=generator, device=templates.device)
    for index, (chance, share) in enumerate(choice.tolist()):
        if chance < COARSE_SHARE:
            factor = low * (high / low) ** share
            templates[index] = coarse(templates[index], factor)
            searches[index] = coarse(searches[index], factor)


def coarse(crop: Tensor, factor: float) -> Tensor:
    """Shrink a crop by a factor and enlarge it again: 3 x S x S."""
    side = crop.shape[-1]
    small = F.interpolate(crop[None], max(8, round(side / factor)), mode="area")
    return F.interpolate(small, side, mode="bilinear", align_corners=False)[0]


def blur(crops: Tensor, uniform: Callable[..., Tensor]) -> Tensor:
    """Blur about half of the crops, round or along a line, as motion and few pixels do."""
    chosen = (uniform(len(crops)) < 0.55).nonzero().squeeze(1)
    blurred = crops.clone()
    if len(chosen):
        blurred[chosen] = _blur(crops[chosen], uniform)
    return blurred


def _blur(crops: Tensor, uniform: Callable[..., Tensor]) -> Tensor:
    count, channels = crops.shape[:2]
    device = crops.device
    angle = uniform(count) * math.pi
    long = 0.35 + uniform(count) ** 2.5 * 2.5
    short = torch.where(uniform(count) < 0.5, long, 0.25)
    index = torch.arange(KERNEL, device=device) - KERNEL // 2
    x, y = torch.meshgrid(index.float(), index.float(), indexing="xy")
    along = angle.cos()[:, None, None] * x + angle.sin()[:, None, None] * y
    across = angle.cos()[:, None, None] * y - angle.sin()[:, None, None] * x
    exponent = (along / long[:, None, None]) ** 2 + (across / short[:, None, None]) ** 2
    kernels = torch.exp(-exponent / 2)
    kernels = kernels / kernels.sum((1, 2), keepdim=True)
    kernels = kernels.repeat_interleave(channels, 0)[:, None]
    flat = F.pad(crops.flatten(0, 1)[None], [KERNEL // 2] * 4, mode="replicate")
    return F.conv2d(flat, kernels, groups=count * channels).view_as(crops)

"""Effects of cameras on a whole batch of crops: light, colour, blur, resolution, noise."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

KERNEL = 9  # px, of the blur
OWN_LIGHT = 0.35  # strength of the change of light that a crop does not share with its pair
GREY_SHARE = 0.1  # share of the pairs without colour
OTHER_LIGHT_SHARE = 0.15  # share of the crops in another light altogether
COARSE_SHARE = 0.2  # share of the pairs with a target of few pixels
COARSE_RANGE = 1.35, 8.1  # by which factor their resolution is lower


def photometric(
    templates: Tensor, searches: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Change light, colour and sharpness of each pair, and add noise.

    Both crops come from one camera, mostly in the same light: colour is evidence for the target.
    Most of the change of light is therefore common to a pair.

    Args:
        templates: B x 3 x H x W, BGR 0..255.
        searches: B x 3 x S x S.
        generator: of the random numbers, on the device of the crops.
    """
    common = Light.draw(len(templates), generator)
    chance = torch.rand(common.saturation.shape, generator=generator, device=generator.device)
    common = common._replace(saturation=common.saturation.where(chance > GREY_SHARE, -9.0))
    return (
        _seen_by_a_camera(templates, common, generator),
        _seen_by_a_camera(searches, common, generator),
    )


class Light(NamedTuple):
    """Changes of light, B x C x 1 x 1 each, that add up; all but `offset` are logarithms."""

    saturation: Tensor
    gain: Tensor
    contrast: Tensor
    offset: Tensor

    @classmethod
    def draw(cls, count: int, generator: torch.Generator) -> "Light":
        """Draw changes for a number of crops."""

        def normal(channels: int) -> Tensor:
            shape = (count, channels, 1, 1)
            return torch.randn(shape, generator=generator, device=generator.device)

        return cls(
            normal(1) * 0.3, normal(1) * 0.2 + normal(3) * 0.06, normal(1) * 0.15, normal(1) * 10
        )

    def shine_on(self, crops: Tensor) -> Tensor:
        """Apply the changes to B crops."""
        grey = crops.mean(1, keepdim=True)
        crops = grey + (crops - grey) * self.saturation.exp()
        middle = crops.mean((1, 2, 3), keepdim=True)
        crops = (middle + (crops - middle) * self.contrast.exp()) * self.gain.exp() + self.offset
        return crops.clamp(0, 255)


def _seen_by_a_camera(crops: Tensor, common: Light, generator: torch.Generator) -> Tensor:
    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=crops.device)

    own = Light.draw(len(crops), generator)
    share = torch.where(uniform(len(crops), 1, 1, 1) < OTHER_LIGHT_SHARE, 1.0, OWN_LIGHT)
    light = Light(*(part + other * share for part, other in zip(common, own, strict=True)))
    crops = blur(light.shine_on(crops), uniform)
    noise = uniform(len(crops), 1, 1, 1) ** 3 * 14
    noise = torch.randn(crops.shape, generator=generator, device=crops.device) * noise
    return (crops + noise).clamp(0, 255).round()


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

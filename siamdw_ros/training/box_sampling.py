"""Geometry of the box head's crops: windows, sampling, pasting, and the boxes of what is seen."""

import torch
from torch import Tensor
from torch.nn import functional as F

from siamdw_ros.training.box_bank import SceneBank

CONTEXT = 0.5  # share of (w + h) / 2 on each side of the box, as in tracking


def context_sides(sizes: Tensor) -> Tensor:
    """B x 2 widths and heights -> B sides of the squares with context, as in tracking."""
    padded = sizes + CONTEXT * sizes.sum(1, keepdim=True)
    return padded.prod(1).sqrt()


def windows(
    centers: Tensor,
    step: Tensor,
    flip: Tensor,
    turn: Tensor,
    side: int,
    offset: Tensor | float = 0.0,
) -> Tensor:
    """Affine maps from pixels of a crop to pixels of its source.

    Args:
        centers: B x 2, source pixels.
        step: B x 2, source pixels per pixel of the crop, in x and y.
        flip: B, -1 to mirror.
        turn: B, radians.
        side: of the crop, in pixels.
        offset: B x 2, where the centre comes to lie, in pixels from the crop's middle.

    Returns:
        B x 2 x 3.
    """
    cos, sin = turn.cos(), turn.sin()
    rotation = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
    scale = torch.diag_embed(step * torch.stack([flip, torch.ones_like(flip)], dim=1))
    matrix = scale @ rotation
    middle = torch.as_tensor(offset, device=step.device) + torch.full_like(centers, side / 2)
    origin = centers - (matrix @ middle[..., None]).squeeze(-1)
    return torch.cat([matrix, origin[..., None]], dim=2)


def shifted(window: Tensor, offset: Tensor) -> Tensor:
    """Move what windows show by so many of their own pixels, B x 2."""
    origin = window[:, :, 2:] - window[:, :, :2] @ offset[..., None]
    return torch.cat([window[:, :, :2], origin], dim=2)


def pixel_grid(side: int, device: torch.device) -> Tensor:
    """Centres of a crop's pixels: side x side x 2, x and y."""
    middle = torch.arange(side, device=device) + 0.5
    return torch.stack(torch.meshgrid(middle, middle, indexing="xy"), dim=-1)


def unit_grid(side: int, device: torch.device) -> Tensor:
    """The same from -1 to 1: 1 x side x side x 2."""
    return (pixel_grid(side, device) / side * 2 - 1)[None]


def source_points(window: Tensor, side: int) -> Tensor:
    """Where the pixels of crops lie in their sources: B x side x side x 2, in source pixels."""
    grid = pixel_grid(side, window.device).flatten(0, 1)
    points = grid @ window[:, :, :2].transpose(1, 2) + window[:, None, :, 2]
    return points.view(-1, side, side, 2)


def sample_scenes(bank: SceneBank, chosen: Tensor, window: Tensor, side: int) -> Tensor:
    """Cut crops out of scenes: B x 3 x side x side; the mean colour where they leave the scene."""
    pixels = bank.pixels[chosen].permute(0, 3, 1, 2).float()
    points = source_points(window, side)
    inside = ((points >= 0) & (points <= bank.sizes[chosen][:, None, None])).all(-1)
    crops = F.grid_sample(pixels, points / pixels.shape[-1] * 2 - 1, align_corners=False)
    return torch.where(inside[:, None], crops, bank.fills[chosen][:, :, None, None])


def paste(crops: Tensor, objects: Tensor, window: Tensor, there: Tensor | None = None) -> Tensor:
    """Paste objects with transparency, B x 4 x n x n, on crops, where `there` is true."""
    points = source_points(window, crops.shape[-1]) / objects.shape[-1] * 2 - 1
    seen = F.grid_sample(objects, points, align_corners=False)
    opacity = seen[:, 3:] / 255
    if there is not None:
        opacity = opacity * there[:, None, None, None]
    return crops + (seen[:, :3] - crops) * opacity


def visible_boxes(masks: Tensor) -> Tensor:
    """Boxes around what is true in B x n x n masks: B x 4, x, y, w, h; 8 px where nothing is."""
    side = masks.shape[-1]
    index = torch.arange(side, device=masks.device)
    edges = []
    for axis in (1, 2):  # columns, then rows
        seen = masks.any(axis)
        low = torch.where(seen, index, side).amin(1)
        high = torch.where(seen, index + 1, 0).amax(1)
        empty = high <= low + 2
        low = torch.where(empty, side // 2 - 4, low)
        edges.append((low, torch.where(empty, 8, high - low)))
    (left, width), (top, height) = edges
    return torch.stack([left, top, width, height], dim=1).float()

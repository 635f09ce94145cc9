"""Draws batches of training pairs for the box head, where the banks are: on the CPU or the GPU.

Every crop is one pass of bilinear sampling, so that the box of a crop is exact. Four kinds of
pairs: two scenes of one track, one scene seen twice, an arbitrary patch of a photograph seen
twice, and a cut-out before a photograph, warped anew in each crop. In some pairs the search region
shows another target: there is nothing to find in it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from siamdw_ros.training.box_bank import CutoutBank, SceneBank
from siamdw_ros.training.box_effects import coarsen, photometric
from siamdw_ros.training.box_sampling import (
    context_sides,
    paste,
    sample_scenes,
    shifted,
    unit_grid,
    visible_boxes,
    windows,
)

TEMPLATE = 127  # px
OBJECT = 128  # px, side of a warped cut-out


@dataclass(frozen=True)
class PairBatch:
    """B pairs.

    Attributes:
        templates: B x 3 x 127 x 127, BGR 0..255.
        extents: B x 2, width and height of the marked box in pixels of the template.
        searches: B x 3 x S x S.
        boxes: B x 4, left, top, right and bottom of the target in pixels of the search region.
        present: B, whether the target is in the search region.
    """

    templates: Tensor
    extents: Tensor
    searches: Tensor
    boxes: Tensor
    present: Tensor

    def take(self, chosen: Tensor) -> "PairBatch":
        """Return the pairs with these indices only."""
        return PairBatch(*(value[chosen] for value in _fields(self)))


@dataclass(frozen=True)
class Jitter:
    """How far a search region is from where the target is, and other changes.

    Attributes:
        shift: share of the way from the middle to where the target's window meets the border.
        scale: standard deviation of the logarithm of the error in the target's size.
        aspect: the same of the error in its aspect ratio.
        stretch: the same of a true change of its aspect ratio.
        template_shift: standard deviation of the template's centre, in template pixels.
        template_scale: standard deviation of the logarithm of its size.
        absent: share of pairs without the target.
    """

    shift: float = 0.95
    scale: float = 0.25
    aspect: float = 0.18
    stretch: float = 0.18
    template_shift: float = 1.5
    template_scale: float = 0.04
    absent: float = 0.12


class PairMaker:
    """Draws batches.

    Args:
        tracks: scenes of which several show one target.
        stills: scenes of photographs.
        photographs: backgrounds, and patches to follow.
        cutouts: objects.
        shares: how many of the pairs are of tracks, stills, patches and cut-outs.
        search: side of the search region in pixels.
        generator: of the random numbers, on the banks' device.
    """

    def __init__(
        self,
        tracks: list[SceneBank],
        stills: SceneBank,
        photographs: SceneBank,
        cutouts: CutoutBank,
        shares: tuple[float, ...],
        search: int,
        generator: torch.Generator,
        jitter: Jitter = Jitter(),
    ) -> None:
        self.tracks = tracks
        self.stills = stills
        self.photographs = photographs
        self.cutouts = cutouts
        self.shares = shares
        self.search = search
        self.random = generator
        self.jitter = jitter
        self.device = photographs.pixels.device
        self._kinds: list[Callable[[int], PairBatch]] = [
            *(partial(self._tracks, b, track_bounds(b), track_weights(b)) for b in tracks),
            self._scenes,
            self._patches,
            self._objects,
        ]

    def draw(self, count: int) -> PairBatch:
        """Draw pairs of all kinds by their shares."""
        total = sum(self.shares)
        counts = [round(count * share / total) for share in self.shares[:-1]]
        counts.append(count - sum(counts))
        parts = [kind(number) for kind, number in zip(self._kinds, counts, strict=True) if number]
        joined = PairBatch(*map(torch.cat, zip(*map(_fields, parts), strict=True)))
        coarsen(joined.templates, joined.searches, self.random)
        templates, searches = photometric(joined.templates, joined.searches, self.random)
        return PairBatch(templates, joined.extents, searches, joined.boxes, joined.present)

    # The kinds of pairs

    def _tracks(
        self, bank: SceneBank, bounds: tuple[Tensor, Tensor], weights: Tensor, count: int
    ) -> PairBatch:
        first = torch.multinomial(weights, count, replacement=True, generator=self.random)
        low, high = (bound[bank.tracks[first]] for bound in bounds)
        second = low + (self._uniform(count) * (high - low)).long()
        return self._two_scenes(bank, first, second, bank.boxes[first], bank.boxes[second])

    def _scenes(self, count: int) -> PairBatch:
        bank = self.stills
        chosen = self._integers(len(bank), count)
        boxes = bank.boxes[chosen]
        # Half of the boxes are parts of the annotated ones: operators draw such boxes, too.
        share = torch.where(self._uniform(count, 1) < 0.35, self._between(0.35, 0.9, count, 2), 1)
        size = boxes[:, 2:] * share
        corner = boxes[:, :2] + self._uniform(count, 2) * (boxes[:, 2:] - size)
        boxes = torch.cat([corner, size], dim=1)
        return self._two_scenes(bank, chosen, chosen, boxes, boxes, turn=0.12)

    def _patches(self, count: int) -> PairBatch:
        bank = self.photographs
        chosen = self._integers(len(bank), count)
        area = self._between(18, 70, count, 1)
        aspect = torch.exp(self._normal(count, 1) * 0.4)
        size = torch.cat([area * aspect.sqrt(), area / aspect.sqrt()], dim=1)
        size = torch.minimum(size, bank.sizes[chosen] * 0.5)
        corner = self._uniform(count, 2) * (bank.sizes[chosen] - size)
        boxes = torch.cat([corner, size], dim=1)
        return self._two_scenes(bank, chosen, chosen, boxes, boxes, turn=0.12)

    def _two_scenes(
        self,
        bank: SceneBank,
        first: Tensor,
        second: Tensor,
        first_boxes: Tensor,
        second_boxes: Tensor,
        turn: float = 0.03,
    ) -> PairBatch:
        """Cut a template and a search region out of scenes.

        Args:
            bank: of the scenes.
            first: B, the scenes of the templates.
            second: B, the scenes of the search regions.
            first_boxes: B x 4, x, y, w, h of the target in the first.
            second_boxes: B x 4, the same in the second.
            turn: standard deviation of the rotation between the two, in radians.
        """
        count = len(first)
        absent = self._uniform(count) < self.jitter.absent
        absent &= bank.tracks[first] != bank.tracks[first.roll(1)]
        second = torch.where(absent, first.roll(1), second)
        second_boxes = torch.where(absent[:, None], first_boxes.roll(1, 0), second_boxes)
        flip = torch.where(self._uniform(count) < 0.5, -1.0, 1.0)
        centers = first_boxes[:, :2] + first_boxes[:, 2:] / 2
        stretch = torch.ones(count, 2, device=self.device)
        window, zoom = self._template_window(centers, first_boxes[:, 2:], flip, stretch)
        templates = sample_scenes(bank, first, window, TEMPLATE)
        extents = first_boxes[:, 2:] * zoom
        stretch = torch.exp(self._normal(count, 1) * self.jitter.stretch)
        stretch = torch.cat([stretch, 1 / stretch], dim=1)
        centers = second_boxes[:, :2] + second_boxes[:, 2:] / 2
        window, boxes = self._search_window(
            centers, second_boxes[:, 2:], flip, stretch, self._normal(count) * turn
        )
        searches = sample_scenes(bank, second, window, self.search)
        return PairBatch(templates, extents, searches, boxes, ~absent)

    def _objects(self, count: int) -> PairBatch:
        chosen = self._integers(len(self.cutouts), count)
        first, first_boxes = self._warped(chosen, self._between(0.0, 0.25, count))
        second, second_boxes = self._warped(chosen, self._between(0.0, 0.6, count))
        centers = first_boxes[:, :2] + first_boxes[:, 2:] / 2
        flip = torch.ones(count, device=self.device)
        stretch = torch.ones(count, 2, device=self.device)
        window, zoom = self._template_window(centers, first_boxes[:, 2:], flip, stretch)
        extents = first_boxes[:, 2:] * zoom
        photographs = self._integers(len(self.photographs), count)
        templates = self._background(photographs, TEMPLATE)
        # Every other object is compared with the target: where it is the same cut-out, as it can
        # be in a small batch or class, it is not shown. Else a negative would show the target.
        # What holds or carries the target moves with it, and does not belong to its box.
        holders = chosen.roll(3)
        held = (self._uniform(count) < 0.4) & (holders != chosen)
        angle = self._between(0, 2 * math.pi, count)
        distance = self._between(0.6, 1.1, count)
        holder, _ = self._warped(holders, self._between(0.0, 0.3, count))
        beside = self._beside(window, extents, angle, distance)
        templates = paste(templates, holder, beside, held)
        templates = paste(templates, first, window)
        centers = second_boxes[:, :2] + second_boxes[:, 2:] / 2
        search_window, boxes = self._search_window(
            centers, second_boxes[:, 2:], flip, stretch, torch.zeros(count, device=self.device)
        )
        others = torch.where(
            self._uniform(count) < 0.5, photographs, self._integers(len(self.photographs), count)
        )
        searches = self._background(others, self.search)
        look_alikes = self._look_alikes(chosen)
        for part in (look_alikes, chosen.roll(1)):
            other, _ = self._warped(part, self._between(0.0, 0.5, count))
            there = (self._uniform(count) < 0.5) & (part != chosen)
            searches = paste(searches, other, self._elsewhere(search_window, boxes), there)
        size = boxes[:, 2:] - boxes[:, :2]
        angle = angle + self._normal(count) * 0.4
        holder, _ = self._warped(holders, self._between(0.0, 0.3, count))
        beside = self._beside(search_window, size, angle, distance)
        searches = paste(searches, holder, beside, held)
        absent = self._uniform(count) < self.jitter.absent
        searches = paste(searches, second, search_window, ~absent)
        occluders = chosen.roll(2)
        occluder, _ = self._warped(occluders, self._between(0.0, 0.5, count))
        there = (self._uniform(count) < 0.25) & (occluders != chosen)
        searches = paste(searches, occluder, self._before(search_window, boxes), there)
        return PairBatch(templates, extents, searches, boxes, ~absent)

    # Windows

    def _template_window(
        self, centers: Tensor, sizes: Tensor, flip: Tensor, stretch: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Choose a template window a little beside the box; also pixels of it per source pixel."""
        count = len(sizes)
        side = context_sides(sizes) * torch.exp(self._normal(count) * self.jitter.template_scale)
        step = side / TEMPLATE
        shift = self._normal(count, 2) * self.jitter.template_shift * step[:, None]
        turn = torch.zeros(count, device=self.device)
        window = windows(centers + shift, step[:, None] / stretch, flip, turn, TEMPLATE)
        return window, 1 / step[:, None]

    def _search_window(
        self, centers: Tensor, sizes: Tensor, flip: Tensor, stretch: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Choose a search window as if the target's place and size were known badly.

        Returns:
            The windows, and the boxes in them: B x 4, left, top, right, bottom.
        """
        count, jitter = len(sizes), self.jitter
        shown = sizes * stretch
        aspect = torch.exp(self._normal(count, 1) * jitter.aspect)
        estimate = shown * torch.cat([aspect, 1 / aspect], dim=1)
        estimate = estimate * torch.exp(self._normal(count, 1) * jitter.scale)
        step = context_sides(estimate) / TEMPLATE  # source pixels per pixel of the region
        reach = jitter.shift * (self.search - TEMPLATE) / 2
        offset = self._between(-1, 1, count, 2) * reach
        middle = self.search / 2 + offset
        size = shown / step[:, None]
        boxes = torch.cat([middle - size / 2, middle + size / 2], dim=1)
        window = windows(centers, step[:, None] / stretch, flip, turn, self.search, offset)
        return window, boxes

    def _elsewhere(self, window: Tensor, boxes: Tensor) -> Tensor:
        """Choose where another object is seen: beside the target, of about its size."""
        return self._around(window, boxes, 0.7, 1.6)

    def _before(self, window: Tensor, boxes: Tensor) -> Tensor:
        """Choose where an object hides a part of the target."""
        return self._around(window, boxes, 0.45, 0.8)

    def _around(self, window: Tensor, boxes: Tensor, nearest: float, farthest: float) -> Tensor:
        count = len(boxes)
        angle = self._between(0, 2 * math.pi, count)
        distance = self._between(nearest, farthest, count)
        return self._beside(window, boxes[:, 2:] - boxes[:, :2], angle, distance)

    @staticmethod
    def _beside(window: Tensor, sizes: Tensor, angle: Tensor, distance: Tensor) -> Tensor:
        """Move windows by a share of the target's size, B x 2, in directions in radians."""
        direction = torch.stack([angle.cos(), angle.sin()], dim=1)
        return shifted(window, direction * distance[:, None] * sizes)

    # Cut-outs

    def _look_alikes(self, chosen: Tensor) -> Tensor:
        """Choose another cut-out of the same class for each; itself where there is no other."""
        classes = self.cutouts.classes
        itself = chosen[:, None] == torch.arange(len(classes), device=self.device)
        others = (classes[chosen][:, None] == classes[None]) & ~itself
        weights = torch.where(others.any(1, keepdim=True), others, itself)
        return torch.multinomial(weights.float(), 1, generator=self.random).squeeze(1)

    def _warped(self, chosen: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
        """Warp cut-outs: rotation, stretch, shear, perspective and a smooth deformation.

        Args:
            chosen: B, of the bank.
            strength: B, 0 for hardly anything, 1 for much.

        Returns:
            B x 4 x 128 x 128 BGRA, 0..255, and the boxes of what is visible, B x 4: x, y, w, h.
        """
        count = len(chosen)
        objects = self.cutouts.pixels[chosen].permute(0, 3, 1, 2).float()
        points = unit_grid(OBJECT, self.device).expand(count, -1, -1, -1)
        weak = strength[:, None, None]
        matrix = torch.eye(2, device=self.device) + self._normal(count, 2, 2) * 0.35 * weak
        angle = self._normal(count) * 1.2 * strength
        rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1)
        matrix = matrix @ rotation.view(-1, 2, 2) * 1.25
        tilt = self._normal(count, 1, 1, 2) * 0.25 * strength[:, None, None, None]
        depth = (1 + (points * tilt).sum(-1, keepdim=True)).clamp(min=0.5)
        bend = F.interpolate(
            self._normal(count, 2, 4, 4) * 0.12, OBJECT, mode="bicubic", align_corners=True
        )
        points = points / depth + bend.permute(0, 2, 3, 1) * strength[:, None, None, None]
        points = points @ matrix.transpose(1, 2)[:, None]
        warped = F.grid_sample(objects, points, align_corners=False)
        return warped, visible_boxes(warped[:, 3] > 127)

    def _background(self, chosen: Tensor, side: int) -> Tensor:
        """Cut random squares out of photographs: B x 3 x side x side."""
        bank, count = self.photographs, len(chosen)
        extent = bank.sizes[chosen].amin(1) * self._between(0.3, 1.0, count)
        corner = self._uniform(count, 2) * (bank.sizes[chosen] - extent[:, None])
        step = (extent / side)[:, None].expand(-1, 2)
        flip = torch.where(self._uniform(count) < 0.5, -1.0, 1.0)
        turn = torch.zeros(count, device=self.device)
        window = windows(corner + extent[:, None] / 2, step, flip, turn, side)
        return sample_scenes(bank, chosen, window, side)

    # Random numbers

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.random, device=self.device)

    def _between(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * self._uniform(*shape)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.random, device=self.device).clamp(-2.5, 2.5)

    def _integers(self, end: int, count: int) -> Tensor:
        return torch.randint(end, (count,), generator=self.random, device=self.device)


def _fields(batch: PairBatch) -> tuple[Tensor, ...]:
    return tuple(vars(batch).values())


def track_weights(bank: SceneBank) -> Tensor:
    """How often each scene is drawn: long tracks more often than short ones, but not by length."""
    counts = torch.bincount(bank.tracks).float()
    return (1 / counts.sqrt())[bank.tracks]


def track_bounds(bank: SceneBank) -> tuple[Tensor, Tensor]:
    """The first scene of each track, and the one after its last."""
    counts = torch.bincount(bank.tracks)
    ends = counts.cumsum(0)
    return ends - counts, ends

"""SiamRPN+: find a target as the best of many corrected anchors (paper section 5.1).

What happens to an anchor's score on the way, the penalty on changes of size and shape and the
cosine window, is SiamRPN's (section 4.2). With `parity` windows are cut at whole pixels, as in the
authors' release; otherwise exactly where the target is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from siamdw_ros.siamdw import crops
from siamdw_ros.siamdw.crops import Box, Image, Vector, Windows
from siamdw_ros.siamdw.heads import Kernels, anchor_grid
from siamdw_ros.siamdw.hyperparameters import SiamRPNHyper
from siamdw_ros.siamdw.multi_tracker import Target, box_to_center_size, in_one_batch
from siamdw_ros.siamdw.networks import SiamRPNNetwork
from siamdw_ros.siamdw.presence import (
    DEFAULT_THRESHOLDS,
    Presence,
    PresenceThresholds,
    TrackResult,
)
from siamdw_ros.siamdw.runtime import Runtime

MAX_LOG_GROWTH = 10.0  # of an anchor's side; no real correction comes near, and exp stays finite


@dataclass
class SiamRPNTarget(Target):
    """A target and what SiamRPN+ knows of it.

    kernels: the template, as the head made it ready for correlation. instance_size: side of its
    search region in network pixels.
    """

    kernels: Kernels
    instance_size: int


class Proposals(NamedTuple):
    """What the network says about each anchor of T targets, A anchors at S x S cells.

    scores: T x A x S x S, probability of being the target. boxes: T x 4 x A x S x S, centre x and
    y from the middle of the search region, width and height, in its pixels.
    """

    scores: Tensor
    boxes: Tensor


class Choice(NamedTuple):
    """The proposal taken: its box as in `Proposals`, its score, and the penalty put on it."""

    box: Vector
    score: float
    penalty: float


class SiamRPN:
    """The tracker's steps. It keeps no target: pass them in, one or many.

    Args:
        runtime: of a SiamRPN network.
        hyper: numbers that steer it.
        thresholds: of the presence score.
        parity: compute what the authors' release computes.
    """

    def __init__(
        self,
        runtime: Runtime[SiamRPNNetwork],
        hyper: SiamRPNHyper,
        thresholds: PresenceThresholds = DEFAULT_THRESHOLDS,
        *,
        parity: bool = False,
    ) -> None:
        self.runtime, self.hyper, self.thresholds, self.parity = runtime, hyper, thresholds, parity
        stride = runtime.network.backbone.stride
        sizes = {hyper.instance_size, hyper.small_instance_size}
        cells = {size: (size - hyper.exemplar_size) // stride + 1 for size in sizes}
        device = runtime.device
        self.anchors = {
            size: torch.from_numpy(anchor_grid(cells[size], stride)).to(device) for size in sizes
        }
        self.windows = {size: cosine_window(cells[size], device) for size in sizes}
        self._compare = {size: partial(self._answer, instance_size=size) for size in sizes}
        self._window = crops.published_window if parity else crops.crop_window

    def start(self, image: Image, box: Box) -> SiamRPNTarget:
        """Learn what a target looks like.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h) in pixels of `image`.
        """
        center, size = box_to_center_size(box)
        side = self._window_side(crops.context_side(size))
        fill = crops.mean_color(image)
        exemplar = self._window(image, center, side, self.hyper.exemplar_size, fill)
        return SiamRPNTarget(
            center=center,
            size=size,
            fill=fill,
            presence=Presence(self.thresholds),
            kernels=self._kernels(exemplar),
            instance_size=self._instance_size(image, size),
        )

    def update(self, image: Image, targets: Sequence[SiamRPNTarget]) -> list[TrackResult]:
        """Find each target in the next image; those of one instance size share a pass.

        Args:
            image: H x W x 3, uint8, BGR.
            targets: moved in place.

        Returns:
            One result a target, in their order.
        """
        return self.update_many([(image, targets)])[0]

    def update_many(
        self, frames: Sequence[tuple[Image, Sequence[SiamRPNTarget]]]
    ) -> list[list[TrackResult]]:
        """Do so in several images, each with targets of its own, in one batch."""
        return in_one_batch(self._update, frames)

    def _update(self, images: list[Image], targets: list[SiamRPNTarget]) -> list[TrackResult]:
        results: dict[int, TrackResult] = {}
        for instance_size in {target.instance_size for target in targets}:
            indices = [i for i, t in enumerate(targets) if t.instance_size == instance_size]
            group = [targets[i] for i in indices]
            choices = self._choose([images[i] for i in indices], group, instance_size)
            for index, choice in zip(indices, choices, strict=True):
                results[index] = self._follow(images[index], targets[index], choice)
        return [results[index] for index in range(len(targets))]

    def _window_side(self, side: float) -> float:
        return crops.round_half_away(side) if self.parity else side

    def _instance_size(self, image: Image, size: Vector) -> int:
        """Search a larger region for a target that is small in its image."""
        small = size.prod() / (image.shape[0] * image.shape[1]) < self.hyper.small_area
        return self.hyper.small_instance_size if small else self.hyper.instance_size

    @torch.inference_mode()
    def _kernels(self, exemplar: Image) -> Kernels:
        """Do once a target what needs only the template."""
        return self.runtime.network.head.kernels(self.runtime.features(exemplar[None]))

    def _choose(
        self, images: Sequence[Image], targets: Sequence[SiamRPNTarget], size: int
    ) -> list[Choice]:
        """Search for targets that have one instance size; they share a pass."""
        templates = [
            [target.kernels.cls for target in targets],
            [target.kernels.reg for target in targets],
            [torch.from_numpy(t.size * self._zoom(t)).float() for t in targets],
        ]
        windows, compare = self._search_windows(targets, size), self._compare[size]
        if self.parity:
            cut = [
                crops.published_window(image, center, side, size, fill)
                for image, center, side, fill in zip(images, *windows, strict=True)
            ]
            answers, _ = self.runtime.search_crops(np.stack(cut), templates, compare)
        else:
            answers, _ = self.runtime.look(images, windows, size, templates, compare)
        return [Choice(answer[:4].astype(float), *answer[4:].tolist()) for answer in answers]

    def _zoom(self, target: SiamRPNTarget) -> float:
        """Pixels of the search region a pixel of the image."""
        return self.hyper.exemplar_size / crops.context_side(target.size)

    def _search_windows(self, targets: Sequence[SiamRPNTarget], size: int) -> Windows:
        sides = []
        for target in targets:
            side = crops.context_side(target.size)
            margin = (size - self.hyper.exemplar_size) / 2
            sides.append(self._window_side(side + 2 * margin / (self.hyper.exemplar_size / side)))
        return Windows(
            centers=np.array([target.center for target in targets]),
            sides=np.array(sides),
            fills=np.array([target.fill for target in targets]),
        )

    def _answer(
        self,
        cls_kernels: Tensor,
        reg_kernels: Tensor,
        sizes: Tensor,
        cls: Tensor,
        reg: Tensor,
        instance_size: int,
    ) -> Tensor:
        """Propose boxes and choose the best, all targets at once, where the tensors are.

        Args:
            cls_kernels: T x classes x width x 3 x 3.
            reg_kernels: T x 4*A x width x 3 x 3.
            sizes: T x 2, of the targets so far, (w, h) in pixels of the search region.
            cls: T x width x H x W, what the first kernels slide over.
            reg: T x width x H x W, what the second ones do.
            instance_size: of all of them.

        Returns:
            T x 6; see :meth:`choose`.
        """
        head, anchors = self.runtime.network.head, self.anchors[instance_size]
        kernels = Kernels(cls_kernels.flatten(0, 1), reg_kernels.flatten(0, 1))
        logits, offsets = head.compare(kernels, cls, reg)
        boxes = decode(offsets.reshape(-1, *anchors.shape), anchors)
        return self.choose(Proposals(head.probabilities(logits), boxes), sizes, instance_size)

    def _follow(self, image: Image, target: SiamRPNTarget, choice: Choice) -> TrackResult:
        """Move and resize the target to the proposal that is best for it."""
        if not np.isfinite([*choice.box, choice.score, choice.penalty]).all():
            return target.report(0.0)  # an overflow in half precision says nothing
        zoom = self._zoom(target)
        x, y, w, h = choice.box / zoom
        rate = choice.penalty * choice.score * self.hyper.rate
        size = target.size * (1 - rate) + np.array([w, h]) * rate
        target.move(target.center + np.array([x, y]), size, image, parity=self.parity)
        return target.report(choice.score)

    def choose(self, proposals: Proposals, sizes: Tensor, instance_size: int) -> Tensor:
        """Take the proposals of highest score, after the penalty and the window (section 4.2).

        Args:
            proposals: of T targets.
            sizes: T x 2, of the targets so far, (w, h) in pixels of the search region.
            instance_size: side of the search region.

        Returns:
            T x 6: box, score, penalty; see :class:`Choice`.
        """
        scores, boxes = proposals.scores.flatten(1), proposals.boxes.flatten(2)
        widths, heights = boxes[:, 2], boxes[:, 3]
        width, height = sizes[:, :1], sizes[:, 1:]
        resized = _change(_equivalent_side(widths, heights) / _equivalent_side(width, height))
        reshaped = _change((width / height) / (widths / heights))
        penalties = torch.exp(-(reshaped * resized - 1) * self.hyper.penalty_k)
        window = self.windows[instance_size].repeat(proposals.scores.shape[1])
        influence = self.hyper.window_influence
        ranked = penalties * scores * (1 - influence) + window * influence
        best = ranked.argmax(dim=1, keepdim=True)
        box = boxes.take_along_dim(best[:, None], dim=2).squeeze(2)
        return torch.cat([box, *(v.take_along_dim(best, dim=1) for v in (scores, penalties))], 1)


def decode(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Correct anchors by the network's offsets (SiamRPN, equation 12).

    Args:
        offsets: ... x 4 x A x S x S; dx and dy in units of the anchor's sides, log of the growth.
        anchors: 4 x A x S x S; see :func:`~siamdw_ros.siamdw.heads.anchor_grid`.

    Returns:
        Boxes ... x 4 x A x S x S: centre x, centre y, width, height, in pixels of the search
        region.
    """
    (shift, growth), (middle, side) = offsets.tensor_split(2, dim=-4), anchors.tensor_split(2)
    growth = growth.clamp(-MAX_LOG_GROWTH, MAX_LOG_GROWTH).exp()
    return torch.cat([shift * side + middle, growth * side], dim=-4)


def cosine_window(cells: int, device: torch.device) -> Tensor:
    """A Hann window of cells * cells values, at most one."""
    window = np.outer(np.hanning(cells), np.hanning(cells))
    return torch.from_numpy(window).float().flatten().to(device)


def _change(ratio: Tensor) -> Tensor:
    """How far a ratio is from 1, in either direction: 2 for 2 and for 1/2."""
    return torch.maximum(ratio, 1 / ratio)


def _equivalent_side(width: Tensor, height: Tensor) -> Tensor:
    """Side of the square window around a box with its context."""
    padding = (width + height) / 2
    return torch.sqrt((width + padding) * (height + padding))

"""SiamRPN+: find a target as the best of many corrected anchors (paper section 5.1).

What happens to an anchor's score on the way, the penalty on changes of size and shape and the
cosine window, is SiamRPN's (section 4.2). With `parity` windows are cut at whole pixels, as in the
authors' release; otherwise exactly where the target is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from siamdw_ros.siamdw import crops
from siamdw_ros.siamdw.crops import Box, Image, Vector
from siamdw_ros.siamdw.heads import Kernels, anchor_grid
from siamdw_ros.siamdw.hyperparameters import SiamRPNHyper
from siamdw_ros.siamdw.method import Target, box_to_center_size, in_one_batch
from siamdw_ros.siamdw.networks import SiamRPNNetwork
from siamdw_ros.siamdw.presence import (
    DEFAULT_THRESHOLDS,
    Presence,
    PresenceThresholds,
    TrackResult,
)
from siamdw_ros.siamdw.runtime import Runtime

MAX_LOG_GROWTH = 10.0  # of an anchor's side; no real correction comes near, and exp stays finite

Floats = NDArray[np.floating]


@dataclass
class SiamRPNTarget(Target):
    """A target and what SiamRPN+ knows of it.

    kernels: the template, as the head made it ready for correlation. instance_size: side of its
    search region in network pixels.
    """

    kernels: Kernels
    instance_size: int


class Proposals(NamedTuple):
    """What the network says about each anchor, A anchors at S x S cells.

    scores: A x S x S, probability of being the target. boxes: 4 x A x S x S, centre x and y from
    the middle of the search region, width and height, in its pixels.
    """

    scores: Floats
    boxes: Floats


class Choice(NamedTuple):
    """The proposal taken: its box as in `Proposals`, its score, and the penalty put on it."""

    box: Floats
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
        self.anchors = {size: anchor_grid(cells[size], stride) for size in sizes}
        self.windows = {
            size: np.outer(np.hanning(cells[size]), np.hanning(cells[size])) for size in sizes
        }
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
            windows = [self._search_window(images[i], targets[i]) for i in indices]
            proposals = self._propose([targets[i] for i in indices], windows)
            for index, proposal in zip(indices, proposals, strict=True):
                results[index] = self._follow(images[index], targets[index], proposal)
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

    def _search_window(self, image: Image, target: SiamRPNTarget) -> Image:
        side = crops.context_side(target.size)
        margin = (target.instance_size - self.hyper.exemplar_size) / 2
        side = self._window_side(side + 2 * margin / (self.hyper.exemplar_size / side))
        return self._window(image, target.center, side, target.instance_size, target.fill)

    @torch.inference_mode()
    def _propose(
        self, targets: Sequence[SiamRPNTarget], windows: Sequence[Image]
    ) -> Iterable[Proposals]:
        """Ask the network about targets that have one instance size."""
        head, anchors = self.runtime.network.head, self.anchors[targets[0].instance_size]
        kernels = Kernels(
            cls=torch.cat([target.kernels.cls for target in targets]),
            reg=torch.cat([target.kernels.reg for target in targets]),
        )
        logits, offsets = head.compare(kernels, *self.runtime.search(np.stack(windows)))
        scores = head.probabilities(logits).cpu().numpy()
        for target_scores, target_offsets in zip(scores, offsets.cpu().numpy(), strict=True):
            yield Proposals(target_scores, decode(target_offsets.reshape(anchors.shape), anchors))

    def _follow(self, image: Image, target: SiamRPNTarget, proposals: Proposals) -> TrackResult:
        """Move and resize the target to the proposal that is best for it."""
        if not all(np.isfinite(part).all() for part in proposals):
            return target.report(0.0)  # an overflow in half precision says nothing
        zoom = self.hyper.exemplar_size / crops.context_side(target.size)
        choice = self.choose(proposals, target.size * zoom, self.windows[target.instance_size])
        x, y, w, h = choice.box / zoom
        rate = choice.penalty * choice.score * self.hyper.rate
        size = target.size * zoom / zoom * (1 - rate) + np.array([w, h]) * rate
        target.move(target.center + np.array([x, y]), size, image, parity=self.parity)
        return target.report(choice.score)

    def choose(self, proposals: Proposals, size: Vector, window: Floats) -> Choice:
        """Take the proposal of highest score, after the penalty and the window (section 4.2).

        Args:
            proposals: of one target.
            size: of the target so far, (w, h) in pixels of the search region.
            window: S x S, cosine.
        """
        widths, heights = proposals.boxes[2:]
        resized = _change(_equivalent_side(widths, heights) / _equivalent_side(*size))
        reshaped = _change((size[0] / size[1]) / (widths / heights))
        penalties = np.exp(-(reshaped * resized - 1) * self.hyper.penalty_k)
        influence = self.hyper.window_influence
        ranked = penalties * proposals.scores * (1 - influence) + window * influence
        best = int(np.argmax(ranked))
        return Choice(
            box=proposals.boxes.reshape(4, -1)[:, best].astype(float),
            score=float(proposals.scores.flat[best]),
            penalty=float(penalties.flat[best]),
        )


def decode(offsets: Floats, anchors: Floats) -> Floats:
    """Correct anchors by the network's offsets (SiamRPN, equation 12).

    Args:
        offsets: 4 x A x S x S; dx and dy in units of the anchor's sides, log of the growth.
        anchors: 4 x A x S x S; see :func:`~siamdw_ros.siamdw.heads.anchor_grid`.

    Returns:
        Boxes 4 x A x S x S: centre x, centre y, width, height, in pixels of the search region.
    """
    growth = np.exp(offsets[2:].clip(-MAX_LOG_GROWTH, MAX_LOG_GROWTH))
    return np.concatenate([offsets[:2] * anchors[2:] + anchors[:2], growth * anchors[2:]])


def _change(ratio: Floats) -> Floats:
    """How far a ratio is from 1, in either direction: 2 for 2 and for 1/2."""
    return np.maximum(ratio, 1 / ratio)


def _equivalent_side(width: Floats, height: Floats) -> Floats:
    """Side of the square window around a box with its context."""
    padding = (width + height) / 2
    return np.sqrt((width + padding) * (height + padding))

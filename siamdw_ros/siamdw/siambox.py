"""The box tracker: SiamDW's backbone with an anchor-free head (siambox_res22).

It goes beyond the paper: the box follows the shape of the target, which SiamFC+ cannot. The head
is described in box_head.py; the wide search and the search for lost targets are those of SiamFC+
(wide_search.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw import crops
from siamdw_ros.siamdw.box_head import BoxTemplate
from siamdw_ros.siamdw.crops import Box, Image, Vector, Windows
from siamdw_ros.siamdw.hyperparameters import SiamBoxHyper
from siamdw_ros.siamdw.multi_tracker import MultiTracker, box_to_center_size, size_of
from siamdw_ros.siamdw.networks import BoxNetwork
from siamdw_ros.siamdw.presence import Presence, PresenceThresholds, TrackResult
from siamdw_ros.siamdw.runtime import Runtime
from siamdw_ros.siamdw.siambox_step import BoxMatch
from siamdw_ros.siamdw.template_memory import mix_into_memory
from siamdw_ros.siamdw.wide_search import WideSearch, WideSearchTarget

SIZE_LIMITS = (0.1, 10.0)  # of the target's sides, as factors of the first ones
LEARNT_QUALITY = 0.6  # estimated overlap from which the memory learns
WIDE_INFLUENCE = 0.05  # of the cosine window in a wide search: the target may be anywhere


@dataclass(kw_only=True)
class SiamBoxTarget(WideSearchTarget):
    """A target of the box tracker.

    Attributes:
        template: of the first image: one target's, without the dimension of the targets.
        current: the template that is searched for, with what was learnt since.
        memory: 1 x channels x 5 x 5, features of the target as it looked lately.
        first_size: (w, h) as marked, in image pixels.
        response: cells x cells logits of the last search.
    """

    template: BoxTemplate
    first_size: Vector
    current: BoxTemplate = field(init=False)
    memory: Tensor | None = None
    response: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        self.current = self.template

    def move_and_scale(self, center: Vector, growth: float, image: Image) -> None:
        """Set the position and scale the size and the search window."""
        before = self.size
        super().move_and_scale(center, growth, image)
        self.search_side *= crops.context_side(self.size) / crops.context_side(before)


class SiamBox(MultiTracker[SiamBoxTarget]):
    """The box tracker; see :class:`MultiTracker` for the arguments."""

    hyper: SiamBoxHyper
    runtime: Runtime[BoxNetwork, SiamBoxHyper]

    def configure(self, hyper: SiamBoxHyper, thresholds: PresenceThresholds) -> None:
        """Change hyper-parameters and thresholds in place, also while targets are tracked."""
        super().configure(hyper, thresholds)
        # A wide window holds too many look-alikes for the bundled weights: searched whenever the
        # target is not clearly seen it costs .06 of mean overlap on nine sequences.
        self.wide_search = WideSearch(hyper, thresholds, only_lost=True)
        self._influence = torch.tensor(hyper.window_influence)
        self._wide_influence = torch.tensor(WIDE_INFLUENCE)

    @torch.inference_mode()
    def start(self, image: Image, box: Box) -> SiamBoxTarget:
        """Make a target from its first image: compute its template.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h) in pixels of `image`.
        """
        center, size = box_to_center_size(box)
        side = crops.context_side(size)
        fill = crops.mean_color(image)
        exemplar = crops.crop_window(image, center, side, self.hyper.exemplar_size, fill)
        extents = torch.from_numpy(size * self.hyper.exemplar_size / side).float()
        extents = extents.to(self.runtime.device)[None]
        features = self.runtime.features(exemplar[None])
        template = self.runtime.network.head.template(features, extents)
        return SiamBoxTarget(
            center=center,
            size=size,
            image_size=size_of(image),
            fill=fill,
            presence=Presence(self.thresholds),
            search_side=self._search_side(size),
            template=BoxTemplate(*(part[0] for part in template)),
            first_size=size,
        )

    def _search_side(self, size: Vector) -> float:
        """Return the side of the usual search window, in image pixels."""
        return crops.context_side(size) * self.hyper.instance_size / self.hyper.exemplar_size

    def _update(self, images: list[Image], targets: list[SiamBoxTarget]) -> list[TrackResult]:
        """Find each target in its image: one frame, from top to bottom."""
        wide = self.wide_search
        first_centers = wide.first_centers(targets)
        matches = self._search(images, targets, first_centers, self.hyper.instance_size)
        scores = {index: self._score(match) for index, match in matches.items()}
        wide_centers = wide.wide_centers(images, targets, scores)
        wide_matches = self._search(images, targets, wide_centers, self.hyper.wide_instance_size)
        centers = dict(first_centers)
        for index, match in wide_matches.items():
            if wide.is_better(scores.get(index), self._score(match)):
                matches[index] = match
                centers[index] = wide_centers[index]
        results = []
        for index, (image, target) in enumerate(zip(images, targets, strict=True)):
            match = matches[index]
            score = self._score(match)
            target.response = match.logits
            if match.finite and wide.accepts(target, score):
                self._move(image, target, centers[index], match)
                self._learn(target, match, score)
            results.append(target.report(image, score))
        return results

    def _search(
        self,
        images: Sequence[Image],
        targets: Sequence[SiamBoxTarget],
        centers: Mapping[int, Vector],
        size: int,
    ) -> dict[int, BoxMatch]:
        """Search some targets, in one window each.

        Args:
            images: H x W x 3, uint8, BGR, one per target.
            targets: all targets of the update.
            centers: of the windows, in image pixels, by index of the targets to be searched.
            size: side of the windows, in network pixels.

        Returns:
            The best match by target index.
        """
        if not centers:
            return {}
        images = [images[index] for index in centers]
        searched = [targets[index] for index in centers]
        is_wide = size != self.hyper.instance_size
        influence = self._wide_influence if is_wide else self._influence
        inputs = [
            *([target.current[part] for target in searched] for part in range(3)),
            [torch.from_numpy(t.size * self._zoom(t)).float() for t in searched],
            [influence] * len(searched),
        ]
        windows = Windows(
            centers=np.array(list(centers.values())),
            sides=np.array([t.search_side * size / self.hyper.instance_size for t in searched]),
            fills=np.array([target.fill for target in searched]),
        )
        answers, features = self.runtime.search(images, windows, size, inputs)
        rows = zip(centers, answers, features[0].unsqueeze(1), strict=True)
        return {index: BoxMatch.from_row(answer, part) for index, answer, part in rows}

    def _zoom(self, target: SiamBoxTarget) -> float:
        """Return network pixels per image pixel."""
        return self.hyper.instance_size / target.search_side

    def _score(self, match: BoxMatch) -> float:
        """Return the probability that the target is at a match."""
        if not match.finite:
            return 0.0
        distance = self.hyper.presence_slope * (match.logit - self.hyper.presence_midpoint)
        return float(1 / (1 + np.exp(-np.clip(distance, -50, 50))))

    def _move(self, image: Image, target: SiamBoxTarget, center: Vector, match: BoxMatch) -> None:
        """Move the target to a match, and change its size part of the way."""
        zoom = self._zoom(target)
        rate = match.penalty * match.quality * self.hyper.rate
        step = self.hyper.max_growth
        found = np.clip(match.size / zoom, target.size / step, target.size * step)
        size = target.size * (1 - rate) + found * rate
        size = np.clip(size, *np.multiply.outer(SIZE_LIMITS, target.first_size))
        target.move(center + match.offset / zoom, size, image)
        target.search_side = self._search_side(target.size)

    @torch.inference_mode()
    def _learn(self, target: SiamBoxTarget, match: BoxMatch, score: float) -> None:
        """Mix what the target looks like now into its template, if it is clearly seen."""
        if not self.hyper.memory:
            target.current = target.template  # the memory may have been on until now
        elif score >= self.thresholds.tracked and match.quality >= LEARNT_QUALITY:
            first = target.template.features.unsqueeze(0)
            memory = first if target.memory is None else target.memory
            cells = match.offset / self.runtime.network.backbone.stride
            target.memory = mix_into_memory(memory, match.features, cells, self.hyper.memory_rate)
            features = torch.lerp(first, target.memory, self.hyper.memory)
            extents = target.template.extents.unsqueeze(0)
            template = self.runtime.network.head.template(features, extents)
            target.current = BoxTemplate(*(part[0] for part in template))

    def window_sides(self) -> tuple[int, ...]:
        """Return the sides of all search windows that may come, in network pixels."""
        sides = (self.hyper.instance_size, self.hyper.wide_instance_size)
        return tuple(side for side in sides if side)

    def _warm_up_search(
        self, images: list[Image], targets: list[SiamBoxTarget], side: int
    ) -> None:
        centers = {index: target.center for index, target in enumerate(targets)}
        self._search(images, targets, centers, side)

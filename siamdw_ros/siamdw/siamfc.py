"""SiamFC+: find a target by cross-correlation at several scales (paper section 5.1).

The paper's method, and beside it (`parity`) the authors' release pixel for pixel. Parity differs
in three points, all of which we take to be slips: windows are cut at whole pixels and resized
twice, the middle of the response is taken to be 136 where it is 135.5, and a displacement found
at another scale is measured with the unscaled search side.

Three things go beyond the paper; hyper-parameters switch them (the published settings have none):

- Scales by templates. The target may have grown by a factor: the paper cuts the search region as
  many times. Here the exemplar is cut once a factor when a target is started, and an image costs
  one pass through the backbone.
- Memory. The template is mixed with what the target looked like lately. That costs no pass
  either: without padding, the features of a 127 px exemplar at a cell of the search region are
  the 5 x 5 features around that cell.
- A second look, wider and where the camera's motion has taken the target, when it is not seen in
  the first. A lost target is looked for around its last place and, image by image, all over.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw import crops
from siamdw_ros.siamdw.crops import Box, Image, Vector, Windows
from siamdw_ros.siamdw.gpu import Compare
from siamdw_ros.siamdw.hyperparameters import SiamFCHyper
from siamdw_ros.siamdw.motion import View, camera_shift, small_view, tile_centers
from siamdw_ros.siamdw.multi_tracker import Target, box_to_center_size, in_one_batch
from siamdw_ros.siamdw.networks import SiamFCNetwork
from siamdw_ros.siamdw.presence import (
    DEFAULT_THRESHOLDS,
    Presence,
    PresenceThresholds,
    TrackResult,
)
from siamdw_ros.siamdw.response import Peak, PeakFinder, Response
from siamdw_ros.siamdw.runtime import Runtime

SIDE_LIMITS = (0.2, 5.0)  # of the search side, in units of the first one
WIDE_INFLUENCE = 0.05  # of the cosine window in a second look: the target may be anywhere


@dataclass
class SiamFCTarget(Target):
    """A target and what SiamFC+ knows of it.

    templates: features, K x C x h x w: one a scale, or a single one. search_side: of the search
    window in image pixels, before scaling. side_limits: the smallest and largest it may become.
    kernels: the templates mixed with the memory. view: the last image, small. looks: since the
    target was lost. response: cells x cells logits of the last look, at the chosen scale.
    """

    templates: Tensor
    search_side: float
    side_limits: tuple[float, float]
    kernels: Tensor = field(init=False)
    memory: Tensor | None = None
    view: View | None = None
    looks: int = 0
    response: Response | None = None

    def __post_init__(self) -> None:
        self.kernels = self.templates


class Found(NamedTuple):
    """What one look at one target gave.

    center: of the search window, in image pixels. features: of the window, 1 x C x H x W.
    response: cells x cells logits at the chosen scale.
    """

    center: Vector
    peak: Peak
    score: float
    features: Tensor
    response: Response


class SiamFC:
    """The tracker's steps. It keeps no target: pass them in, one or many.

    Args:
        runtime: of a SiamFC network.
        hyper: numbers that steer it.
        thresholds: of the presence score.
        parity: compute what the authors' release computes.
    """

    def __init__(
        self,
        runtime: Runtime[SiamFCNetwork],
        hyper: SiamFCHyper,
        thresholds: PresenceThresholds = DEFAULT_THRESHOLDS,
        *,
        parity: bool = False,
    ) -> None:
        if parity and (hyper.scale_templates or hyper.wide_instance_size):
            raise ValueError("parity is of the published method: no scale_templates, no wide look")
        self.runtime, self.hyper, self.thresholds, self.parity = runtime, hyper, thresholds, parity
        self.peaks = PeakFinder(hyper, runtime.network.backbone.stride, parity=parity)
        self.scales = self.peaks.scales
        self._window = crops.published_window if parity else crops.crop_window

    def start(self, image: Image, box: Box) -> SiamFCTarget:
        """Learn what a target looks like.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h) in pixels of `image`.
        """
        center, size = box_to_center_size(box)
        side = crops.context_side(size)
        side = float(round(side)) if self.parity else side
        fill = crops.mean_color(image)
        sides = (side / self.scales).tolist() if self.hyper.scale_templates else [side]
        exemplars = [self._window(image, center, s, self.hyper.exemplar_size, fill) for s in sides]
        search_side = side * self.hyper.instance_size / self.hyper.exemplar_size
        return SiamFCTarget(
            center=center,
            size=size,
            fill=fill,
            presence=Presence(self.thresholds),
            templates=self.runtime.features(np.stack(exemplars)),
            search_side=search_side,
            side_limits=(SIDE_LIMITS[0] * search_side, SIDE_LIMITS[1] * search_side),
            view=small_view(image) if self.hyper.wide_instance_size else None,
        )

    def update(self, image: Image, targets: Sequence[SiamFCTarget]) -> list[TrackResult]:
        """Find each target in the next image; they share one pass through the network.

        Those that are not seen share a second one.

        Args:
            image: H x W x 3, uint8, BGR.
            targets: moved in place.

        Returns:
            One result a target, in their order.
        """
        return self.update_many([(image, targets)])[0]

    def update_many(
        self, frames: Sequence[tuple[Image, Sequence[SiamFCTarget]]]
    ) -> list[list[TrackResult]]:
        """Do so in several images, each with targets of its own, in one batch."""
        return in_one_batch(self._update, frames)

    def _update(self, images: list[Image], targets: list[SiamFCTarget]) -> list[TrackResult]:
        near = [i for i, target in enumerate(targets) if not self._is_searched(target)]
        centers = {i: targets[i].center for i in near}
        found = self._look(images, targets, centers, self.hyper.instance_size, self._compare)
        if self.hyper.wide_instance_size:
            self._look_again(images, targets, found)
        return [
            self._follow(image, target, found[i])
            for i, (image, target) in enumerate(zip(images, targets, strict=True))
        ]

    def _is_searched(self, target: SiamFCTarget) -> bool:
        return bool(self.hyper.wide_instance_size) and target.presence.searching

    def _look_again(
        self, images: list[Image], targets: list[SiamFCTarget], found: dict[int, Found]
    ) -> None:
        """Look wider for what the first look did not show; its result counts if it is clear."""
        distinct = {id(image): image for image in images}
        views = {key: small_view(image) for key, image in distinct.items()}
        centers = {
            i: self._second_center(images[i], views[id(images[i])], target)
            for i, target in enumerate(targets)
            if i not in found or found[i].score < self.thresholds.tracked
        }
        size = self.hyper.wide_instance_size
        wide = self._look(images, targets, centers, size, self._compare_wide)
        for index, second in wide.items():
            if index not in found or second.score >= self.thresholds.tracked:
                found[index] = second
        for image, target in zip(images, targets, strict=True):
            target.view = views[id(image)]

    def _second_center(self, image: Image, view: View, target: SiamFCTarget) -> Vector:
        """Choose the middle of the wide window: where the camera's motion took the target.

        Of a lost target every other look goes to another part of the image.
        """
        if not target.presence.searching:
            target.looks = 0
            assert target.view is not None
            return target.center + camera_shift(target.view, view, image.shape[1])
        target.looks += 1
        if target.looks % 2:
            return target.center
        hyper = self.hyper
        reach = (hyper.wide_instance_size - hyper.exemplar_size) / hyper.instance_size
        tiles = tile_centers(image, max(reach * target.search_side, 1.0), target.center)
        return np.asarray(tiles[target.looks // 2 % len(tiles)])

    def _look(
        self,
        images: Sequence[Image],
        targets: Sequence[SiamFCTarget],
        centers: Mapping[int, Vector],
        size: int,
        compare: Compare,
    ) -> dict[int, Found]:
        """Search one window a target (or one a scale), `size` network pixels wide.

        Args:
            images: one a target.
            targets: all.
            centers: of the windows, by the index of the targets that are searched.
            size: of the windows.
            compare: templates and features, see :meth:`_answer`.
        """
        if not centers:
            return {}
        searched, images = [targets[i] for i in centers], [images[i] for i in centers]
        templates = [[target.kernels for target in searched]]
        if self.parity:
            crops = self._published_crops(images, searched)
            answers, searches = self.runtime.search_crops(crops, templates, compare)
        else:
            windows = self._windows(searched, list(centers.values()), size)
            answers, searches = self.runtime.look(images, windows, size, templates, compare)
        features = searches[0].tensor_split(len(searched))
        return {
            index: self._found(center, answer, part)
            for (index, center), answer, part in zip(
                centers.items(), answers, features, strict=True
            )
        }

    def _windows(
        self, targets: Sequence[SiamFCTarget], centers: Sequence[Vector], size: int
    ) -> Windows:
        """Choose what is searched for each target: a window, or one a scale."""
        scales = np.ones(1) if self.hyper.scale_templates else self.scales
        sides = np.array([t.search_side for t in targets]) * size / self.hyper.instance_size
        fills = [target.fill for target in targets]
        return Windows(
            centers=np.repeat(centers, len(scales), axis=0),
            sides=np.asarray(np.outer(sides, scales).ravel(), float),
            fills=np.repeat(fills, len(scales), axis=0),
        )

    def _published_crops(self, images: Sequence[Image], targets: Sequence[SiamFCTarget]) -> Image:
        size = self.hyper.instance_size
        return np.concatenate(
            [
                crops.published_pyramid(
                    image, t.center, (t.search_side * self.scales).tolist(), size, t.fill
                )
                for image, t in zip(images, targets, strict=True)
            ]
        )

    def _compare(self, kernels: Tensor, features: Tensor) -> Tensor:
        return self._answer(kernels, features, self.hyper.window_influence)

    def _compare_wide(self, kernels: Tensor, features: Tensor) -> Tensor:
        return self._answer(kernels, features, WIDE_INFLUENCE)

    def _answer(self, kernels: Tensor, features: Tensor, influence: float) -> Tensor:
        """Respond and find the peaks, all targets at once, where the tensors are.

        Args:
            kernels: T x K x C x h x w.
            features: T x C x H x W, or T*S x C x H x W, S scales a target.
            influence: share of the cosine window.

        Returns:
            T x (4 + cells * cells): the peak, and the logits at the chosen scale.
        """
        head = self.runtime.network.head
        if self.hyper.scale_templates:
            responses = head.compare(kernels, features)
        else:
            responses = head(kernels.flatten(0, 1), features)
            responses = responses.view(len(kernels), -1, *responses.shape[2:])
        peaks = self.peaks.locate(responses, influence)
        chosen = responses.flatten(2).take_along_dim(peaks[:, :1, None].long(), dim=1)
        return torch.cat([peaks, chosen.squeeze(1)], dim=1)

    def _found(self, center: Vector, answer: NDArray[np.float32], features: Tensor) -> Found:
        cells = math.isqrt(len(answer) - 4)
        response = answer[4:].reshape(cells, cells)
        if not np.isfinite(answer).all():  # an overflow in half precision says nothing
            nothing = Peak(len(self.scales) // 2, np.zeros(2), -np.inf)
            return Found(center, nothing, 0.0, features, response)
        peak = Peak.of(answer[:4])
        return Found(center, peak, self._score(peak), features, response)

    def _score(self, peak: Peak) -> float:
        """Turn the highest logit into the probability that the target is there."""
        distance = self.hyper.presence_slope * (peak.logit - self.hyper.presence_midpoint)
        return float(1 / (1 + np.exp(-np.clip(distance, -50, 50))))

    def _follow(self, image: Image, target: SiamFCTarget, found: Found) -> TrackResult:
        """Believe what was found, or stay where the target was last seen."""
        target.response = found.response
        if np.isfinite(found.peak.logit) and found.score >= self._enough(target):
            self._move(image, target, found)
            if not self.hyper.memory:
                target.kernels = target.templates  # it may have been on until now
            elif found.score >= self.thresholds.tracked:
                self._remember(target, found)
        return target.report(found.score)

    def _enough(self, target: SiamFCTarget) -> float:
        """The score from which a peak is believed. The paper's method believes each."""
        if not self.hyper.wide_instance_size:
            return 0.0
        return self.thresholds.evidence if target.presence.searching else self.thresholds.lost

    def _move(self, image: Image, target: SiamFCTarget, found: Found) -> None:
        """Move and resize the target to a peak."""
        scale, rate = self.scales[found.peak.scale], self.hyper.scale_rate
        unscaled = self.parity or self.hyper.scale_templates
        searched = target.search_side * (1.0 if unscaled else scale)
        center = found.center + found.peak.displacement * searched / self.hyper.instance_size
        growth = (1 - rate) + rate * scale
        target.move(center, target.size * growth, image, parity=self.parity)
        target.search_side = float(np.clip(target.search_side * growth, *target.side_limits))

    @torch.inference_mode()
    def _remember(self, target: SiamFCTarget, found: Found) -> None:
        """Learn a little of what the target looks like now, and mix it into the templates."""
        middle = target.templates[len(self.scales) // 2].unsqueeze(0)
        cells = found.peak.displacement / self.peaks.stride
        seen = exemplar_features(found.features, cells, middle.shape[-1])
        memory = middle if target.memory is None else target.memory
        target.memory = torch.lerp(memory, seen, self.hyper.memory_rate)
        target.kernels = target.templates + self.hyper.memory * (target.memory - middle)


def exemplar_features(search: Tensor, displacement: Vector, side: int) -> Tensor:
    """Cut an exemplar's features out of a search region's.

    A network without padding computes the same features for a patch wherever it lies, so those of
    an exemplar are a part of those of the region around it, exact at whole cells.

    Args:
        search: 1 x C x H x W.
        displacement: x, y from the middle, in cells; between cells is interpolated linearly.
        side: of the exemplar's features, in cells.

    Returns:
        1 x C x side x side.
    """
    middle = (np.array(search.shape[:1:-1]) - side) / 2
    x, y = np.clip(middle + displacement, 0, 2 * middle)
    column, row = int(min(x, 2 * middle[0] - 1)), int(min(y, 2 * middle[1] - 1))
    part = search[:, :, row : row + side + 1, column : column + side + 1]
    part = torch.lerp(part[..., :-1], part[..., 1:], x - column)
    return torch.lerp(part[:, :, :-1], part[:, :, 1:], y - row)

"""SiamFC+: find a target by cross-correlation at several scales (paper section 5.1).

The paper's method, and with `parity` the authors' release pixel for pixel. Parity differs in three
points, all of which we take to be slips: windows are cut at whole pixels and resized twice, the
middle of the response is taken to be 136 where it is 135.5, and a displacement found at another
scale is measured with the unscaled search side.

Three parts go beyond the paper; hyper-parameters switch them (the published settings have none):

- Scales by templates. The target may have grown by a factor: the paper cuts as many search
  windows. Here the exemplar is cut once per factor when a target is started, and an image costs
  one pass through the backbone.
- Memory. The template is mixed with what the target looked like lately (template_memory.py).
- Wide search (wide_search.py). A target that is not clearly seen is searched once more in the same
  image, in a wider window and where the motion of the camera took it. A lost target is searched in
  every image with one wide window only: in turn around its last position and in another part of
  the image, the nearest first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw import crops
from siamdw_ros.siamdw.crops import Box, Image, Vector, Windows
from siamdw_ros.siamdw.hyperparameters import SiamFCHyper
from siamdw_ros.siamdw.motion import LazyView, camera_shift
from siamdw_ros.siamdw.multi_tracker import box_to_center_size, size_of
from siamdw_ros.siamdw.networks import SiamFCNetwork
from siamdw_ros.siamdw.presence import Presence, PresenceThresholds
from siamdw_ros.siamdw.runtime import Runtime
from siamdw_ros.siamdw.siamfc_step import Peak, scale_factors
from siamdw_ros.siamdw.wide_search import Match, Place, WideSearchTarget, WideSearchTracker

SIDE_LIMITS = (0.2, 5.0)  # smallest and largest search side, as factors of the first one


@dataclass(kw_only=True)
class SiamFCTarget(WideSearchTarget):
    """A target of SiamFC+.

    Attributes:
        templates: features, K x C x h x w: one per scale, or a single one.
        side_limits: the smallest and largest `search_side`, in image pixels.
        view: small view of the last image, to measure the motion of the camera.
        kernels: the templates mixed with the memory, K x C x h x w.
    """

    templates: Tensor
    side_limits: tuple[float, float]
    view: LazyView | None = None
    kernels: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.kernels = self.templates

    def move_and_scale(self, center: Vector, growth: float, image: Image) -> None:
        """Set the position and scale the size and the search window, within their limits."""
        super().move_and_scale(center, growth, image)
        self.search_side = float(np.clip(self.search_side * growth, *self.side_limits))

    def rescale(self, factor: float, image: Image) -> None:
        """Adapt the target and its limits to the same scene at another resolution."""
        low, high = self.side_limits
        self.side_limits = low * factor, high * factor
        super().rescale(factor, image)


@dataclass(frozen=True, kw_only=True)
class PeakMatch(Match):
    """The best match of a target in one search window (or one per scale).

    Attributes:
        peak: scale and displacement of the match.
    """

    peak: Peak


class SiamFC(WideSearchTracker[SiamFCTarget]):
    """The SiamFC+ tracker; see :class:`MultiTracker` for the arguments.

    Raises:
        ValueError: the search step has parity, and the hyper-parameters go beyond the paper.
    """

    hyper: SiamFCHyper
    runtime: Runtime[SiamFCNetwork, SiamFCHyper]

    def configure(self, hyper: SiamFCHyper, thresholds: PresenceThresholds) -> None:
        """Change hyper-parameters and thresholds in place, also while targets are tracked."""
        if self.parity and (hyper.scale_templates or hyper.wide_instance_size):
            raise ValueError(
                "parity is the published method: it has no scale_templates and no wide search"
            )
        super().configure(hyper, thresholds)
        self.scales = scale_factors(hyper)

    def start(self, image: Image, box: Box) -> SiamFCTarget:
        """Make a target from its first image: compute its templates.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h) in pixels of `image`.
        """
        center, size = box_to_center_size(box)
        side = crops.context_side(size)
        side = float(round(side)) if self.parity else side
        fill = crops.mean_color(image)
        sides = (side / self.scales).tolist() if self.hyper.scale_templates else [side]
        cut = crops.published_window if self.parity else crops.crop_window
        exemplars = [cut(image, center, s, self.hyper.exemplar_size, fill) for s in sides]
        search_side = side * self.hyper.instance_size / self.hyper.exemplar_size
        return SiamFCTarget(
            center=center,
            size=size,
            image_size=size_of(image),
            fill=fill,
            presence=Presence(self.thresholds),
            parity=self.parity,
            templates=self.runtime.features(np.stack(exemplars)),
            search_side=search_side,
            side_limits=(SIDE_LIMITS[0] * search_side, SIDE_LIMITS[1] * search_side),
            view=LazyView(image) if self.wide else None,
        )

    def _match(
        self,
        images: list[Image],
        targets: list[SiamFCTarget],
        places: list[Place],
        size: int,
        influence: Tensor,
    ) -> list[PeakMatch]:
        """Search each target in one window, or one per scale."""
        inputs = [[target.kernels for target in targets], [influence] * len(targets)]
        if self.parity:
            published = self._published_windows(images, targets)
            answers, features = self.runtime.search_windows(published, inputs)
        else:
            windows = self._windows(targets, [place.center for place in places], size)
            answers, features = self.runtime.search(images, windows, size, inputs)
        parts = features[0].tensor_split(len(targets))
        found = zip(places, answers, parts, strict=True)
        return [self._read(place, answer, part) for place, answer, part in found]

    def _windows(
        self, targets: Sequence[SiamFCTarget], centers: Sequence[Vector], size: int
    ) -> Windows:
        """Return the search windows: one per target, or one per target and scale."""
        scales = np.ones(1) if self.hyper.scale_templates else self.scales
        sides = np.array([t.search_side for t in targets]) * size / self.hyper.instance_size
        fills = [target.fill for target in targets]
        return Windows(
            centers=np.repeat(centers, len(scales), axis=0),
            sides=np.asarray(np.outer(sides, scales).ravel(), float),
            fills=np.repeat(fills, len(scales), axis=0),
        )

    def _published_windows(
        self, images: Sequence[Image], targets: Sequence[SiamFCTarget]
    ) -> Image:
        """Cut the search windows of all scales as the release does: T*S x side x side x 3."""
        size = self.hyper.instance_size
        pyramids = [
            crops.published_pyramid(
                image, t.center, (t.search_side * self.scales).tolist(), size, t.fill
            )
            for image, t in zip(images, targets, strict=True)
        ]
        return np.concatenate(pyramids)

    def _read(self, place: Place, answer: NDArray[np.float32], features: Tensor) -> PeakMatch:
        """Read the row of numbers that the search step computed for one target."""
        finite = bool(np.isfinite(answer).all())
        peak = Peak.from_row(answer[:4] if finite else np.zeros(4, np.float32))
        cells = math.isqrt(len(answer) - 4)
        return PeakMatch(
            place=place,
            score=self._presence_score(peak.logit) if finite else 0.0,
            finite=finite,
            response=answer[4:].reshape(cells, cells),
            peak=peak,
            features=features,
        )

    def _least_score(self, target: SiamFCTarget) -> float | None:
        """Return None for a lost target: it is searched in a wide window instead."""
        if not self.wide:
            return 0.0
        return None if target.presence.searching else self.thresholds.lost

    def _wide_place(
        self, image: Image, view: LazyView, target: SiamFCTarget, usual: Match | None
    ) -> Place | None:
        """Return where to search a target that is lost or not clearly seen."""
        before = target.view
        target.view = view
        if usual is None:
            turn, elsewhere = divmod(target.searches_since_lost + 1, 2)
            return self._part_of_image(image, target, turn) if elsewhere else Place(target.center)
        if usual.score >= self.thresholds.tracked:
            return None
        if before is None:  # the wide search was switched on after the target was started
            return Place(target.center)
        shift = camera_shift(before.get(), view.get(), image.shape[1])
        return Place(target.center + shift)

    def _move(self, image: Image, target: SiamFCTarget, match: PeakMatch) -> None:
        """Move and resize the target to the match (SiamFC, section 2.3)."""
        scale = self.scales[match.peak.scale]
        rate = self.hyper.scale_rate
        unscaled = self.parity or self.hyper.scale_templates
        searched_side = target.search_side * (1.0 if unscaled else scale)
        zoom = searched_side / self.hyper.instance_size  # image pixels per network pixel
        center = match.place.center + match.peak.displacement * zoom
        growth = (1 - rate) + rate * scale
        target.move_and_scale(center, growth, image)

    def _learn(self, target: SiamFCTarget, match: PeakMatch) -> None:
        """Mix what the target looks like now into its templates, if it is clearly seen."""
        if not self.hyper.memory:
            target.kernels = target.templates  # the memory may have been on until now
        elif match.score >= self.thresholds.tracked:
            middle = target.templates[len(self.scales) // 2].unsqueeze(0)
            memory = self._remember(target, middle, match, match.peak.displacement)
            target.kernels = target.templates + self.hyper.memory * (memory - middle)

"""The update of trackers that search a usual window, and a wide one where that does not help.

The trackers here search a square window around each target. A wide window goes beyond the paper,
and the published settings switch it off (`wide_instance_size` 0). By default it is searched beside
the usual one: only for a lost target, in another part of each image, and the target moves there at
a high score. A tracker decides otherwise by two methods, `_least_score` and `_wide_place`, as
SiamFC+ does (siamfc.py).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw.crops import Image, Vector
from siamdw_ros.siamdw.motion import LazyView, tile_centers
from siamdw_ros.siamdw.multi_tracker import MultiTracker, Target
from siamdw_ros.siamdw.presence import PresenceThresholds, TrackResult
from siamdw_ros.siamdw.template_memory import mix_into_memory

WIDE_INFLUENCE = 0.05  # share of the cosine window in a wide search: the target may be anywhere


class Place(NamedTuple):
    """Where a target is searched.

    Attributes:
        center: of the search window, in image pixels.
        scale: how many times as large as before the target is expected to be.
    """

    center: Vector
    scale: float = 1.0


@dataclass(kw_only=True)
class WideSearchTarget(Target):
    """A target that a wide search can find again.

    Attributes:
        search_side: of the usual search window, in image pixels, before scaling.
        response: cells x cells logits of the last search.
        memory: 1 x C x h x w, features of the template as the target was lately.
        searches_since_lost: number of wide searches since the target was lost.
    """

    search_side: float
    response: NDArray[np.float32] | None = None
    memory: Tensor | None = None
    searches_since_lost: int = 0


@dataclass(frozen=True, kw_only=True)
class Match:
    """The best match of a target in one search window.

    Attributes:
        place: where it was searched.
        score: probability that the target is there.
        finite: False after an overflow in half precision: such a match means nothing.
        response: cells x cells logits.
        features: of the window, 1 x C x H x W, or one per scale.
    """

    place: Place
    score: float
    finite: bool
    response: NDArray[np.float32]
    features: Tensor


TargetT = TypeVar("TargetT", bound=WideSearchTarget)


class WideSearchTracker(MultiTracker[TargetT]):
    """Decides where targets are searched, and which match moves them.

    Attributes:
        wide: whether there is a wide search.
        wide_scales: at which the parts of an image are searched for a lost target, one after the
            other. Others than 1 need a `_match` and a `_move` that read the place's scale.
    """

    wide_scales: tuple[float, ...] = (1.0,)

    def configure(self, hyper: Any, thresholds: PresenceThresholds) -> None:
        """Change hyper-parameters and thresholds in place, also while targets are tracked."""
        super().configure(hyper, thresholds)
        self.wide = bool(hyper.wide_instance_size)
        self._influence = torch.tensor(hyper.window_influence)
        self._wide_influence = torch.tensor(WIDE_INFLUENCE)

    @abstractmethod
    def _match(
        self,
        images: list[Image],
        targets: list[TargetT],
        places: list[Place],
        size: int,
        influence: Tensor,
    ) -> Sequence[Any]:
        """Search each target in one window, or one per scale.

        Args:
            images: H x W x 3, uint8, BGR, one per target.
            targets: one or several.
            places: one per target.
            size: side of the windows, in network pixels.
            influence: share of the cosine window.

        Returns:
            One :class:`Match` per target.
        """

    @abstractmethod
    def _move(self, image: Image, target: TargetT, match: Any) -> None:
        """Move and resize the target to a match."""

    @abstractmethod
    def _learn(self, target: TargetT, match: Any) -> None:
        """Mix what the target looks like now into its template, if it is clearly seen."""

    def _remember(
        self, target: TargetT, first: Tensor, match: Match, displacement: Vector
    ) -> Tensor:
        """Mix what a match shows into a target's memory, and return the memory.

        Args:
            target: its memory is changed.
            first: 1 x C x h x w, features of its template in the first image.
            match: of the target.
            displacement: (x, y) from the middle of the window, in network pixels.
        """
        memory = first if target.memory is None else target.memory
        cells = displacement / self.runtime.network.backbone.stride
        target.memory = mix_into_memory(memory, match.features, cells, self.hyper.memory_rate)
        return target.memory

    def _update(self, images: list[Image], targets: list[TargetT]) -> list[TrackResult]:
        """Find each target in its image: one frame, from top to bottom."""
        hyper = self.hyper
        usual_places = self._usual_places(targets)
        usual_matches = self._search(images, targets, usual_places, hyper.instance_size)
        wide_places = self._wide_places(images, targets, usual_matches)
        wide_matches = self._search(images, targets, wide_places, hyper.wide_instance_size)
        results = []
        for index, (image, target) in enumerate(zip(images, targets, strict=True)):
            match, moves = self._choose(target, usual_matches.get(index), wide_matches.get(index))
            target.response = match.response
            if match.finite and moves:
                self._move(image, target, match)
                self._learn(target, match)
            results.append(target.report(image, match.score))
        return results

    def _choose(self, target: TargetT, usual: Any | None, wide: Any | None) -> tuple[Any, bool]:
        """Return the match to report, and whether the target moves there.

        Args:
            target: of both matches.
            usual: match in the usual window, if it was searched.
            wide: match in a wide window, if one was searched.
        """
        if wide is not None:
            # A wide window contains more look-alikes: a clear score is needed.
            searching = target.presence.searching
            clear = self.thresholds.reacquire if searching else self.thresholds.tracked
            if usual is None or wide.score >= max(clear, usual.score):
                return wide, wide.score >= clear
        assert usual is not None
        return usual, usual.score >= (self._least_score(target) or 0.0)

    def _search(
        self,
        images: Sequence[Image],
        targets: Sequence[TargetT],
        places: Mapping[int, Place],
        size: int,
    ) -> dict[int, Any]:
        """Search some of the targets in windows of one size.

        Args:
            images: H x W x 3, uint8, BGR, one per target.
            targets: all targets of the update.
            places: by index of the targets to be searched.
            size: side of the windows, in network pixels.

        Returns:
            The best match by target index.
        """
        if not places:
            return {}
        influence = self._influence if size == self.hyper.instance_size else self._wide_influence
        chosen = [images[index] for index in places], [targets[index] for index in places]
        matches = self._match(*chosen, list(places.values()), size, influence)
        return dict(zip(places, matches, strict=True))

    def _usual_places(self, targets: Sequence[TargetT]) -> dict[int, Place]:
        """Return where targets are searched in the usual windows, by target index."""
        return {
            index: Place(target.center)
            for index, target in enumerate(targets)
            if self._least_score(target) is not None
        }

    def _wide_places(
        self, images: Sequence[Image], targets: Sequence[TargetT], matches: Mapping[int, Match]
    ) -> dict[int, Place]:
        """Return where targets are searched in wide windows, by target index.

        Call it once per update.

        Args:
            images: H x W x 3, uint8, BGR, one per target.
            targets: all targets of the update.
            matches: in the usual windows, by target index.
        """
        if not self.wide:
            return {}
        views = {id(image): LazyView(image) for image in images}
        places = {}
        for index, (image, target) in enumerate(zip(images, targets, strict=True)):
            searches = target.searches_since_lost + 1 if target.presence.searching else 0
            target.searches_since_lost = searches
            place = self._wide_place(image, views[id(image)], target, matches.get(index))
            if place is not None:
                places[index] = place
        return places

    def _least_score(self, _target: TargetT) -> float | None:
        """Return the score from which on a match in the usual window moves a target.

        Any does by default, as in the paper. None: the target is not searched there.
        """
        return 0.0

    def _wide_place(
        self, image: Image, _view: LazyView, target: TargetT, _usual: Match | None
    ) -> Place | None:
        """Return where to search a target in a wide window, or None to search none.

        By default a lost target is searched in another part of each image. The part around its
        last position comes last: the usual window is there.

        Args:
            image: H x W x 3, uint8, BGR.
            _view: the small view of the image.
            target: one target.
            _usual: its match in the usual window, if that was searched.
        """
        if not target.presence.searching:
            return None
        return self._part_of_image(image, target, target.searches_since_lost)

    def _part_of_image(self, image: Image, target: TargetT, turn: int) -> Place:
        """Return one of the places whose wide windows cover an image, at each scale.

        Args:
            image: H x W x 3, uint8, BGR.
            target: the one that is searched.
            turn: number of the window, from 0 for the nearest; after the last, they come again.
        """
        hyper = self.hyper
        reach = (hyper.wide_instance_size - hyper.exemplar_size) / hyper.instance_size
        reach *= target.search_side
        tiles = [
            tile_centers(image, max(reach * scale, 1.0), target.center)
            for scale in self.wide_scales
        ]
        centers = np.concatenate(tiles)
        scales = np.repeat(self.wide_scales, [len(part) for part in tiles])
        index = turn % len(centers)
        return Place(centers[index], float(scales[index]))

    def _presence_score(self, logit: float) -> float:
        """Return the probability that the target is where this logit was found."""
        distance = self.hyper.presence_slope * (logit - self.hyper.presence_midpoint)
        return float(1 / (1 + np.exp(-np.clip(distance, -50, 50))))

    def window_sides(self) -> tuple[int, ...]:
        """Return the sides of all search windows that may come, in network pixels."""
        sides = (self.hyper.instance_size, self.hyper.wide_instance_size)
        return tuple(side for side in sides if side)

    def _warm_up_search(self, images: list[Image], targets: list[TargetT], side: int) -> None:
        self._search(images, targets, dict(enumerate(Place(t.center) for t in targets)), side)

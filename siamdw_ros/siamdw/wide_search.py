"""The update of trackers that search a usual window, and a wide one where that does not help.

The trackers here search a square window around each target. A wide window goes beyond the paper,
and the published settings switch it off (`wide_instance_size` 0):

- A target that is not clearly seen is searched once more in the same image, in a wider window and
  where the motion of the camera took it.
- A lost target is searched in every image with one wide window only: in turn around its last
  position and in another part of the image, the nearest first.

The box tracker keeps the usual window, and follows what is there at any score. Only for a lost
target it searches another part of each image as well, and moves there at a high score.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw.crops import Image, Vector
from siamdw_ros.siamdw.motion import LazyView, camera_shift, tile_centers
from siamdw_ros.siamdw.multi_tracker import MultiTracker, Target
from siamdw_ros.siamdw.presence import PresenceThresholds, TrackResult
from siamdw_ros.siamdw.template_memory import mix_into_memory

WIDE_INFLUENCE = 0.05  # share of the cosine window in a wide search: the target may be anywhere


@dataclass(kw_only=True)
class WideSearchTarget(Target):
    """A target that a wide search can find again.

    Attributes:
        search_side: of the usual search window, in image pixels, before scaling.
        response: cells x cells logits of the last search.
        memory: 1 x C x h x w, features of the template as the target was lately.
        view: small view of the last image, to measure the motion of the camera.
        searches_since_lost: number of wide searches since the target was lost.
    """

    search_side: float
    response: NDArray[np.float32] | None = None
    memory: Tensor | None = None
    view: LazyView | None = None
    searches_since_lost: int = 0


@dataclass(frozen=True, kw_only=True)
class Match:
    """The best match of a target in one search window.

    Attributes:
        center: of the search window, in image pixels.
        score: probability that the target is there.
        finite: False after an overflow in half precision: such a match means nothing.
        response: cells x cells logits.
        features: of the window, 1 x C x H x W, or one per scale.
    """

    center: Vector
    score: float
    finite: bool
    response: NDArray[np.float32]
    features: Tensor


TargetT = TypeVar("TargetT", bound=WideSearchTarget)


class WideSearchTracker(MultiTracker[TargetT]):
    """Decides where targets are searched, and which match moves them.

    Attributes:
        only_lost: search in wide windows for lost targets only, beside the usual window, and move
            a target to a match in that one at any score.
        wide: whether there is a wide search.
    """

    only_lost = False

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
        centers: list[Vector],
        size: int,
        influence: Tensor,
    ) -> Sequence[Any]:
        """Search each target in one window, or one per scale.

        Args:
            images: H x W x 3, uint8, BGR, one per target.
            targets: one or several.
            centers: of the windows, in image pixels, one per target.
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
        matches = self._search(images, targets, self._first_centers(targets), hyper.instance_size)
        wide_centers = self._wide_centers(images, targets, matches)
        wide_matches = self._search(images, targets, wide_centers, hyper.wide_instance_size)
        for index, match in wide_matches.items():
            # A wide window contains more look-alikes: a clear score is needed.
            if index not in matches or match.score >= self._needed(matches[index]):
                matches[index] = match
        results = []
        for index, (image, target) in enumerate(zip(images, targets, strict=True)):
            match = matches[index]
            target.response = match.response
            if match.finite and self._accepts(target, match.score):
                self._move(image, target, match)
                self._learn(target, match)
            results.append(target.report(image, match.score))
        return results

    def _search(
        self,
        images: Sequence[Image],
        targets: Sequence[TargetT],
        centers: Mapping[int, Vector],
        size: int,
    ) -> dict[int, Any]:
        """Search some of the targets in windows of one size.

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
        influence = self._influence if size == self.hyper.instance_size else self._wide_influence
        chosen = [images[index] for index in centers], [targets[index] for index in centers]
        matches = self._match(*chosen, list(centers.values()), size, influence)
        return dict(zip(centers, matches, strict=True))

    def _first_centers(self, targets: Sequence[TargetT]) -> dict[int, Vector]:
        """Return the centres of the usual search windows, in image pixels, by target index.

        Lost targets may be left out: they are then searched in a wide window only.
        """
        return {
            index: target.center
            for index, target in enumerate(targets)
            if self.only_lost or not (self.wide and target.presence.searching)
        }

    def _needed(self, usual: Match) -> float:
        """Return the score that makes a match in a wide window better than one in a usual one."""
        if self.only_lost:
            return max(self.thresholds.reacquire, usual.score)
        return self.thresholds.tracked

    def _wide_centers(
        self, images: Sequence[Image], targets: Sequence[TargetT], matches: Mapping[int, Match]
    ) -> dict[int, Vector]:
        """Return the centres of wide search windows for the targets that are not clearly seen.

        Call it once per update: it also stores the views of the images in the targets.

        Args:
            images: H x W x 3, uint8, BGR, one per target.
            targets: all targets of the update.
            matches: of the first search, by target index; lost targets have none.

        Returns:
            Centres in image pixels, by target index; empty if the wide search is switched off.
        """
        if not self.wide:
            return {}
        views = {id(image): LazyView(image) for image in images}
        centers = {}
        for index, (image, target) in enumerate(zip(images, targets, strict=True)):
            view = views[id(image)]
            if target.presence.searching:
                centers[index] = self._lost_center(image, target)
            elif matches[index].score < self.thresholds.tracked and not self.only_lost:
                centers[index] = _center_after_camera_motion(image, view, target)
            target.view = view
        return centers

    def _lost_center(self, image: Image, target: TargetT) -> Vector:
        """Choose the next place to search for a lost target."""
        target.searches_since_lost += 1
        if target.searches_since_lost % 2 and not self.only_lost:
            return target.center
        hyper = self.hyper
        reach = (hyper.wide_instance_size - hyper.exemplar_size) / hyper.instance_size
        tiles = tile_centers(image, max(reach * target.search_side, 1.0), target.center)
        turn = target.searches_since_lost if self.only_lost else target.searches_since_lost // 2
        return np.asarray(tiles[turn % len(tiles)])

    def _accepts(self, target: TargetT, score: float) -> bool:
        """Return whether a score is enough to move the target there. The paper accepts any."""
        if self.only_lost or not self.wide:
            return True
        if target.presence.searching:
            return score >= self.thresholds.reacquire
        return score >= self.thresholds.lost

    def _presence_score(self, logit: float) -> float:
        """Return the probability that the target is where this logit was found."""
        distance = self.hyper.presence_slope * (logit - self.hyper.presence_midpoint)
        return float(1 / (1 + np.exp(-np.clip(distance, -50, 50))))

    def window_sides(self) -> tuple[int, ...]:
        """Return the sides of all search windows that may come, in network pixels."""
        sides = (self.hyper.instance_size, self.hyper.wide_instance_size)
        return tuple(side for side in sides if side)

    def _warm_up_search(self, images: list[Image], targets: list[TargetT], side: int) -> None:
        self._search(images, targets, dict(enumerate(t.center for t in targets)), side)


def _center_after_camera_motion(image: Image, view: LazyView, target: WideSearchTarget) -> Vector:
    """Return where the target is now if it stands still and only the camera moved."""
    target.searches_since_lost = 0
    if target.view is None:  # the wide search was switched on after the target was started
        return target.center
    return target.center + camera_shift(target.view.get(), view.get(), image.shape[1])

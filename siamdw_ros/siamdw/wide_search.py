"""Search for targets that the usual search window did not show, and for lost targets.

SiamFC+ uses it, and any tracker whose window is `search_side` image pixels wide can. It goes
beyond the paper, and the published settings switch it off (`wide_instance_size` 0):

- A target that is not clearly seen is searched once more in the same image, in a wider window and
  where the motion of the camera took it.
- A lost target is searched in every image with one wide window only: in turn around its last
  position and in another part of the image, the nearest first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from siamdw_ros.siamdw.crops import Image, Vector
from siamdw_ros.siamdw.motion import LazyView, camera_shift, tile_centers
from siamdw_ros.siamdw.multi_tracker import Target
from siamdw_ros.siamdw.presence import PresenceThresholds


class WideSearchHyper(Protocol):
    """The hyper-parameters that a wide search needs; all in network pixels."""

    @property
    def exemplar_size(self) -> int:
        """Side of the template."""

    @property
    def instance_size(self) -> int:
        """Side of the usual search window."""

    @property
    def wide_instance_size(self) -> int:
        """Side of the wide search window; 0: no wide search."""


@dataclass(kw_only=True)
class WideSearchTarget(Target):
    """A target that a wide search can find again.

    Attributes:
        search_side: of the usual search window, in image pixels, before scaling.
        view: small view of the last image, to measure the motion of the camera.
        searches_since_lost: number of wide searches since the target was lost.
    """

    search_side: float
    view: LazyView | None = None
    searches_since_lost: int = 0


class WideSearch:
    """Decides where targets are searched, and which score is enough to move them.

    Args:
        hyper: sizes of the windows.
        thresholds: of the presence score.
        only_lost: search in wide windows for lost targets only, and move others at any score.
    """

    def __init__(
        self, hyper: WideSearchHyper, thresholds: PresenceThresholds, *, only_lost: bool = False
    ) -> None:
        self.hyper = hyper
        self.thresholds = thresholds
        self.only_lost = only_lost
        self.enabled = bool(hyper.wide_instance_size)

    def view(self, image: Image) -> LazyView | None:
        """Return what a new target keeps of its first image."""
        return LazyView(image) if self.enabled else None

    def first_centers(self, targets: Sequence[WideSearchTarget]) -> dict[int, Vector]:
        """Return the centres of the usual search windows, in image pixels, by target index.

        Lost targets are left out: they are searched in a wide window only.
        """
        return {
            index: target.center
            for index, target in enumerate(targets)
            if not (self.enabled and target.presence.searching)
        }

    def wide_centers(
        self,
        images: Sequence[Image],
        targets: Sequence[WideSearchTarget],
        scores: Mapping[int, float],
    ) -> dict[int, Vector]:
        """Return the centres of wide search windows for the targets that are not clearly seen.

        Call it once per update: it also stores the views of the images in the targets.

        Args:
            images: H x W x 3, uint8, BGR, one per target.
            targets: all targets of the update.
            scores: of the first search, by target index; lost targets have none.

        Returns:
            Centres in image pixels, by target index; empty if the wide search is switched off.
        """
        if not self.enabled:
            return {}
        views = {id(image): LazyView(image) for image in images}
        centers = {}
        for index, (image, target) in enumerate(zip(images, targets, strict=True)):
            view = views[id(image)]
            if index not in scores:
                centers[index] = self._lost_center(image, target)
            elif scores[index] < self.thresholds.tracked and not self.only_lost:
                centers[index] = _center_after_camera_motion(image, view, target)
            target.view = view
        return centers

    def _lost_center(self, image: Image, target: WideSearchTarget) -> Vector:
        """Choose the next place to search for a lost target."""
        target.searches_since_lost += 1
        if target.searches_since_lost % 2:
            return target.center
        hyper = self.hyper
        reach = (hyper.wide_instance_size - hyper.exemplar_size) / hyper.instance_size
        tiles = tile_centers(image, max(reach * target.search_side, 1.0), target.center)
        return np.asarray(tiles[target.searches_since_lost // 2 % len(tiles)])

    def is_better(self, first: float | None, wide: float) -> bool:
        """Return whether the score of the wide search replaces that of the first one.

        A wide window holds more that looks like the target, so a clear score is needed.
        """
        return first is None or wide >= self.thresholds.tracked

    def accepts(self, target: WideSearchTarget, score: float) -> bool:
        """Return whether a score is enough to move the target there. The paper accepts any."""
        if not self.enabled:
            return True
        if target.presence.searching:
            return score >= self.thresholds.reacquire
        return self.only_lost or score >= self.thresholds.lost


def _center_after_camera_motion(image: Image, view: LazyView, target: WideSearchTarget) -> Vector:
    """Return where the target is now if it stands still and only the camera moved."""
    target.searches_since_lost = 0
    if target.view is None:  # the wide search was switched on after the target was started
        return target.center
    return target.center + camera_shift(target.view.get(), view.get(), image.shape[1])

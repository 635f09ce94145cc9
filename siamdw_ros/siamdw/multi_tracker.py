"""What the trackers share: a target's place and size, and how a tracking method is spoken to."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from siamdw_ros.siamdw.crops import Box, Image, Vector
from siamdw_ros.siamdw.presence import Presence, TrackResult
from siamdw_ros.siamdw.runtime import Runtime

MIN_SIZE = 3.0  # pixels; a target's sides never shrink below: drones see small targets
PUBLISHED_MIN_SIZE = 10.0  # in the authors' release


@dataclass
class Target:
    """Where a target is, how large, and what is known about it.

    center, size: (x, y) and (w, h) in image pixels. fill: colour (BGR) of what lies outside of
    the image. presence: tracked, uncertain or lost.
    """

    center: Vector
    size: Vector
    fill: Vector
    presence: Presence

    @property
    def box(self) -> Box:
        """The box (x, y, w, h) in image pixels, its corner not left of or above the image."""
        x, y = np.maximum(self.center - self.size / 2, 0.0)
        return float(x), float(y), float(self.size[0]), float(self.size[1])

    def move(self, center: Vector, size: Vector, image: Image, *, parity: bool) -> None:
        """Give the target a new place and size, as far as the image allows it.

        The centre stays inside the image; the sides stay between a minimum and the image's.
        """
        height, width = image.shape[:2]
        limits = np.array([width, height], float)
        self.center = center.clip(0.0, limits)
        smallest = PUBLISHED_MIN_SIZE if parity else MIN_SIZE
        self.size = size.clip(smallest, np.maximum(limits, smallest))

    def report(self, score: float) -> TrackResult:
        """Say where the target is after an image in which it scored `score`, in [0, 1]."""
        return TrackResult(self.box, score, self.presence.judge(score))


TargetT = TypeVar("TargetT")


class MultiTracker(Protocol[TargetT]):
    """A way of tracking: it holds the network and no target, so that many targets share it."""

    parity: bool
    runtime: Runtime[Any]

    def start(self, image: Image, box: Box) -> TargetT:
        """Learn what a target looks like.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h) in pixels of `image`.
        """
        ...

    def update(self, image: Image, targets: Sequence[TargetT]) -> list[TrackResult]:
        """Find each target in the next image and move it there.

        Args:
            image: H x W x 3, uint8, BGR.
            targets: moved in place.

        Returns:
            One result a target, in their order.
        """
        ...

    def update_many(
        self, frames: Sequence[tuple[Image, Sequence[TargetT]]]
    ) -> list[list[TrackResult]]:
        """Do so in several images, each with targets of its own, in one batch.

        Args:
            frames: of each image (H x W x 3, uint8, BGR) its targets, moved in place.

        Returns:
            As many lists of results.
        """
        ...


def in_one_batch(
    update: Callable[[list[Image], list[TargetT]], Iterable[TrackResult]],
    frames: Sequence[tuple[Image, Sequence[TargetT]]],
) -> list[list[TrackResult]]:
    """Update the targets of several images together.

    Args:
        update: takes an image a target, and the targets; returns a result each.
        frames: images with their targets.
    """
    images = [image for image, targets in frames for _ in targets]
    together = [target for _, targets in frames for target in targets]
    results = iter(update(images, together))
    return [list(itertools.islice(results, len(targets))) for _, targets in frames]


def box_to_center_size(box: Box) -> tuple[Vector, Vector]:
    """Turn (x, y, w, h) into centre (x, y) and size (w, h), both in image pixels."""
    x, y, w, h = box
    return np.array([x + w / 2, y + h / 2]), np.array([w, h], float)

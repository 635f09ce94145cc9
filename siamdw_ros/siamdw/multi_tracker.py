"""Base of all trackers: a target's position and size, and the interface of a tracker."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from siamdw_ros.siamdw.crops import Box, Image, Vector
from siamdw_ros.siamdw.presence import (
    DEFAULT_THRESHOLDS,
    Presence,
    PresenceThresholds,
    TrackResult,
)
from siamdw_ros.siamdw.runtime import Runtime

MIN_SIZE = 3.0  # pixels; a target's sides never shrink below: drones see small targets
PUBLISHED_MIN_SIZE = 10.0  # in the authors' release
WARM_UP_TARGETS = 4  # batch sizes up to this one are run once while configuring
WARM_UP_IMAGE = (480, 640, 3)


@dataclass(kw_only=True)
class Target:
    """Position, size and presence of one target.

    Attributes:
        center: (x, y) in image pixels.
        size: (w, h) in image pixels.
        image_size: (w, h) of the last image, in pixels.
        fill: BGR colour of search windows outside of the image.
        presence: tracked, uncertain or lost.
        parity: report and limit the box as the authors' release does.
    """

    center: Vector
    size: Vector
    image_size: Vector
    fill: Vector
    presence: Presence
    parity: bool = False

    @property
    def box(self) -> Box:
        """The part of the box inside the image: (x, y, w, h) in image pixels.

        The release shifts a box that leaves the image on the left or at the top, and does nothing
        on the other two sides; so does parity.
        """
        if self.parity:
            x, y = np.maximum(self.center - self.size / 2, 0.0)
            return float(x), float(y), float(self.size[0]), float(self.size[1])
        left, top = np.maximum(self.center - self.size / 2, 0.0)
        right, bottom = np.minimum(self.center + self.size / 2, self.image_size)
        return float(left), float(top), float(right - left), float(bottom - top)

    def move(self, center: Vector, size: Vector, image: Image) -> None:
        """Set position and size, within what the image allows.

        Args:
            center: (x, y) in image pixels; clipped to the image.
            size: (w, h) in image pixels; clipped to a minimum and to the size of the image.
            image: H x W x 3.
        """
        self.image_size = size_of(image)
        self.center = center.clip(0.0, self.image_size)
        smallest = PUBLISHED_MIN_SIZE if self.parity else MIN_SIZE
        self.size = size.clip(smallest, np.maximum(self.image_size, smallest))

    def move_and_scale(self, center: Vector, growth: float, image: Image) -> None:
        """Set the position and multiply the size by `growth`; see :meth:`move`."""
        self.move(center, self.size * growth, image)

    def rescale(self, factor: float, image: Image) -> None:
        """Adapt the target to the same scene at another resolution.

        Args:
            factor: width of the images divided by their width before.
            image: H x W x 3, of the new size.
        """
        self.move_and_scale(self.center * factor, factor, image)

    def report(self, image: Image, score: float) -> TrackResult:
        """Update the presence with the score of an image, in [0, 1], and return the result."""
        if size_of(image).tolist() != self.image_size.tolist():
            # Not moved in an image of another size: the target must stay inside of it.
            self.move(self.center, self.size, image)
        return TrackResult(self.box, score, self.presence.judge(score))


TargetT = TypeVar("TargetT", bound=Target)


class MultiTracker(ABC, Generic[TargetT]):
    """A tracker for any number of targets. It holds the network; the caller holds the targets.

    It is not thread-safe, and images must not be changed until the next update: a tracker may
    keep a reference to the last one.

    Args:
        runtime: what computes the search step. It belongs to this tracker alone.
        hyper: hyper-parameters.
        thresholds: of the presence score.

    Attributes:
        runtime, hyper, thresholds: as given; change the last two with :meth:`configure`.
        parity: whether it computes what the authors' release computes.
    """

    def __init__(
        self,
        runtime: Runtime[Any, Any],
        hyper: Any,
        thresholds: PresenceThresholds = DEFAULT_THRESHOLDS,
    ) -> None:
        self.runtime: Runtime[Any, Any] = runtime
        self.parity = runtime.step.parity
        self.configure(hyper, thresholds)

    def configure(self, hyper: Any, thresholds: PresenceThresholds) -> None:
        """Change hyper-parameters and thresholds in place, also while targets are tracked.

        Thresholds apply to targets that are started from now on; those of running targets are in
        `target.presence`.
        """
        self.hyper: Any = hyper
        self.thresholds = thresholds
        self.runtime.configure(hyper)

    @abstractmethod
    def start(self, image: Image, box: Box) -> TargetT:
        """Make a target from its first image.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h) in pixels of `image`.
        """

    def update(self, image: Image, targets: Sequence[TargetT]) -> list[TrackResult]:
        """Find targets in the next image; they share a batch.

        Args:
            image: H x W x 3, uint8, BGR.
            targets: moved in place.

        Returns:
            One result per target, in their order.
        """
        return self.update_many([(image, targets)])[0]

    def update_many(
        self, frames: Sequence[tuple[Image, Sequence[TargetT]]]
    ) -> list[list[TrackResult]]:
        """Find targets in several images, for instance of several cameras, in one batch.

        Args:
            frames: each image (H x W x 3, uint8, BGR) with its targets, moved in place.

        Returns:
            One list of results per image.
        """
        images = [image for image, targets in frames for _ in targets]
        together = [target for _, targets in frames for target in targets]
        results = iter(self._update(images, together))
        return [[next(results) for _ in targets] for _, targets in frames]

    @abstractmethod
    def _update(self, images: list[Image], targets: list[TargetT]) -> list[TrackResult]:
        """Find each target in its image: `images` holds one image per target."""

    def warm_up(self, targets: int = WARM_UP_TARGETS) -> None:
        """Make everything now that is otherwise made at first use.

        OpenVINO compiles each window side and prepares each batch size when it first comes, which
        would cost a second in the middle of tracking.

        Args:
            targets: batches of 1 up to this number are run.
        """
        image = np.full(WARM_UP_IMAGE, 128, np.uint8)
        first = self.start(image, (280.0, 200.0, 80.0, 80.0))
        for count in range(1, targets + 1):
            group = [copy.copy(first) for _ in range(count)]
            for side in self.window_sides():
                self._warm_up_search([image] * count, group, side)
        self.update(image, [first])

    @abstractmethod
    def window_sides(self) -> tuple[int, ...]:
        """Return the sides of all search windows that may come, in network pixels."""

    @abstractmethod
    def _warm_up_search(self, images: list[Image], targets: list[TargetT], side: int) -> None:
        """Search windows of one side, one image per target, and ignore the result."""

    def release(self) -> None:
        """Free what was made for the image sizes seen so far; it is made again when needed."""
        self.runtime.release()


def size_of(image: Image) -> Vector:
    """Return (w, h) of an image, in pixels."""
    return np.array(image.shape[1::-1], float)


def box_to_center_size(box: Box) -> tuple[Vector, Vector]:
    """Convert (x, y, w, h) to centre (x, y) and size (w, h), both in image pixels."""
    x, y, w, h = box
    return np.array([x + w / 2, y + h / 2]), np.array([w, h], float)

"""SiamRPN+: find a target as the best of many corrected anchors (paper section 5.1).

The penalty on changes of size and shape and the cosine window are SiamRPN's (section 4.2); see
siamrpn_step.py. With `parity` windows are cut at whole pixels, as in the authors' release;
otherwise exactly where the target is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from siamdw_ros.siamdw import crops
from siamdw_ros.siamdw.crops import Box, Image, Vector, Windows
from siamdw_ros.siamdw.heads import Kernels
from siamdw_ros.siamdw.hyperparameters import SiamRPNHyper
from siamdw_ros.siamdw.multi_tracker import MultiTracker, Target, box_to_center_size, size_of
from siamdw_ros.siamdw.networks import SiamRPNNetwork
from siamdw_ros.siamdw.presence import Presence, TrackResult
from siamdw_ros.siamdw.runtime import Runtime


@dataclass(kw_only=True)
class SiamRPNTarget(Target):
    """A target of SiamRPN+.

    Attributes:
        kernels: the template, as the head made it ready for correlation.
        instance_size: side of its search window, in network pixels.
    """

    kernels: Kernels
    instance_size: int


class Choice(NamedTuple):
    """The proposal taken.

    Attributes:
        box: centre x and y from the middle of the search window, width and height, in network
            pixels.
        score: probability that the target is there.
        penalty: on changes of size and shape, at most 1.
    """

    box: Vector
    score: float
    penalty: float

    @classmethod
    def from_row(cls, numbers: NDArray[np.float32]) -> "Choice":
        """Read what the search step computed for one target."""
        return cls(numbers[:4].astype(float), *numbers[4:].tolist())


class SiamRPN(MultiTracker[SiamRPNTarget]):
    """The SiamRPN+ tracker; see :class:`MultiTracker` for the arguments."""

    hyper: SiamRPNHyper
    runtime: Runtime[SiamRPNNetwork, SiamRPNHyper]

    def start(self, image: Image, box: Box) -> SiamRPNTarget:
        """Make a target from its first image: compute its kernels.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h) in pixels of `image`.
        """
        center, size = box_to_center_size(box)
        side = self._window_side(crops.context_side(size))
        fill = crops.mean_color(image)
        cut = crops.published_window if self.parity else crops.crop_window
        exemplar = cut(image, center, side, self.hyper.exemplar_size, fill)
        return SiamRPNTarget(
            center=center,
            size=size,
            image_size=size_of(image),
            fill=fill,
            presence=Presence(self.thresholds),
            parity=self.parity,
            kernels=self._kernels(exemplar),
            instance_size=self._instance_size(image, size),
        )

    @torch.inference_mode()
    def _kernels(self, exemplar: Image) -> Kernels:
        """Compute once per target what needs only the template."""
        return self.runtime.network.head.kernels(self.runtime.features(exemplar[None]))

    def _instance_size(self, image: Image, size: Vector) -> int:
        """Return a larger search window for a target that is small in its image."""
        small = size.prod() / (image.shape[0] * image.shape[1]) < self.hyper.small_area
        return self.hyper.small_instance_size if small else self.hyper.instance_size

    def _update(self, images: list[Image], targets: list[SiamRPNTarget]) -> list[TrackResult]:
        """Find each target in its image; those of one instance size share a batch."""
        results: dict[int, TrackResult] = {}
        for instance_size in {target.instance_size for target in targets}:
            indices = [i for i, t in enumerate(targets) if t.instance_size == instance_size]
            group = [targets[i] for i in indices]
            choices = self._search([images[i] for i in indices], group, instance_size)
            for index, choice in zip(indices, choices, strict=True):
                results[index] = self._move(images[index], targets[index], choice)
        return [results[index] for index in range(len(targets))]

    def _search(
        self, images: Sequence[Image], targets: Sequence[SiamRPNTarget], size: int
    ) -> list[Choice]:
        """Search for targets in windows of one size, in network pixels."""
        inputs = [
            [target.kernels.cls for target in targets],
            [target.kernels.reg for target in targets],
            [torch.from_numpy(t.size * self._zoom(t)).float() for t in targets],
        ]
        windows = self._windows(targets, size)
        if self.parity:
            cut = [
                crops.published_window(image, center, side, size, fill)
                for image, center, side, fill in zip(images, *windows, strict=True)
            ]
            answers, _ = self.runtime.search_windows(np.stack(cut), inputs)
        else:
            answers, _ = self.runtime.search(images, windows, size, inputs)
        return [Choice.from_row(answer) for answer in answers]

    def _windows(self, targets: Sequence[SiamRPNTarget], size: int) -> Windows:
        """Return the search windows, one per target."""
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

    def _window_side(self, side: float) -> float:
        return crops.round_half_away(side) if self.parity else side

    def _zoom(self, target: SiamRPNTarget) -> float:
        """Return network pixels per image pixel."""
        return self.hyper.exemplar_size / crops.context_side(target.size)

    def _move(self, image: Image, target: SiamRPNTarget, choice: Choice) -> TrackResult:
        """Move and resize the target to the proposal chosen (SiamRPN, section 4.2)."""
        if not np.isfinite([*choice.box, choice.score, choice.penalty]).all():
            return target.report(image, 0.0)  # an overflow in half precision has no information
        x, y, w, h = choice.box / self._zoom(target)
        rate = choice.penalty * choice.score * self.hyper.rate
        size = target.size * (1 - rate) + np.array([w, h]) * rate
        target.move(target.center + np.array([x, y]), size, image)
        return target.report(image, choice.score)

    def window_sides(self) -> tuple[int, ...]:
        """Return the sides of all search windows that may come, in network pixels."""
        return tuple({self.hyper.instance_size, self.hyper.small_instance_size})

    def _warm_up_search(
        self, images: list[Image], targets: list[SiamRPNTarget], side: int
    ) -> None:
        self._search(images, targets, side)

"""SiamFC+: find a target by cross-correlation at several scales (paper section 5.1).

The paper's method, and beside it (`parity`) the authors' release pixel for pixel. Parity differs
in three points, all of which we take to be slips: windows are cut at whole pixels and resized
twice, the middle of the response is taken to be 136 where it is 135.5, and a displacement found
at another scale is measured with the unscaled search side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw import crops
from siamdw_ros.siamdw.crops import Box, Image, Vector
from siamdw_ros.siamdw.hyperparameters import MARGIN, SiamFCHyper
from siamdw_ros.siamdw.method import Target, box_to_center_size
from siamdw_ros.siamdw.networks import SiamFCNetwork
from siamdw_ros.siamdw.presence import (
    DEFAULT_THRESHOLDS,
    Presence,
    PresenceThresholds,
    TrackResult,
)
from siamdw_ros.siamdw.runtime import Runtime

SIDE_LIMITS = (0.2, 5.0)  # of the search side, in units of the first one

Response = NDArray[np.float32]


@dataclass
class SiamFCTarget(Target):
    """A target and what SiamFC+ knows of it.

    template: features, 1 x C x h x w. search_side: of the search window in image pixels, before
    scaling. side_limits: the smallest and largest it may become.
    """

    template: Tensor
    search_side: float
    side_limits: tuple[float, float]


@dataclass(frozen=True)
class Peak:
    """Where a target's responses are highest.

    scale: index. displacement: from the middle of the search window, in search pixels. logit: of
    the response at its highest, before the window.
    """

    scale: int
    displacement: Vector
    logit: float


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
        self.runtime, self.hyper, self.thresholds, self.parity = runtime, hyper, thresholds, parity
        self.stride = runtime.network.backbone.stride
        self.cells = MARGIN // self.stride + 1
        upsampled = self.cells * hyper.upsampling
        self.window = np.outer(np.hanning(upsampled), np.hanning(upsampled))
        self.window /= self.window.sum()
        self.middle = np.ceil(upsampled / 2) if parity else (upsampled - 1) / 2
        exponents = np.arange(hyper.scales) - hyper.scales // 2
        self.scales = hyper.scale_step ** exponents.astype(float)
        self.penalties = np.where(exponents == 0, 1.0, hyper.scale_penalty)
        self._window = crops.published_window if parity else crops.crop_window
        self._pyramid = crops.published_pyramid if parity else crops.crop_pyramid

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
        exemplar = self._window(image, center, side, self.hyper.exemplar_size, fill)
        search_side = side * self.hyper.instance_size / self.hyper.exemplar_size
        return SiamFCTarget(
            center=center,
            size=size,
            fill=fill,
            presence=Presence(self.thresholds),
            template=self.runtime.features(exemplar[None]),
            search_side=search_side,
            side_limits=(SIDE_LIMITS[0] * search_side, SIDE_LIMITS[1] * search_side),
        )

    def update(self, image: Image, targets: Sequence[SiamFCTarget]) -> list[TrackResult]:
        """Find each target in the next image; they share one pass through the network.

        Args:
            image: H x W x 3, uint8, BGR.
            targets: moved in place.

        Returns:
            One result a target, in their order.
        """
        if not targets:
            return []
        pyramids = [self._search_pyramid(image, target) for target in targets]
        responses = self._respond(targets, np.concatenate(pyramids))
        return [
            self._follow(image, target, response)
            for target, response in zip(targets, responses, strict=True)
        ]

    def _search_pyramid(self, image: Image, target: SiamFCTarget) -> Image:
        sides = (target.search_side * self.scales).tolist()
        return self._pyramid(image, target.center, sides, self.hyper.instance_size, target.fill)

    @torch.inference_mode()
    def _respond(self, targets: Sequence[SiamFCTarget], pyramids: Image) -> Response:
        """T targets, T*S windows -> T x S x cells x cells logits."""
        templates = torch.cat([target.template for target in targets])
        responses = self.runtime.network.head(templates, self.runtime.features(pyramids))
        shape = (len(targets), self.hyper.scales, self.cells, self.cells)
        return np.asarray(responses.cpu().numpy(), np.float32).reshape(shape)

    def _follow(self, image: Image, target: SiamFCTarget, response: Response) -> TrackResult:
        if not np.isfinite(response).all():  # an overflow in half precision says nothing
            return target.report(0.0)
        peak = self.locate(response)
        self._move(image, target, peak)
        return target.report(presence_score(peak.logit))

    def locate(self, response: Response) -> Peak:
        """Choose scale and place (SiamFC, section 2.3).

        Args:
            response: S x cells x cells logits, one map a scale.
        """
        side = self.cells * self.hyper.upsampling
        stacked = np.ascontiguousarray(response.transpose(1, 2, 0))
        upsampled = cv2.resize(stacked, (side, side), interpolation=cv2.INTER_CUBIC)
        upsampled = upsampled.reshape(side, side, -1)
        maxima = upsampled.max(axis=(0, 1))
        scale = int(np.argmax(maxima * self.penalties))
        chosen = upsampled[..., scale] - upsampled[..., scale].min()
        chosen = chosen / max(float(chosen.sum()), np.finfo(np.float32).tiny)
        influence = self.hyper.window_influence
        chosen = (1 - influence) * chosen + influence * self.window
        row, column = np.unravel_index(int(np.argmax(chosen)), chosen.shape)
        displacement = np.array([column, row]) - self.middle
        displacement *= self.stride / self.hyper.upsampling
        return Peak(scale, displacement, float(maxima[scale]))

    def _move(self, image: Image, target: SiamFCTarget, peak: Peak) -> None:
        """Move and resize the target to a peak."""
        scale, rate = self.scales[peak.scale], self.hyper.scale_rate
        searched = target.search_side * (1.0 if self.parity else scale)
        center = target.center + peak.displacement * searched / self.hyper.instance_size
        growth = (1 - rate) + rate * scale
        target.move(center, target.size * growth, image, parity=self.parity)
        target.search_side = float(np.clip(target.search_side * growth, *target.side_limits))


def presence_score(logit: float) -> float:
    """Turn the highest logit of a response into a probability."""
    return float(1 / (1 + np.exp(-np.clip(logit, -50, 50))))

"""From a response map to a peak: which template or scale answers best, where, and how clearly."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Vector
from siamdw_ros.siamdw.hyperparameters import SiamFCHyper

Response = NDArray[np.float32]


@dataclass(frozen=True)
class Peak:
    """Where a target's responses are highest.

    scale: index. displacement: from the middle of the search window, in search pixels. logit: of
    the response at its highest, before the window.
    """

    scale: int
    displacement: Vector
    logit: float


class PeakFinder:
    """Reads SiamFC+ responses (SiamFC, section 2.3).

    Args:
        hyper: numbers that steer it.
        stride: search pixels a cell of the response.
        parity: take the middle of the response to be where the authors' release takes it, at 136
            of 272 instead of 135.5.
    """

    def __init__(self, hyper: SiamFCHyper, stride: int, *, parity: bool = False) -> None:
        self.hyper, self.stride, self.parity = hyper, stride, parity
        self.scales = scale_factors(hyper)
        self.penalties = np.where(self.scales == 1.0, 1.0, hyper.scale_penalty)

    def locate(self, response: Response, influence: float | None = None) -> Peak:
        """Choose scale and place.

        Args:
            response: S x cells x cells logits, one map a scale.
            influence: share of the cosine window; None: the hyper-parameter.
        """
        side = response.shape[-1] * self.hyper.upsampling
        stacked = np.ascontiguousarray(response.transpose(1, 2, 0))
        upsampled = cv2.resize(stacked, (side, side), interpolation=cv2.INTER_CUBIC)
        upsampled = upsampled.reshape(side, side, -1)
        maxima = upsampled.max(axis=(0, 1))
        scale = int(np.argmax(maxima * self.penalties))
        chosen = upsampled[..., scale] - upsampled[..., scale].min()
        chosen = chosen / max(float(chosen.sum()), np.finfo(np.float32).tiny)
        influence = self.hyper.window_influence if influence is None else influence
        chosen = (1 - influence) * chosen + influence * cosine_window(side)
        row, column = np.unravel_index(int(np.argmax(chosen)), chosen.shape)
        middle = np.ceil(side / 2) if self.parity else (side - 1) / 2
        displacement = (np.array([column, row]) - middle) * self.stride / self.hyper.upsampling
        return Peak(scale, displacement, float(maxima[scale]))


def scale_factors(hyper: SiamFCHyper) -> NDArray[np.float64]:
    """The factors by which a target may have grown, 1 in the middle."""
    exponents = np.arange(hyper.scales) - hyper.scales // 2
    return np.asarray(hyper.scale_step ** exponents.astype(float))


@lru_cache(maxsize=8)
def cosine_window(side: int) -> NDArray[np.float64]:
    """A side x side Hann window whose sum is one; do not change it."""
    window = np.outer(np.hanning(side), np.hanning(side))
    return np.asarray(window / window.sum())

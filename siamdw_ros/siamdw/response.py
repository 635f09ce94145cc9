"""From a response map to a peak: which template or scale answers best, where, and how clearly."""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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

    @classmethod
    def of(cls, numbers: NDArray[np.float32]) -> "Peak":
        """Read what :meth:`PeakFinder.locate` found for one target."""
        scale, x, y, logit = numbers.tolist()
        return cls(int(scale), np.array([x, y]), logit)


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
        penalties = np.where(self.scales == 1.0, 1.0, hyper.scale_penalty)
        self.penalties = torch.from_numpy(penalties).float()

    def locate(self, responses: Tensor, influence: float | None = None) -> Tensor:
        """Choose scale and place for T targets at once, on any device.

        Args:
            responses: T x S x cells x cells logits, S maps a target.
            influence: share of the cosine window; None: the hyper-parameter.

        Returns:
            T x 4, what :meth:`Peak.of` reads.
        """
        cells, device = responses.shape[-1], responses.device
        side = cells * self.hyper.upsampling
        upsample = upsampling_matrix(cells, side, device)
        upsampled = (upsample @ responses @ upsample.T).flatten(2)
        maxima = upsampled.amax(dim=2)
        scale = (maxima * self.penalties.to(device)).argmax(dim=1, keepdim=True)
        chosen = upsampled.take_along_dim(scale[..., None], dim=1).squeeze(1)
        chosen = chosen - chosen.amin(dim=1, keepdim=True)
        total = chosen.sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
        influence = self.hyper.window_influence if influence is None else influence
        chosen = chosen * ((1 - influence) / total) + influence * cosine_window(side, device)
        best = chosen.argmax(dim=1, keepdim=True)
        place = torch.cat([best % side, best.div(side, rounding_mode="floor")], dim=1)
        middle = math.ceil(side / 2) if self.parity else (side - 1) / 2
        displacement = (place - middle) * (self.stride / self.hyper.upsampling)
        return torch.cat([scale, displacement, maxima.take_along_dim(scale, dim=1)], dim=1)


def scale_factors(hyper: SiamFCHyper) -> NDArray[np.float64]:
    """The factors by which a target may have grown, 1 in the middle."""
    exponents = np.arange(hyper.scales) - hyper.scales // 2
    return np.asarray(hyper.scale_step ** exponents.astype(float))


@lru_cache(maxsize=8)
def cosine_window(side: int, device: torch.device) -> Tensor:
    """A Hann window of side * side values whose sum is one; do not change it."""
    window = np.outer(np.hanning(side), np.hanning(side))
    return torch.from_numpy(window / window.sum()).float().flatten().to(device)


@lru_cache(maxsize=8)
def upsampling_matrix(cells: int, side: int, device: torch.device) -> Tensor:
    """What bicubic interpolation multiplies the columns of a map with: side x cells.

    OpenCV's own weights (a = -0.75, borders repeated): M @ map @ M.T is what cv2.resize gives.
    """
    identity = np.eye(cells, dtype=np.float32)
    weights = cv2.resize(identity, (cells, side), interpolation=cv2.INTER_CUBIC)
    return torch.from_numpy(weights).to(device)

"""SiamFC+'s search step: from windows to the scale and position of the highest response."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw.crops import Vector
from siamdw_ros.siamdw.hyperparameters import SiamFCHyper
from siamdw_ros.siamdw.networks import SiamFCNetwork
from siamdw_ros.siamdw.search_step import SearchStep, hann_window


@dataclass(frozen=True)
class Peak:
    """Where the responses of a target are highest.

    Attributes:
        scale: index of the scale.
        displacement: (x, y) from the middle of the search window, in network pixels.
        logit: the highest response itself, before the cosine window.
    """

    scale: int
    displacement: Vector
    logit: float

    @classmethod
    def from_row(cls, numbers: NDArray[np.float32]) -> "Peak":
        """Read what :meth:`SiamFCStep.locate` computed for one target."""
        scale, x, y, logit = numbers.tolist()
        return cls(int(scale), np.array([x, y]), logit)


class SiamFCStep(SearchStep[SiamFCNetwork, SiamFCHyper]):
    """Responses of SiamFC+ and their peaks (SiamFC, section 2.3).

    With `parity` the middle of the upsampled response is where the authors' release takes it, at
    136 of 272 instead of 135.5, and the scale penalty is a plain factor.
    """

    def structure(self, hyper: SiamFCHyper) -> tuple[object, ...]:
        """Return the hyper-parameters that shapes depend on."""
        return (
            hyper.scales,
            hyper.scale_templates,
            hyper.upsampling,
            hyper.instance_size,
            hyper.wide_instance_size,
        )

    def configure(self, hyper: SiamFCHyper) -> None:
        """Take over hyper-parameters, in place where the shapes stay."""
        self.scale_templates = hyper.scale_templates
        self.upsampling = hyper.upsampling
        self.set_constant("scale_penalties", scale_penalties(hyper, parity=self.parity))
        for size in {hyper.instance_size, hyper.wide_instance_size} - {0}:
            cells = (size - hyper.exemplar_size) // self.network.backbone.stride + 1
            side = cells * hyper.upsampling
            window = hann_window(side)
            self.set_constant(f"window_{cells}", window / window.sum())
            self.set_constant(f"upsample_{cells}", upsampling_matrix(cells, side))

    def answer(self, features: Sequence[Tensor], *inputs: Tensor) -> Tensor:
        """Respond and find the peaks of all targets at once.

        Args:
            features: one tensor, T x C x H x W, or T*S x C x H x W for S windows per target.
            inputs: kernels, T x K x C x h x w, and the share of the cosine window, T.

        Returns:
            T x (4 + cells * cells): the peak, and the logits at the chosen scale.
        """
        kernels, influence = inputs
        head = self.network.head
        if self.scale_templates:
            responses = head.compare(kernels, features[0])
        else:
            responses = head(kernels.flatten(0, 1), features[0])
            responses = responses.view(len(kernels), -1, *responses.shape[2:])
        peaks = self.locate(responses, influence)
        chosen = responses.flatten(2).take_along_dim(peaks[:, :1, None].long(), dim=1)
        return torch.cat([peaks, chosen.squeeze(1)], dim=1)

    def locate(self, responses: Tensor, influence: Tensor) -> Tensor:
        """Choose scale and position for T targets.

        Args:
            responses: T x S x cells x cells logits, S maps per target.
            influence: T, share of the cosine window.

        Returns:
            T x 4, what :meth:`Peak.from_row` reads.
        """
        cells = responses.shape[-1]
        side = cells * self.upsampling
        upsample = self.constant(f"upsample_{cells}")
        upsampled = (upsample @ responses @ upsample.T).flatten(2)
        maxima = upsampled.amax(dim=2)
        scale = self._penalised(maxima).argmax(dim=1, keepdim=True)
        chosen = upsampled.take_along_dim(scale[..., None], dim=1).squeeze(1)
        chosen = chosen - chosen.amin(dim=1, keepdim=True)
        total = chosen.sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
        influence = influence[:, None]
        window = self.constant(f"window_{cells}")
        chosen = chosen * ((1 - influence) / total) + influence * window
        best = chosen.argmax(dim=1, keepdim=True)
        position = torch.cat([best % side, best.div(side, rounding_mode="floor")], dim=1)
        middle = math.ceil(side / 2) if self.parity else (side - 1) / 2
        stride = self.network.backbone.stride / self.upsampling
        displacement = (position - middle) * stride
        return torch.cat([scale, displacement, maxima.take_along_dim(scale, dim=1)], dim=1)

    def _penalised(self, maxima: Tensor) -> Tensor:
        """Apply the scale penalty to the highest logits, T x S."""
        positive, negative = self.constant("scale_penalties")
        return maxima * torch.where(maxima > 0, positive, negative)


def scale_factors(hyper: SiamFCHyper) -> NDArray[np.float64]:
    """Return the factors by which a target may have grown; the middle one is 1."""
    exponents = np.arange(hyper.scales) - hyper.scales // 2
    return np.asarray(hyper.scale_step ** exponents.astype(float))


def scale_penalties(hyper: SiamFCHyper, *, parity: bool) -> NDArray[np.float64]:
    """Return the factors on the highest response of each scale.

    A factor below 1 makes a negative logit larger, and so would favour the other scales. Negative
    logits are therefore multiplied by 2 - penalty; not so with parity, as in the release.

    Returns:
        2 x S: for positive and for negative logits.
    """
    positive = np.where(scale_factors(hyper) == 1.0, 1.0, hyper.scale_penalty)
    return np.stack([positive, positive if parity else 2 - positive])


def upsampling_matrix(cells: int, side: int) -> NDArray[Any]:
    """Return M, side x cells, so that M @ map @ M.T upsamples a map bicubically.

    The weights are OpenCV's (a = -0.75, borders repeated): the product is what cv2.resize gives.
    """
    identity = np.eye(cells, dtype=np.float32)
    return np.asarray(cv2.resize(identity, (cells, side), interpolation=cv2.INTER_CUBIC))

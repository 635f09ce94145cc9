"""The box tracker's search step: from windows to the best box of each target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from siamdw_ros.siamdw.box_head import BoxHead, BoxTemplate
from siamdw_ros.siamdw.crops import Vector
from siamdw_ros.siamdw.hyperparameters import SiamBoxHyper
from siamdw_ros.siamdw.networks import BoxNetwork
from siamdw_ros.siamdw.search_step import Compiler, SearchStep, TensorFunction, hann_window
from siamdw_ros.siamdw.siamrpn_step import size_penalty

NUMBERS = 7  # per target, before the map of logits


@dataclass(frozen=True)
class BoxChoice:
    """The box chosen for a target in one search window.

    Attributes:
        offset: (x, y) of the box's centre from the middle of the window, in network pixels.
        size: (w, h) in network pixels.
        logit: of the class, at the cell chosen.
        quality: estimated overlap of the box with the target, in [0, 1].
        penalty: on changes of size and shape, at most 1.
        logits: cells x cells, of all cells.
    """

    offset: Vector
    size: Vector
    logit: float
    quality: float
    penalty: float
    logits: NDArray[np.float32]

    @classmethod
    def from_row(cls, numbers: NDArray[np.float32]) -> "BoxChoice":
        """Read what :meth:`SiamBoxStep.answer` computed for one target."""
        x, y, w, h, logit, quality, penalty = numbers[:NUMBERS].tolist()
        side = round((len(numbers) - NUMBERS) ** 0.5)
        logits = numbers[NUMBERS:].reshape(side, side)
        return cls(np.array([x, y]), np.array([w, h]), logit, quality, penalty, logits)

    @property
    def finite(self) -> bool:
        """False after an overflow in half precision."""
        numbers = [*self.offset, *self.size, self.logit, self.quality, self.penalty]
        return bool(np.isfinite(numbers).all())


class BoxPrediction(nn.Module):
    """:meth:`BoxHead.predict` as a module of its own."""

    def __init__(self, head: BoxHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, compared: Tensor) -> tuple[Tensor, ...]:
        """Predict from correlations."""
        return self.head.predict(compared)


class SiamBoxStep(SearchStep[BoxNetwork, SiamBoxHyper]):
    """Boxes at all cells, and the choice of the best one.

    The choice is SiamRPN's (section 4.2): the score of a cell is lowered where its box differs
    much from the target's present size and shape, and mixed with a cosine window.
    """

    _compiled: TensorFunction | None = None

    def compile_head(self, compiler: Compiler) -> None:
        """Let the backend compute the towers: with torch they are a quarter of an update."""
        self._compiled = compiler(BoxPrediction(self.network.head))

    def structure(self, hyper: SiamBoxHyper) -> tuple[object, ...]:
        """Return the hyper-parameters that shapes depend on."""
        return hyper.instance_size, hyper.wide_instance_size

    def configure(self, hyper: SiamBoxHyper) -> None:
        """Take over hyper-parameters, in place where the shapes stay."""
        self.set_constant("penalty_k", hyper.penalty_k)
        self.set_constant("quality_weight", hyper.quality_weight)
        stride = self.network.backbone.stride
        for size in {hyper.instance_size, hyper.wide_instance_size} - {0}:
            cells = (size - hyper.exemplar_size) // stride + 1
            self.set_constant(f"window_{cells}", hann_window(cells))
            self.set_constant(f"centers_{cells}", (np.arange(cells) - (cells - 1) / 2) * stride)

    def answer(self, features: Sequence[Tensor], *inputs: Tensor) -> Tensor:
        """Predict boxes and choose the best, for all targets at once.

        Args:
            features: two tensors, T x channels x H x W and T x width x H x W; see
                :meth:`~siamdw_ros.siamdw.box_head.BoxHead.search`.
            inputs: the templates, T x channels x 5 x 5, T x width x 5 x 5 and T x 2; the present
                sizes of the targets, T x 2, (w, h) in network pixels; the share of the cosine
                window, T.

        Returns:
            T x (7 + cells * cells), what :meth:`BoxChoice.from_row` reads.
        """
        *parts, sizes, influence = inputs
        head, template = self.network.head, BoxTemplate(*parts)
        predict = self._compiled or head.predict
        maps = head.maps(template.extents, *predict(head.compare(template, *features)))
        cells = maps.logits.shape[-1]
        centers = self.constant(f"centers_{cells}")
        left, top, right, bottom = maps.distances.unbind(1)
        x = (centers[None, None, :] + (right - left) / 2).flatten(1)
        y = (centers[None, :, None] + (bottom - top) / 2).flatten(1)
        width = (left + right).flatten(1)
        height = (top + bottom).flatten(1)
        logits = maps.logits.flatten(1)
        quality = maps.quality.flatten(1).sigmoid()
        penalty = size_penalty(width, height, sizes, self.constant("penalty_k"))
        scores = logits.sigmoid() * quality ** self.constant("quality_weight")
        share = influence[:, None]
        ranked = penalty * scores * (1 - share) + self.constant(f"window_{cells}") * share
        best = ranked.argmax(dim=1, keepdim=True)
        columns = (x, y, width, height, logits, quality, penalty)
        chosen = [column.take_along_dim(best, dim=1) for column in columns]
        return torch.cat([*chosen, logits], dim=1)

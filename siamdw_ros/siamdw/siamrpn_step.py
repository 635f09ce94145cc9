"""SiamRPN+'s search step: from windows to the best of many corrected anchors."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from siamdw_ros.siamdw.heads import Kernels, anchor_grid
from siamdw_ros.siamdw.hyperparameters import SiamRPNHyper
from siamdw_ros.siamdw.networks import SiamRPNNetwork
from siamdw_ros.siamdw.search_step import SearchStep, hann_window

# Limit of a correction of an anchor's side: no real one comes near, and exp stays finite.
MAX_LOG_GROWTH = 10.0


class Proposals(NamedTuple):
    """The network's prediction for each anchor of T targets, A anchors at S x S cells.

    Attributes:
        scores: T x A x S x S, probability of being the target.
        boxes: T x 4 x A x S x S: centre x and y from the middle of the search window, width and
            height, in network pixels.
    """

    scores: Tensor
    boxes: Tensor


class SiamRPNStep(SearchStep[SiamRPNNetwork, SiamRPNHyper]):
    """Proposals of SiamRPN+, and the choice of the best one (SiamRPN, section 4.2)."""

    def structure(self, hyper: SiamRPNHyper) -> tuple[object, ...]:
        """Return the hyper-parameters that shapes depend on."""
        return hyper.instance_size, hyper.small_instance_size

    def configure(self, hyper: SiamRPNHyper) -> None:
        """Take over hyper-parameters, in place where the shapes stay."""
        self.set_constant("penalty_k", hyper.penalty_k)
        self.set_constant("window_influence", hyper.window_influence)
        stride = self.network.backbone.stride
        for size in {hyper.instance_size, hyper.small_instance_size}:
            cells = (size - hyper.exemplar_size) // stride + 1
            self.set_constant(f"anchors_{cells}", anchor_grid(cells, stride))
            self.set_constant(f"window_{cells}", hann_window(cells))

    def answer(self, features: Sequence[Tensor], *inputs: Tensor) -> Tensor:
        """Propose boxes and choose the best, for all targets at once.

        Args:
            features: two tensors, T x width x H x W, over which the kernels slide.
            inputs: kernels, T x classes x width x 3 x 3 and T x 4*A x width x 3 x 3, and the
                present sizes of the targets, T x 2, (w, h) in network pixels.

        Returns:
            T x 6; see :meth:`choose`.
        """
        cls_kernels, reg_kernels, sizes = inputs
        head = self.network.head
        kernels = Kernels(cls_kernels.flatten(0, 1), reg_kernels.flatten(0, 1))
        logits, offsets = head.compare(kernels, *features)
        anchors = self.constant(f"anchors_{logits.shape[-1]}")
        boxes = decode(offsets.reshape(-1, *anchors.shape), anchors)
        return self.choose(Proposals(head.probabilities(logits), boxes), sizes)

    def choose(self, proposals: Proposals, sizes: Tensor) -> Tensor:
        """Take the proposals of highest score, after the penalty and the cosine window.

        Args:
            proposals: of T targets.
            sizes: T x 2, present sizes of the targets, (w, h) in network pixels.

        Returns:
            T x 6: the box as in :class:`Proposals`, its score, and the penalty on it.
        """
        scores = proposals.scores.flatten(1)
        boxes = proposals.boxes.flatten(2)
        penalties = size_penalty(boxes[:, 2], boxes[:, 3], sizes, self.constant("penalty_k"))
        anchors, cells = proposals.scores.shape[1], proposals.scores.shape[-1]
        window = self.constant(f"window_{cells}").repeat(anchors)
        influence = self.constant("window_influence")
        ranked = penalties * scores * (1 - influence) + window * influence
        best = ranked.argmax(dim=1, keepdim=True)
        box = boxes.take_along_dim(best[:, None], dim=2).squeeze(2)
        score, penalty = (values.take_along_dim(best, dim=1) for values in (scores, penalties))
        return torch.cat([box, score, penalty], dim=1)


def decode(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Correct anchors by the network's offsets (SiamRPN, equation 12).

    Args:
        offsets: ... x 4 x A x S x S; dx and dy in units of the anchor's sides, log of the growth.
        anchors: 4 x A x S x S; see :func:`~siamdw_ros.siamdw.heads.anchor_grid`.

    Returns:
        Boxes ... x 4 x A x S x S: centre x, centre y, width, height, in network pixels.
    """
    shift, growth = offsets.tensor_split(2, dim=-4)
    middle, side = anchors.tensor_split(2)
    growth = growth.clamp(-MAX_LOG_GROWTH, MAX_LOG_GROWTH).exp()
    return torch.cat([shift * side + middle, growth * side], dim=-4)


def size_penalty(widths: Tensor, heights: Tensor, sizes: Tensor, strength: Tensor) -> Tensor:
    """Return the penalty on changes of size and shape (SiamRPN, equation 13).

    Args:
        widths: T x N, of the boxes proposed for T targets, in network pixels.
        heights: T x N.
        sizes: T x 2, present sizes of the targets, (w, h) in network pixels.
        strength: one number; 0 for no penalty.

    Returns:
        T x N factors, at most 1.
    """
    width, height = sizes[:, :1], sizes[:, 1:]
    resized = _change(_equivalent_side(widths, heights) / _equivalent_side(width, height))
    reshaped = _change((width / height) / (widths / heights))
    return torch.exp(-(reshaped * resized - 1) * strength)


def _change(ratio: Tensor) -> Tensor:
    """Return how far a ratio is from 1, in either direction: 2 for 2 and for 1/2."""
    return torch.maximum(ratio, 1 / ratio)


def _equivalent_side(width: Tensor, height: Tensor) -> Tensor:
    """Return the side of the square window around a box with its context."""
    padding = (width + height) / 2
    return torch.sqrt((width + padding) * (height + padding))

"""The part of a tracker that computes on tensors: search windows in, one row per target out.

A tracker has one search step for its whole life. Every backend (torch, OpenVINO, CUDA graphs) runs
this module or its :class:`SearchBranch`, so that a new kind of tracker only adds a subclass.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from siamdw_ros.siamdw.networks import SiameseNetwork

NetworkT = TypeVar("NetworkT", bound=SiameseNetwork[Any])
HyperT = TypeVar("HyperT")

TensorFunction = Callable[[Tensor], tuple[Tensor, ...]]
Compiler = Callable[[nn.Module], TensorFunction]


class SearchBranch(nn.Module, Generic[NetworkT]):
    """All that is computed from search windows before they are compared with templates.

    Args:
        network: with its weights.
    """

    def __init__(self, network: NetworkT) -> None:
        super().__init__()
        self.network = network

    def forward(self, windows: Tensor) -> tuple[Tensor, ...]:
        """Compute search features in the precision of the network's weights.

        Args:
            windows: N x H x W x 3, uint8, BGR.

        Returns:
            What :meth:`~siamdw_ros.siamdw.networks.SiameseNetwork.search` returns, in float32.
        """
        dtype = next(self.network.backbone.parameters()).dtype
        # A permuted view keeps the bytes as they lie in an image: that is channels last.
        crops = windows.permute(0, 3, 1, 2).to(dtype)
        return tuple(part.float() for part in self.network.search(crops))


class SearchStep(nn.Module, Generic[NetworkT, HyperT]):
    """Network, comparison with the templates and choice of the best match, as one module.

    Hyper-parameters are buffers. :meth:`configure` overwrites them in place, so that a captured
    CUDA graph uses the new values and nothing has to be made again.

    Args:
        network: with its weights.
        parity: compute what the authors' release computes.
    """

    def __init__(self, network: NetworkT, *, parity: bool = False) -> None:
        super().__init__()
        self.branch = SearchBranch(network)
        self.parity = parity

    @property
    def network(self) -> NetworkT:
        """The network; no target's data is in it."""
        return self.branch.network

    @property
    def device(self) -> torch.device:
        """Where the weights are, and so the buffers."""
        return next(self.parameters()).device

    def forward(self, windows: Tensor, *inputs: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Search windows for their targets.

        Works on tensors of one device alone and never waits for it: CUDA graphs can capture it.

        Args:
            windows: N x H x W x 3, uint8, BGR; the windows of one target are consecutive.
            inputs: T x ... each; see :meth:`answer`.

        Returns:
            The answer, T x M, and the search features.
        """
        features = self.branch(windows)
        return self.answer(features, *inputs), features

    def answer(self, features: Sequence[Tensor], *inputs: Tensor) -> Tensor:
        """Compare search features with templates and choose the best match of each target.

        Args:
            features: what the :class:`SearchBranch` computed.
            inputs: templates and other tensors of T targets, T x ... each.

        Returns:
            T x M float32: one row per target.
        """
        raise NotImplementedError

    def compile_head(self, compiler: Compiler) -> None:
        """Let a backend compute a part of :meth:`answer`, where that is faster than torch.

        Args:
            compiler: returns a function that computes what a module does, in float32.
        """

    def structure(self, hyper: HyperT) -> tuple[object, ...]:
        """Return the hyper-parameters that shapes depend on: a change makes graphs useless."""
        raise NotImplementedError

    def configure(self, hyper: HyperT) -> None:
        """Take over hyper-parameters, in place where the shapes stay."""
        raise NotImplementedError

    def set_constant(self, name: str, value: Any) -> None:
        """Write a buffer of float32, in place if it exists with this shape."""
        tensor = torch.from_numpy(np.asarray(value, np.float32)).to(self.device)
        buffers = dict(self.named_buffers(recurse=False))
        if name in buffers and buffers[name].shape == tensor.shape:
            buffers[name].copy_(tensor)
        else:
            self.register_buffer(name, tensor, persistent=False)

    def constant(self, name: str) -> Tensor:
        """Return a buffer that :meth:`set_constant` wrote."""
        return self.get_buffer(name)


def hann_window(side: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a two-dimensional Hann ("cosine") window, flat: side * side values up to 1."""
    return np.outer(np.hanning(side), np.hanning(side)).ravel()

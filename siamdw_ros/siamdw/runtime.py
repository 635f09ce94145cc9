"""Where and how a network runs: device, precision, threads; from windows to features."""

import copy
import itertools
import os
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siamdw_ros.siamdw.backends import (
    OpenVinoSearch,
    Search,
    SearchBranch,
    choose_backend,
    torch_search,
)
from siamdw_ros.siamdw.crops import Image, Windows
from siamdw_ros.siamdw.gpu import Answer, Compare, GpuSearch
from siamdw_ros.siamdw.networks import SiameseNetwork, SiamRPNNetwork

MAX_THREADS = 4

NetworkT = TypeVar("NetworkT", bound=SiameseNetwork[Any])


def choose_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:1` into a device.

    Raises:
        ValueError: no such device exists here.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device '{name}' is not one of auto, cpu, cuda, cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device '{name}' is not one of auto, cpu, cuda, cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device '{name}' is not there: {torch.cuda.device_count()} CUDA devices found; "
            "use device cpu, or auto to take a GPU where there is one"
        )
    return device


def half_is_faster(device: torch.device) -> bool:
    """Whether a device has instructions for half precision: others imitate it slowly.

    Some CPUs have them for bfloat16 (docs/runtime.md has measurements), GPUs from Volta on for
    float16.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (7, 0)
    if not hasattr(torch.cpu, "get_capabilities"):  # from torch 2.12
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def choose_threads(asked: int = 0) -> int:
    """How many CPU threads inference takes; `asked` if that is not 0.

    One core is left to the camera, to ROS and to the rest of the robot: where all are taken, every
    thread has to wait at the end of each layer for the one that was interrupted. More than four
    gain little at windows of this size.
    """
    return asked or min(max(len(os.sched_getaffinity(0)) - 1, 1), MAX_THREADS)


class Runtime(Generic[NetworkT]):
    """A network made ready to run. Any number of targets may share it; it keeps nothing of them.

    Args:
        network: with its weights; it is not changed.
        device: where to run.
        half: compute features in float16 on a GPU, in bfloat16 on a CPU. Templates and search
            regions are compared in float32 all the same: a correlation sums some 12800 products,
            and could leave the range of float16.
        backend: of search regions, one of :data:`~siamdw_ros.siamdw.backends.BACKENDS`.
    """

    def __init__(
        self,
        network: NetworkT,
        device: torch.device,
        *,
        half: bool = False,
        backend: str = "torch",
    ) -> None:
        self.device, self.backend = device, choose_backend(backend, device)
        sixteen_bits = torch.float16 if device.type == "cuda" else torch.bfloat16
        self.dtype = sixteen_bits if half else torch.float32
        self.network = fold_batch_norms(copy.deepcopy(network).eval())
        self.network.requires_grad_(False).to(device)
        # The overloads of Module.to leave this one out.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.search = self._search_branch()
        branch = SearchBranch(self.network)
        self._gpu = GpuSearch(branch, device) if device.type == "cuda" else None

    def _search_branch(self) -> Search:
        if self.backend == "openvino":  # it takes float32 weights, and templates keep them
            half = self.dtype is not torch.float32
            return OpenVinoSearch(self.network, half=half, threads=torch.get_num_threads())
        self.network.backbone.to(self.dtype)
        if isinstance(self.network, SiamRPNNetwork) and self.dtype is torch.bfloat16:
            # As large numbers as in float32 fit in: these two cost as much as half the backbone.
            self.network.head.search_cls.to(self.dtype)
            self.network.head.search_reg.to(self.dtype)
        return torch_search(SearchBranch(self.network), self.device)

    def look(
        self,
        images: Sequence[Image],
        windows: Windows,
        side: int,
        templates: Sequence[Sequence[Tensor]],
        compare: Compare,
    ) -> tuple[Answer, tuple[Tensor, ...]]:
        """Search windows of images, each for its target.

        Args:
            images: of each target, H x W x 3 uint8 BGR; often the same.
            windows: as many a target as `compare` expects, those of a target together.
            side: to which they are resized, in network pixels.
            templates: of T targets, one tensor a target; of each kind that `compare` takes.
            compare: templates, one T x ... tensor a kind, and search features -> T x N tensor.
                Works on tensors alone, wherever they are, and is the same object in every image.

        Returns:
            The answer, T x N, and the search features on the device, which the next look may
            overwrite.
        """
        if self._gpu is None:
            return self.search_crops(windows.cut(images, side), templates, compare)
        return self._gpu.look(images, windows, side, templates, compare)

    @torch.inference_mode()
    def search_crops(
        self, crops: Image, templates: Sequence[Sequence[Tensor]], compare: Compare
    ) -> tuple[Answer, tuple[Tensor, ...]]:
        """Do what :meth:`look` does in windows that were cut already, N x H x W x 3 uint8."""
        searches = self.search(crops)
        stacked = [torch.stack(list(parts)).to(self.device) for parts in templates]
        return compare(*stacked, *searches).cpu().numpy(), searches

    @torch.inference_mode()
    def features(self, windows: NDArray[np.uint8]) -> Tensor:
        """B x H x W x 3 uint8 BGR windows -> B x C x h x w float32 features on the device."""
        dtype = next(self.network.backbone.parameters()).dtype
        crops = torch.from_numpy(windows).to(self.device).permute(0, 3, 1, 2).to(dtype)
        return self.network.features(crops).float()


def fold_batch_norms(network: NetworkT) -> NetworkT:
    """Fold every batch norm that directly follows a convolution into it, in place.

    In evaluation both are linear, so the results stay the same but for rounding. A pair is a
    convolution and the batch norm registered right after it.
    """
    for module in list(network.modules()):
        names = list(module._modules)
        for name, following in itertools.pairwise(names):
            conv, norm = module._modules[name], module._modules[following]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module._modules[name] = fuse_conv_bn_eval(conv, norm)
                module._modules[following] = nn.Identity()
    return network

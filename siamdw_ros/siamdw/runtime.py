"""Where and how a network runs: device, folded batch norms, from windows to features."""

import copy
import itertools
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siamdw_ros.siamdw.networks import SiameseNetwork

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
    """Whether a device is known to compute features faster, and well enough, in half precision.

    So it is for CPUs with instructions for bfloat16 (docs/method.md has measurements); others
    imitate it slowly.
    """
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):  # from torch 2.12
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class Runtime(Generic[NetworkT]):
    """A network made ready to run. Any number of targets may share it; it keeps nothing of them.

    Args:
        network: with its weights; it is not changed.
        device: where to run.
        half: compute features in float16 on a GPU, in bfloat16 on a CPU. The head stays in
            float32: a correlation sums some 12800 products, and could leave the range of float16.
    """

    def __init__(self, network: NetworkT, device: torch.device, *, half: bool = False) -> None:
        self.device = device
        sixteen_bits = torch.float16 if device.type == "cuda" else torch.bfloat16
        self.dtype = sixteen_bits if half else torch.float32
        self.network = fold_batch_norms(copy.deepcopy(network).eval())
        self.network.requires_grad_(False).to(device)
        # The overloads of Module.to leave this one out.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.backbone.to(self.dtype)

    @torch.inference_mode()
    def features(self, windows: NDArray[np.uint8]) -> Tensor:
        """B x H x W x 3 uint8 BGR windows -> B x C x h x w float32 features on the device."""
        crops = torch.from_numpy(windows).to(self.device).permute(0, 3, 1, 2).to(self.dtype)
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

"""Where and how a network runs: device, precision and backend; from windows to answers."""

import copy
import itertools
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siamdw_ros.siamdw.backends import (
    OpenVinoModule,
    SearchFeatures,
    choose_backend,
    torch_features,
)
from siamdw_ros.siamdw.crops import Image, Windows
from siamdw_ros.siamdw.cuda_graph import GraphSearch, SearchResult
from siamdw_ros.siamdw.networks import SiameseNetwork, SiamRPNNetwork
from siamdw_ros.siamdw.precisions import PRECISIONS
from siamdw_ros.siamdw.search_step import HyperT, NetworkT, SearchStep, TensorFunction

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def choose_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda` or `cuda:1`.

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


def choose_precision(
    name: str, network: SiameseNetwork[Any], device: torch.device, backend: str
) -> str:
    """Return the precision for `auto`, `full`, `half` or `int8`.

    `auto` takes what is fastest on the device and keeps the boxes (docs/runtime.md has figures):
    half precision where there are instructions for it, else int8 where there are instructions for
    that and the checkpoint was quantised, else full.

    Args:
        name: as the user gives it.
        network: with its weights.
        device: where it will run.
        backend: what :func:`~siamdw_ros.siamdw.backends.choose_backend` has returned.

    Raises:
        ValueError: there is no such precision, or int8 is not possible here.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision '{name}' is not one of {', '.join(PRECISIONS)}")
    if name == "int8" and backend != "openvino":
        raise ValueError(f"precision int8 needs the backend openvino on a CPU, not {backend}")
    if name == "int8" and network.activation_ranges is None:
        raise ValueError(
            "precision int8 needs a checkpoint with the ranges of its activations: "
            "write one by `python -m siamdw_ros.tools.quantize`"
        )
    if name != "auto":
        return name
    if half_is_faster(device):
        return "half"
    quantised = backend == "openvino" and network.activation_ranges is not None
    return "int8" if quantised and int8_is_faster() else "full"


def int8_is_faster() -> bool:
    """Return whether the CPU has instructions for dot products of int8."""
    if not hasattr(torch.cpu, "get_capabilities"):  # from torch 2.12
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


def half_is_faster(device: torch.device) -> bool:
    """Return whether a device has instructions for half precision; others emulate it slowly.

    Some CPUs have them for bfloat16 (docs/runtime.md has measurements), GPUs from Volta on for
    float16.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (7, 0)
    if not hasattr(torch.cpu, "get_capabilities"):  # from torch 2.12
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class Runtime(Generic[NetworkT, HyperT]):
    """A search step made ready to run. It belongs to one tracker and keeps nothing of targets.

    Args:
        step: with the network and its weights; it is copied, not changed.
        device: where to run.
        precision: of the features, one of :data:`~siamdw_ros.siamdw.precisions.PRECISIONS`. half
            is float16 on a GPU, bfloat16 on a CPU; int8 is for search windows with OpenVINO.
            Templates and search features are compared in float32 all the same: a correlation sums
            some 12800 products, and could leave the range of float16.
        backend: one of :data:`~siamdw_ros.siamdw.backends.BACKENDS`.

    Attributes:
        precision: full, half or int8, as chosen.
        step: the prepared copy: batch norms folded, on the device, in its precision.
        search_features: computes the search features of windows with the backend.
        graphs: searches by CUDA graphs; None with the other backends.
    """

    def __init__(
        self,
        step: SearchStep[NetworkT, HyperT],
        device: torch.device,
        *,
        precision: str = "full",
        backend: str = "torch",
    ) -> None:
        self.device = device
        self.backend = choose_backend(backend, device)
        self.precision = choose_precision(precision, step.network, device, self.backend)
        sixteen_bits = torch.float16 if device.type == "cuda" else torch.bfloat16
        self.dtype = sixteen_bits if self.precision == "half" else torch.float32
        self.step = fold_batch_norms(copy.deepcopy(step).eval())
        self.step.requires_grad_(False).to(device)
        # The overloads of Module.to leave this one out.
        self.step.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.search_features = self._search_features()
        is_graph = self.backend == "cuda_graph"
        self.graphs = GraphSearch(self.step, device) if is_graph else None

    @property
    def network(self) -> NetworkT:
        """The network as it runs here."""
        return self.step.network

    def _search_features(self) -> SearchFeatures:
        if self.backend == "openvino":  # it takes float32 weights, and templates keep them
            return self._with_openvino()
        network: SiameseNetwork[Any] = self.network
        network.backbone.to(self.dtype)
        if isinstance(network, SiamRPNNetwork) and self.dtype is torch.bfloat16:
            # bfloat16 has the range of float32, and these two cost as much as half the backbone.
            network.head.search_cls.to(self.dtype)
            network.head.search_reg.to(self.dtype)
        return torch_features(self.step.branch, self.device)

    def _with_openvino(self) -> SearchFeatures:
        threads = torch.get_num_threads()

        def compiler(module: nn.Module) -> TensorFunction:
            compiled = OpenVinoModule(module, precision="full", threads=threads)
            return lambda tensor: compiled(tensor.contiguous().numpy())

        self.step.compile_head(compiler)
        return OpenVinoModule(
            self.step.branch,
            precision=self.precision,
            threads=threads,
            ranges=self.network.activation_ranges,
        )

    def configure(self, hyper: HyperT) -> None:
        """Take over hyper-parameters; captured graphs stay, unless shapes change."""
        structure = self.step.structure(hyper)
        if structure != getattr(self, "_structure", structure):
            self.release()
        self._structure = structure
        self.step.configure(hyper)

    def release(self) -> None:
        """Free captured graphs and their buffers; they are made again when needed."""
        if self.graphs is not None:
            self.graphs.release()

    def search(
        self,
        images: Sequence[Image],
        windows: Windows,
        side: int,
        inputs: Sequence[Sequence[Tensor]],
    ) -> SearchResult:
        """Cut windows out of images and search each target in its windows.

        Args:
            images: one per target, H x W x 3 uint8 BGR; often the same.
            windows: the same number per target, those of one target together.
            side: to which the windows are resized, in network pixels.
            inputs: of :meth:`SearchStep.answer`: for each input a list of one tensor per target.

        Returns:
            The answer, T x M, in the memory of the CPU, and the search features on the device,
            which the next search may overwrite.
        """
        if self.graphs is not None:
            return self.graphs.search(images, windows, side, inputs)
        return self.search_windows(windows.cut(images, side), inputs)

    @torch.inference_mode()
    def search_windows(self, windows: Image, inputs: Sequence[Sequence[Tensor]]) -> SearchResult:
        """Do what :meth:`search` does in windows that are cut already, N x H x W x 3 uint8."""
        features = self.search_features(windows)
        stacked = [torch.stack(list(tensors)).to(self.device) for tensors in inputs]
        return self.step.answer(features, *stacked).cpu().numpy(), features

    @torch.inference_mode()
    def features(self, windows: NDArray[np.uint8]) -> Tensor:
        """Compute features of exemplars: B x H x W x 3 uint8 BGR -> B x C x h x w float32."""
        dtype = next(self.network.backbone.parameters()).dtype
        crops = torch.from_numpy(windows).to(self.device).permute(0, 3, 1, 2).to(dtype)
        return self.network.features(crops).float()


def fold_batch_norms(root: ModuleT) -> ModuleT:
    """Fold every batch norm that directly follows a convolution into it, in place.

    In evaluation both are linear, so the results stay the same but for rounding. A pair is a
    convolution and the batch norm registered right after it.
    """
    for module in list(root.modules()):
        names = list(module._modules)
        for name, following in itertools.pairwise(names):
            conv, norm = module._modules[name], module._modules[following]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module._modules[name] = fuse_conv_bn_eval(conv, norm)
                module._modules[following] = nn.Identity()
    return root

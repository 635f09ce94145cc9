"""What computes the search regions' features, image by image: torch, or OpenVINO on a CPU.

docs/runtime.md says what each costs, and what else was tried.
"""

import hashlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from siamdw_ros.siamdw.networks import SiameseNetwork

BACKENDS = ("auto", "torch", "openvino")

Windows = NDArray[np.uint8]  # B x H x W x 3, BGR
Search = Callable[[Windows], tuple[Tensor, ...]]
Branch = Callable[[Tensor], tuple[Tensor, ...]]

# Networks as OpenVINO has them, by what they contain and the side of their windows. For as long as
# the process lives: what torch takes to trace a network it never gives back, some 5 MB a time.
_converted: dict[tuple[bytes, int], Any] = {}


def choose_backend(name: str, device: torch.device) -> str:
    """Turn `auto` into the fastest backend that works here: openvino on a CPU, else torch.

    Raises:
        ValueError: there is no such backend, it is not installed, or not made for the device.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend '{name}' is not one of {', '.join(BACKENDS)}")
    if name == "openvino" and device.type != "cpu":
        raise ValueError(f"backend openvino computes on the CPU, not on {device}: use torch")
    if name == "torch" or device.type != "cpu":
        return "torch"
    try:
        _import_openvino()
    except ImportError as error:
        if name == "openvino":
            raise ValueError(
                f"backend openvino does not work ({error}): pip install openvino, or use torch"
            ) from error
        return "torch"
    return "openvino"


class SearchBranch(nn.Module):
    """All that is computed of search regions before they are compared with templates.

    B x H x W x 3 uint8 BGR windows -> what :meth:`SiameseNetwork.search` gives, in float32.
    """

    def __init__(self, network: SiameseNetwork[Any]) -> None:
        super().__init__()
        self.network = network

    def forward(self, windows: Tensor) -> tuple[Tensor, ...]:
        """Compute in the precision of the network's weights."""
        dtype = next(self.network.backbone.parameters()).dtype
        crops = windows.permute(0, 3, 1, 2).to(dtype)  # as bytes lie in an image: channels last
        return tuple(part.float() for part in self.network.search(crops))


def torch_search(branch: Branch, device: torch.device) -> Search:
    """Compute with torch: a search branch on its device, or what torch has compiled of one."""

    @torch.inference_mode()
    def search(windows: Windows) -> tuple[Tensor, ...]:
        return branch(torch.from_numpy(windows).to(device))

    return search


class OpenVinoSearch:
    """Computes with OpenVINO on the CPU. Sizes of windows are compiled when they first come.

    Args:
        network: in evaluation, with float32 weights on the CPU; it may be shared.
        half: compute in bfloat16.
        threads: of the CPU to use at most.
    """

    def __init__(self, network: SiameseNetwork[Any], *, half: bool, threads: int) -> None:
        self.branch = SearchBranch(network)
        self._fingerprint = _fingerprint(self.branch)
        self.options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # other processes of the robot have their place, too
        }
        self._requests: dict[int, Any] = {}

    def __call__(self, windows: Windows) -> tuple[Tensor, ...]:
        """Compute; the tensors given before are overwritten."""
        side = windows.shape[1]
        if side not in self._requests:
            self._requests[side] = self._compile(side)
        request = self._requests[side]
        request.infer({0: windows}, share_inputs=True)
        outputs = range(len(request.model_outputs))
        return tuple(torch.from_numpy(request.get_output_tensor(i).data) for i in outputs)

    def _compile(self, side: int) -> Any:
        openvino, _ = _import_openvino()
        key = self._fingerprint, side
        if key not in _converted:
            _converted[key] = _convert(self.branch, side)
        compiled = openvino.Core().compile_model(_converted[key], "CPU", self.options)
        return compiled.create_infer_request()


def _convert(branch: SearchBranch, side: int) -> Any:
    """A model of OpenVINO that does what a branch does to windows of one size, however many."""
    openvino, decoder_class = _import_openvino()
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes become constants, which is what is wanted
        trace: Any = torch.jit.trace  # has no types
        traced = trace(branch, example, check_trace=False)
    frontend = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
    decoder = decoder_class(traced)  # the frontend keeps no reference of its own
    model = frontend.convert(frontend.load(decoder))
    model.reshape(openvino.PartialShape([-1, side, side, 3]))
    return model


def _fingerprint(branch: SearchBranch) -> bytes:
    """What tells networks apart: their layers and their weights."""
    digest = hashlib.blake2b(f"{branch.network.name} {branch}".encode())
    for name, tensor in branch.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().ravel())
    return digest.digest()


def _import_openvino() -> tuple[Any, Any]:
    """Import OpenVINO without the part that writes an identity and reports use to its vendor."""
    absent = "openvino_telemetry" not in sys.modules
    if absent:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
    finally:
        if absent:
            del sys.modules["openvino_telemetry"]
    return openvino, TorchScriptPythonDecoder

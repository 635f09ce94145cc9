"""What computes the search features: torch, or OpenVINO on a CPU.

docs/runtime.md has the cost of each, and what else was tried.
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

from siamdw_ros.siamdw.networks import Ranges
from siamdw_ros.siamdw.quantization import quantized

BACKENDS = ("auto", "torch", "openvino", "cuda_graph")

WindowImages = NDArray[np.uint8]  # N x H x W x 3, BGR
SearchFeatures = Callable[[WindowImages], tuple[Tensor, ...]]
Branch = Callable[[Tensor], tuple[Tensor, ...]]

# Converted networks by (fingerprint, side of the windows), kept as long as the process lives:
# torch never frees what it takes to trace a network, some 5 MB each time.
_converted: dict[tuple[bytes, int], Any] = {}


def choose_backend(name: str, device: torch.device) -> str:
    """Return the backend to use: `auto` is openvino on a CPU where it is installed, else torch.

    Raises:
        ValueError: there is no such backend, it is not installed, or not made for the device.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend '{name}' is not one of {', '.join(BACKENDS)}")
    if name == "openvino" and device.type != "cpu":
        raise ValueError(f"backend openvino computes on the CPU, not on {device}: use torch")
    if name == "cuda_graph" and device.type != "cuda":
        raise ValueError(f"backend cuda_graph needs a CUDA device, not {device}: use torch")
    if name in ("torch", "cuda_graph"):
        return name
    # CUDA graphs stay a choice of the user until they have been run on a GPU: see docs/runtime.md.
    if device.type != "cpu":
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


def torch_features(branch: Branch, device: torch.device) -> SearchFeatures:
    """Return a function that computes search features with torch.

    Args:
        branch: a :class:`~siamdw_ros.siamdw.search_step.SearchBranch`, or another module for
            windows, on `device`; or what torch.compile made of one.
        device: where to compute.
    """

    @torch.inference_mode()
    def search_features(windows: WindowImages) -> tuple[Tensor, ...]:
        return branch(torch.from_numpy(windows).to(device))

    return search_features


def window_features(branch: nn.Module, device: torch.device, backend: str) -> SearchFeatures:
    """Return a function that computes features of windows in float32.

    Args:
        branch: as :func:`convert` takes it.
        device: where to compute; the branch is moved there.
        backend: see :func:`choose_backend`.

    Raises:
        ValueError: the backend does not work here.
    """
    if choose_backend(backend, device) == "openvino":
        return OpenVinoFeatures(branch, precision="full", threads=torch.get_num_threads())
    return torch_features(branch.to(device), device)


class OpenVinoFeatures:
    """Computes search features with OpenVINO on the CPU.

    Each window side is compiled when it first comes, which takes about a second;
    :meth:`~siamdw_ros.siamdw.multi_tracker.MultiTracker.warm_up` does it in advance.

    Args:
        branch: as :func:`convert` takes it; in evaluation mode, with float32 weights on the CPU.
            It may be shared.
        precision: full, half (bfloat16) or int8.
        threads: number of CPU threads to use at most.
        ranges: of the inputs of the convolutions, which int8 needs.
    """

    def __init__(
        self, branch: nn.Module, *, precision: str, threads: int, ranges: Ranges | None = None
    ) -> None:
        self.branch = branch
        self._ranges = ranges if precision == "int8" else None
        self._fingerprint = _fingerprint(branch)
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "half" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # the cores are shared with other processes of the robot
        }
        self._requests: dict[int, Any] = {}

    @property
    def compiled_sides(self) -> set[int]:
        """Window sides that are compiled already, in network pixels."""
        return set(self._requests)

    def __call__(self, windows: WindowImages) -> tuple[Tensor, ...]:
        """Compute; the tensors returned before for this window side are overwritten."""
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
            _converted[key] = convert(self.branch, side)
        model = _converted[key]
        if self._ranges is not None:
            model = quantized(model, self._ranges)
        compiled = openvino.Core().compile_model(model, "CPU", self._options)
        return compiled.create_infer_request()


def convert(branch: nn.Module, side: int) -> Any:
    """Return an OpenVINO model that does what a module does with windows of one side.

    Args:
        branch: takes N x side x side x 3 uint8 and returns a tuple, as
            :class:`~siamdw_ros.siamdw.search_step.SearchBranch`.
        side: in pixels.
    """
    openvino, decoder_class = _import_openvino()
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing turns sizes into constants: that is wanted here
        trace: Any = torch.jit.trace  # has no types
        traced = trace(branch, example, check_trace=False)
    frontend = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
    decoder = decoder_class(traced)  # a name of its own: the frontend keeps no reference
    model = frontend.convert(frontend.load(decoder))
    model.reshape(openvino.PartialShape([-1, side, side, 3]))
    return model


def _fingerprint(branch: nn.Module) -> bytes:
    """Return a hash of the layers and weights, to tell networks apart."""
    digest = hashlib.blake2b(f"{branch}".encode())
    for name, tensor in branch.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().ravel())
    return digest.digest()


def _import_openvino() -> tuple[Any, Any]:
    """Import OpenVINO without the package that reports use to its vendor."""
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

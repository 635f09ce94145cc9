"""Libraries that run the network: torch, or OpenVINO on a CPU.

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

# Converted modules by (fingerprint, shape of the input), kept as long as the process lives:
# torch never frees what it takes to trace a network, some 5 MB each time.
_converted: dict[tuple[bytes, tuple[int, ...]], Any] = {}


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
        branch: takes N x H x W x 3 uint8 and returns a tuple.
        device: where to compute; the branch is moved there.
        backend: see :func:`choose_backend`.

    Raises:
        ValueError: the backend does not work here.
    """
    if choose_backend(backend, device) == "openvino":
        return OpenVinoModule(branch, precision="full", threads=torch.get_num_threads())
    return torch_features(branch.to(device), device)


class OpenVinoModule:
    """Computes what a module does with OpenVINO on the CPU.

    Each shape of its input is compiled when it first comes, which takes about a second;
    :meth:`~siamdw_ros.siamdw.multi_tracker.MultiTracker.warm_up` does it in advance.

    Args:
        module: in evaluation mode, with float32 weights on the CPU; it may be shared. It takes one
            tensor and returns a tuple.
        precision: full, half (bfloat16) or int8.
        threads: number of CPU threads to use at most.
        ranges: for int8, of the inputs of all convolutions.
    """

    def __init__(
        self, module: nn.Module, *, precision: str, threads: int, ranges: Ranges | None = None
    ) -> None:
        self.module = module
        self._ranges = ranges if precision == "int8" else None
        self._fingerprint = _fingerprint(module)
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "half" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # the cores are shared with other processes of the robot
        }
        self._requests: dict[tuple[int, ...], Any] = {}

    @property
    def compiled_shapes(self) -> set[tuple[int, ...]]:
        """Shapes that are compiled already, without the batch dimension."""
        return set(self._requests)

    def __call__(self, batch: NDArray[Any]) -> tuple[Tensor, ...]:
        """Compute; the tensors returned before for this shape are overwritten.

        Args:
            batch: B x ...; any B.
        """
        shape = batch.shape[1:]
        if shape not in self._requests:
            self._requests[shape] = self._compile(batch[:1])
        request = self._requests[shape]
        request.infer({0: batch}, share_inputs=True)
        outputs = range(len(request.model_outputs))
        return tuple(torch.from_numpy(request.get_output_tensor(i).data) for i in outputs)

    def _compile(self, example: NDArray[Any]) -> Any:
        openvino, _ = _import_openvino()
        key = self._fingerprint, example.shape[1:]
        if key not in _converted:
            _converted[key] = convert(self.module, torch.from_numpy(example))
        model = _converted[key]
        if self._ranges is not None:
            model = quantized(model, self._ranges)
        compiled = openvino.Core().compile_model(model, "CPU", self._options)
        return compiled.create_infer_request()


def convert(module: nn.Module, example: Tensor) -> Any:
    """Return an OpenVINO model that does what a module does, for batches of any size.

    Args:
        module: takes one tensor and returns a tuple.
        example: 1 x ...; its values do not matter.
    """
    openvino, decoder_class = _import_openvino()
    shape = example.shape[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing turns sizes into constants: that is wanted here
        trace: Any = torch.jit.trace  # has no types
        # With a batch of one the trace would squeeze the batch dimension.
        traced = trace(module, torch.zeros(2, *shape, dtype=example.dtype), check_trace=False)
    frontend = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
    decoder = decoder_class(traced)  # a name of its own: the frontend keeps no reference
    model = frontend.convert(frontend.load(decoder))
    model.reshape(openvino.PartialShape([-1, *shape]))
    return model


def _fingerprint(module: nn.Module) -> bytes:
    """Return a hash of the layers and weights, to distinguish networks."""
    digest = hashlib.blake2b(str(module).encode())
    for name, tensor in module.state_dict().items():
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

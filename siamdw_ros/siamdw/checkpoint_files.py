"""Load untrusted checkpoint files: tensors only, no pickled code, bounded size.

Everything that can be wrong with a file becomes a :class:`CheckpointError`, one sentence that
states what the file is and what to do.
"""

import json
import math
import pickle
import re
import tarfile
import zipfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

MAX_BYTES = 2 * 1024**3  # a training checkpoint of the largest network has 0.9 GB

# Training files of the authors hold NumPy scalars: the learning rate comes from np.logspace.
_rebuild_scalar = np.float64(0).__reduce__()[0]
NUMPY_SCALARS: list[Any] = [
    (_rebuild_scalar, "numpy.core.multiarray.scalar"),  # as NumPy 1 calls it
    (_rebuild_scalar, "numpy._core.multiarray.scalar"),  # and NumPy 2
    np.dtype,
    *{type(np.dtype(code)) for code in "?bhilqBHILQefd"},
]
TORCH_WITH_NAMED_GLOBALS = (2, 6)

MAX_HEADER = 10_000_000  # bytes of a safetensors header; that of the largest network has 40 kB
SAFETENSORS_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,  # batch counters
}

SAVE_WEIGHTS = "save its weights with torch.save(network.state_dict(), FILE)"
OTHER_FILES = {  # how files begin that people take for checkpoints -> what to do
    b"version https://git-lfs": "is a Git LFS pointer, not the file itself: run `git lfs pull`",
    b"<": "is a web page, not a checkpoint: the download failed, fetch the file in a browser",
    b"\x89HDF": f"is an HDF5 file: convert it, and {SAVE_WEIGHTS}",
    b"\x08": f"is an ONNX model: give the checkpoint that it was made from, or {SAVE_WEIGHTS}",
}


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message states why and what to do."""


def open_checkpoint(path: Path) -> Any:
    """Read a file written by `torch.save`, in the zip or the older format, or by safetensors.

    Args:
        path: of the file.

    Returns:
        Dicts, lists, numbers, strings and tensors on the CPU, nested as in the file.

    Raises:
        CheckpointError: there is no such file, it is too large, damaged, holds code, or is of
            another kind.
    """
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: give the checkpoint file in it")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint file")
    try:
        _check_size(path)
        if _is_safetensors(path):
            return _read_safetensors(path)
        if reason := _other_kind(path):
            raise CheckpointError(f"{path} {reason}")
        with _numpy_scalars_allowed():
            return torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # arbitrary bytes can provoke any exception
        raise CheckpointError(f"{path} {_reason(error)}") from error


def _check_size(path: Path) -> None:
    """Reject what is too large, also when only unpacking makes it so."""
    size = path.stat().st_size
    if not size:
        raise CheckpointError(f"{path} is empty: copy or download it again")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = max(size, sum(entry.file_size for entry in archive.infolist()))
    if size > MAX_BYTES:
        raise CheckpointError(
            f"{path} has {size / 1e9:.1f} GB: "
            f"no SiamDW checkpoint is larger than {MAX_BYTES / 1e9:.1f} GB"
        )


def _other_kind(path: Path) -> str | None:
    """Return what to do with a file that torch.load does not read, None if it may read it."""
    # First: a zip that lies last in a tar archive makes the archive look like a zip, too.
    if tarfile.is_tarfile(path):
        return "is a tar archive: unpack it, and give the checkpoint file in it"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).name for name in archive.namelist()}
        if "constants.pkl" in names:
            return f"is a TorchScript program, not a table of weights: {SAVE_WEIGHTS}"
        if "data.pkl" not in names:
            return "is a zip archive without a checkpoint's parts: unpack it, give the file in it"
        return None
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    return next((what for magic, what in OTHER_FILES.items() if start.startswith(magic)), None)


def _is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: the header's length, 8 bytes, and a JSON object."""
    with path.open("rb") as file:
        length, brace = int.from_bytes(file.read(8), "little"), file.read(1)
    return brace == b"{" and length <= min(MAX_HEADER, path.stat().st_size - 8)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file (github.com/huggingface/safetensors, section Format).

    The format is small enough to be read here, which saves robots a dependency.

    Raises:
        ValueError, KeyError, TypeError: it is damaged.
    """
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    return {
        name: _safetensor(data, start, entry)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _safetensor(data: bytearray, start: int, entry: dict[str, Any]) -> torch.Tensor:
    dtype, shape = SAFETENSORS_DTYPES[entry["dtype"]], entry["shape"]
    begin, end = entry["data_offsets"]
    count = math.prod(shape)
    if not 0 <= begin <= end <= len(data) - start or end - begin != count * dtype.itemsize:
        raise ValueError("a tensor's place does not fit its shape, or lies outside the file")
    if not count:
        return torch.empty(shape, dtype=dtype)
    flat = torch.frombuffer(data[start + begin : start + end], dtype=dtype)
    return flat.reshape(shape)


def _numpy_scalars_allowed() -> AbstractContextManager[None]:
    """Allow NumPy scalars where torch has an option for it; elsewhere such files are refused."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < TORCH_WITH_NAMED_GLOBALS:
        return nullcontext()
    allowed: AbstractContextManager[None] = torch.serialization.safe_globals(NUMPY_SCALARS)
    return allowed


def _reason(error: Exception) -> str:
    """Return why a file cannot be read. torch's own advice is to open it unsafely."""
    if asked_for := re.search(r"GLOBAL (\S+)", str(error)):
        return (
            f"is not opened: it asks to run {asked_for[1]}, and a checkpoint needs to hold "
            f"nothing but tensors and numbers: {SAVE_WEIGHTS}"
        )
    if isinstance(error, pickle.UnpicklingError):
        return "is damaged or no checkpoint at all: it does not begin like one"
    first_line = str(error).partition("\n")[0][:200]
    return f"is damaged or no checkpoint at all: {first_line or type(error).__name__}"

"""Opens checkpoint files that nobody vouches for: they may hold numbers, no code, not too many.

Everything that can be wrong with a file becomes a :class:`CheckpointError` with a sentence that a
person understands.
"""

import pickle
import re
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


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says why and what to do."""


def open_checkpoint(path: Path) -> Any:
    """Read what a file written by `torch.save` holds, in the zip or the older format.

    Args:
        path: of the file.

    Returns:
        Dicts, lists, numbers, strings and tensors on the CPU, nested as in the file.

    Raises:
        CheckpointError: there is no such file, it is too large, damaged, or holds code.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint file")
    try:
        _check_size(path)
        with _numpy_scalars_allowed():
            return torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # whatever a file of unknown bytes may provoke
        raise CheckpointError(f"{path} {_reason(error)}") from error


def _check_size(path: Path) -> None:
    """Refuse what is too large, also when only unpacking makes it so."""
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = max(size, sum(entry.file_size for entry in archive.infolist()))
    if size > MAX_BYTES:
        raise CheckpointError(
            f"{path} has {size / 1e9:.1f} GB: "
            f"no SiamDW checkpoint is larger than {MAX_BYTES / 1e9:.1f} GB"
        )


def _numpy_scalars_allowed() -> AbstractContextManager[None]:
    """Let NumPy scalars pass, where torch can be told so; elsewhere such files are refused."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < TORCH_WITH_NAMED_GLOBALS:
        return nullcontext()
    allowed: AbstractContextManager[None] = torch.serialization.safe_globals(NUMPY_SCALARS)
    return allowed


def _reason(error: Exception) -> str:
    """Say in a sentence why torch did not read a file. Its own advice is to open it unsafely."""
    if not isinstance(error, pickle.UnpicklingError):
        first_line = str(error).partition("\n")[0][:200]
        return f"is damaged or no checkpoint at all: {first_line or type(error).__name__}"
    if asked_for := re.search(r"GLOBAL (\S+)", str(error)):
        return (
            f"is not opened: it asks to run {asked_for[1]}, and a checkpoint needs to hold "
            "nothing but tensors and numbers"
        )
    return "is damaged or no checkpoint at all: it does not begin like one"

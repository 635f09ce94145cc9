"""Checkpoint files, the authors' and our own: what is in one, which network it fits, safe loading.

Every layout that is known is brought to this project's names, `backbone.*` and `head.*`; which
network it is is read off the shapes. Files are opened with `weights_only=True`: they can hold
numbers, not code.
"""

import pickle
import re
import zipfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from siamdw_ros.siamdw.networks import Network, create_network

MAX_BYTES = 2 * 1024**3  # a training checkpoint of the largest network has 0.9 GB
FORMAT = "siamdw_ros/1"

WRAPPERS = ("state_dict", "model", "net")
PREFIXES = {  # of the layouts known, longest first -> ours
    "features.features.": "backbone.",
    "feature_extractor.features.": "backbone.",
    "connect_model.": "head.",
    "backbone.": "backbone.",
    "head.": "head.",
    "features.": "backbone.",
}
RESNETS = {1: "res16", 2: "res19", 3: "res22", 4: "res43"}  # by the units of the first stage

# Training files of the authors hold NumPy scalars: the learning rate comes from np.logspace.
_rebuild_scalar = np.float64(0).__reduce__()[0]  # its module differs between NumPy 1 and 2
NUMPY_SCALARS: list[Any] = [
    (_rebuild_scalar, "numpy.core.multiarray.scalar"),
    (_rebuild_scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
]


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    network: the name that its shapes say. weights: by this project's names, float32, without
    batch counters. own: written by this project, so that a learned scale is to be used.
    """

    path: Path
    network: str
    weights: dict[str, Tensor]
    own: bool

    @property
    def learned_scale(self) -> bool:
        """Whether scale and bias of the response come with the file (`loc_adjust`)."""
        return "head.loc_adjust.weight" in self.weights


def load_network(
    name: str,
    path: str | PathLike[str],
    *,
    learned_scale: bool | None = None,
    old_stem: bool = False,
) -> Network:
    """Build a network with the weights of a file.

    Args:
        name: one of :data:`~siamdw_ros.siamdw.networks.NETWORKS`.
        path: of the file.
        learned_scale: use the file's scale and bias of the response instead of the constant
            scale. None: those of this project's files, but not those of the authors' first
            files, as in the authors' later code: the tuned presets belong to the constant scale.
        old_stem: see :class:`~siamdw_ros.siamdw.backbones.Inception22`.

    Raises:
        CheckpointError: the file cannot be used, or is of another network.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.network != name:
        raise CheckpointError(
            f"{path} holds {checkpoint.network}, not {name}: "
            f"ask for {checkpoint.network}, or give another file"
        )
    if learned_scale is None:
        learned_scale = checkpoint.own and checkpoint.learned_scale
    elif learned_scale and not checkpoint.learned_scale:
        raise CheckpointError(f"{path} has no learned scale: leave learned_scale out")
    network = create_network(name, learned_scale=learned_scale, old_stem=old_stem)
    weights = {
        key: value
        for key, value in checkpoint.weights.items()
        if learned_scale or "loc_adjust" not in key
    }
    _check_fit(path, weights, network)
    network.load_state_dict(weights, strict=False)  # only batch counters may be missing
    return network


def save_network(network: Network, path: str | PathLike[str], *, half: bool = False) -> None:
    """Write a network in this project's format, with `half` as float16 at half the size."""
    weights = {
        key: value.half() if half and value.is_floating_point() else value
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    torch.save({"format": FORMAT, "network": network.name, "state_dict": weights}, path)


def read_checkpoint(path: str | PathLike[str]) -> Checkpoint:
    """Open a file and find out what it holds.

    Raises:
        CheckpointError: there is no such file, it is too large, damaged, holds code, or is not a
            SiamDW network.
    """
    path = Path(path)
    content = _open(path)
    own = isinstance(content, dict) and content.get("format") == FORMAT
    weights = _canonical(path, _find_weights(path, content))
    return Checkpoint(path, _identify(path, weights), weights, own)


def _open(path: Path) -> Any:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint file")
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError(
            f"{path} has {path.stat().st_size / 1e9:.1f} GB: "
            f"no SiamDW checkpoint is larger than {MAX_BYTES / 1e9:.1f} GB"
        )
    try:
        with torch.serialization.safe_globals(NUMPY_SCALARS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a plain checkpoint: it holds something else than tensors and numbers "
            f"and is not opened, since that could run code ({_first_line(error)})"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} is damaged or no checkpoint at all: {_first_line(error)}"
        ) from error


def _first_line(error: BaseException) -> str:
    return re.split(r"[\n.]", str(error), maxsplit=1)[0][:200] or type(error).__name__


def _find_weights(path: Path, content: Any) -> dict[str, Tensor]:
    """Look into the wrapper, if there is one, and take what is a tensor of floats."""
    if isinstance(content, dict):
        for wrapper in WRAPPERS:
            if isinstance(content.get(wrapper), dict):
                content = content[wrapper]
                break
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a table of weights")
    weights = {}
    for key, value in content.items():
        if str(key).endswith("num_batches_tracked"):
            continue
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.is_sparse:
            raise CheckpointError(f"{path}: '{key}' is not a tensor of floating-point numbers")
        weights[str(key)] = value.float()
    return weights


def _canonical(path: Path, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Bring keys to this project's names."""
    renamed = {}
    for key, value in weights.items():
        bare = key.removeprefix("module.")
        prefix = next((prefix for prefix in PREFIXES if bare.startswith(prefix)), "")
        renamed[PREFIXES.get(prefix, "backbone.") + bare.removeprefix(prefix)] = value
    if len(renamed) < len(weights):
        raise CheckpointError(f"{path} holds several networks: some keys mean the same weight")
    return renamed


def _identify(path: Path, weights: dict[str, Tensor]) -> str:
    """Read the network's name off keys and shapes."""
    template_cls = weights.get("head.template_cls.weight")
    if template_cls is not None:
        return "siamrpn_res22_thicker" if template_cls.shape[0] > 2000 else "siamrpn_res22"
    if "backbone.conv0.weight" in weights:
        return "siamfc_next22"
    if "backbone.layer1.0.branch1x1.conv.weight" in weights:
        return "siamfc_incep22"
    inner = weights.get("backbone.layer1.0.conv2.weight")
    if inner is None:
        some = ", ".join(sorted(weights)[:3]) or "none"
        raise CheckpointError(f"{path} is not a SiamDW network: its first keys are {some}")
    if inner.shape[0] == 128:
        return "siamfc_res22w"
    units = {key.split(".")[2] for key in weights if key.startswith("backbone.layer1.")}
    return f"siamfc_{RESNETS.get(len(units), 'res22')}"


def _check_fit(path: str | PathLike[str], weights: dict[str, Tensor], network: Network) -> None:
    """See to it that every weight of the network comes from the file."""
    expected = {
        key: value.shape
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    problems = []
    if missing := sorted(expected.keys() - weights.keys()):
        problems.append(f"missing {_some(missing)}")
    if unknown := sorted(weights.keys() - expected.keys()):
        problems.append(f"unknown {_some(unknown)}")
    shared = expected.keys() & weights.keys()
    if wrong := sorted(key for key in shared if weights[key].shape != expected[key]):
        problems.append(f"of other shape {_some(wrong)}")
    if broken := sorted(key for key in shared if not weights[key].isfinite().all()):
        problems.append(f"not finite {_some(broken)}")
    if problems:
        raise CheckpointError(f"{path} does not fit {network.name}: {'; '.join(problems)}")


def _some(keys: list[str]) -> str:
    rest = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(keys[:3]) + rest

"""Checkpoint files, the authors' and our own: what is in one, and which network it fits.

Every known layout is converted to this project's names, `backbone.*` and `head.*`; the network is
identified by the shapes. :mod:`siamdw_ros.siamdw.checkpoint_files` opens the file.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from siamdw_ros.siamdw.checkpoint_files import CheckpointError, open_checkpoint
from siamdw_ros.siamdw.networks import Network, Ranges, create_network

FORMAT = "siamdw_ros/1"
EXTENT_NETWORK = "extent_res22"  # not a tracker's; see extent_network.py
MAX_NUMBERS = 200_000_000  # the largest network has 77 million

WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net")
MOST_WRAPPERS = 3  # around each other
# What DataParallel, torch.compile and training modules put into the names, at any place.
ADDED_PARTS = {"module", "_orig_mod"}
ADDED_IN_FRONT = ("model.", "network.", "net.")
PREFIXES = {  # prefixes of the supported layouts, longest first -> ours
    "feature_extractor.features.": "backbone.",
    "features.features.": "backbone.",
    "connect_model.": "head.",
    "backbone.": "backbone.",
    "features.": "backbone.",
    "heads.": "heads.",
    "head.": "head.",
}
RESNETS = {1: "res16", 2: "res19", 3: "res22", 4: "res43"}  # by the units of the first stage
THINNER_KERNELS = 1280  # outputs of template_cls: 5 anchors * 256; the thicker one has 10 * 512


@dataclass(frozen=True)
class Checkpoint:
    """Contents of a checkpoint file.

    Attributes:
        network: the name that follows from its shapes.
        weights: by this project's names, float32, without batch counters.
        layout: the naming of the weights in the file, for the user.
        precision: of the numbers in the file.
        own: this project wrote it, so that a learned scale is to be used.
        activation_ranges: of the convolutions' inputs, for int8; None: the file has none.
    """

    path: Path
    network: str
    weights: Mapping[str, Tensor]
    layout: str
    precision: str
    own: bool
    activation_ranges: Ranges | None = None

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
    return build_network(
        name, read_checkpoint(path), learned_scale=learned_scale, old_stem=old_stem
    )


def build_network(
    name: str,
    checkpoint: Checkpoint,
    *,
    learned_scale: bool | None = None,
    old_stem: bool = False,
) -> Network:
    """Build a network with the weights of a checkpoint; see :func:`load_network`."""
    if checkpoint.network == EXTENT_NETWORK:
        raise CheckpointError(
            f"{checkpoint.path} holds {EXTENT_NETWORK}, which finds the box of a tapped object: "
            "give a file of a tracker's network"
        )
    if learned_scale is None:
        learned_scale = checkpoint.own and checkpoint.learned_scale
    elif learned_scale and not checkpoint.learned_scale:
        raise CheckpointError(f"{checkpoint.path} has no learned scale: leave learned_scale out")
    network = create_network(name, learned_scale=learned_scale, old_stem=old_stem)
    weights = {
        key: value
        for key, value in checkpoint.weights.items()
        if learned_scale or "loc_adjust" not in key
    }
    if problems := _misfits(weights, network):
        raise CheckpointError(_misfit_message(checkpoint, name, problems))
    network.load_state_dict(weights, strict=False)  # only batch counters may be missing
    network.activation_ranges = checkpoint.activation_ranges
    return network


def save_network(
    network: Network,
    path: str | PathLike[str],
    *,
    half: bool = False,
    activation_ranges: Ranges | None = None,
) -> None:
    """Write a network in this project's format.

    Args:
        network: to be written.
        path: of the file.
        activation_ranges: measured with these weights. Those of the network are not written: they
            do not fit any more once it was trained.
        half: write convolutions as float16, for a file of half the size. Batch norms and the
            learned scale stay as they are: they can leave the range of float16.
    """
    weights = {
        key: value.half() if half and value.ndim == 4 and value.numel() > 1 else value
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    content = {"format": FORMAT, "network": network.name, "state_dict": weights}
    if activation_ranges is not None:
        content["activation_ranges"] = {key: list(pair) for key, pair in activation_ranges.items()}
    torch.save(content, path)


def read_checkpoint(path: str | PathLike[str]) -> Checkpoint:
    """Open a file and find out what it holds.

    Raises:
        CheckpointError: there is no such file, it is too large, damaged, holds code, or is not a
            SiamDW network.
    """
    path = Path(path)
    content = open_checkpoint(path)
    written_by = content.get("format") if isinstance(content, dict) else None
    if written_by not in (None, FORMAT):
        raise CheckpointError(f"{path} has the format '{written_by}', known is '{FORMAT}'")
    wrapper, table = _unwrap(path, content)
    _check_values(path, table)
    prefixes, weights = _rename(path, table)
    return Checkpoint(
        path=path,
        network=_identify(path, weights),
        weights={key: value.detach().float() for key, value in weights.items()},
        layout=FORMAT if written_by else wrapper + " and ".join(sorted(prefixes)),
        precision=" and ".join(sorted({_dtype_name(value) for value in weights.values()})),
        own=written_by is not None or "head." in prefixes,
        activation_ranges=_activation_ranges(path, content) if written_by else None,
    )


def _activation_ranges(path: Path, content: Mapping[str, Any]) -> Ranges | None:
    """Read the ranges that `tools/quantize.py` measured, if it has."""
    ranges = content.get("activation_ranges")
    if ranges is None:
        return None
    try:
        checked = {str(name): (float(low), float(high)) for name, (low, high) in ranges.items()}
    except (AttributeError, TypeError, ValueError):
        raise CheckpointError(f"{path}: activation_ranges is not a table of pairs") from None
    for name, (low, high) in checked.items():
        if not (low <= 0 < high - low < math.inf):
            raise CheckpointError(f"{path}: {name} has the activation range {low} to {high}")
    return checked


def _unwrap(path: Path, content: Any) -> tuple[str, dict[str, Any]]:
    """Unwrap the weights, if necessary; leave out what only training needs.

    Returns:
        The wrappers as they are shown to users, and the table of weights in them.
    """
    shown = ""
    for _ in range(MOST_WRAPPERS):  # a hostile dict may hold itself
        if isinstance(content, dict):
            for wrapper in (key for key in WRAPPERS if isinstance(content.get(key), dict)):
                content = content[wrapper]
                shown += f"{wrapper}: "
                break
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a table of weights")
    table = {str(key): value for key, value in content.items()}
    return shown, {key: table[key] for key in table if not key.endswith("num_batches_tracked")}


def _check_values(path: Path, table: Mapping[str, Any]) -> None:
    """See to it that a table holds plain numbers, and not too many.

    A small file can claim a huge tensor, whose numbers are all the same one in memory.
    """
    for key, value in table.items():
        if not isinstance(value, Tensor) or not value.is_floating_point():
            raise CheckpointError(f"{path}: '{key}' is not a tensor of floating-point numbers")
        if value.layout is not torch.strided or value.device.type != "cpu":
            raise CheckpointError(f"{path}: '{key}' is sparse or has no numbers")
    numbers = sum(value.numel() for value in table.values())
    if numbers > MAX_NUMBERS:
        raise CheckpointError(
            f"{path} has {numbers} numbers: no SiamDW network has more than {MAX_NUMBERS}"
        )


def _rename(path: Path, table: Mapping[str, Tensor]) -> tuple[set[str], dict[str, Tensor]]:
    """Bring keys to this project's names.

    Returns:
        The prefixes met, and the table with the new keys.
    """
    met, renamed = set(), {}
    for key, value in table.items():
        bare = _without_additions(key)
        prefix = next((prefix for prefix in PREFIXES if bare.startswith(prefix)), "")
        met.add(prefix)
        renamed[PREFIXES.get(prefix, "backbone.") + bare.removeprefix(prefix)] = value
    if len(renamed) < len(table):
        raise CheckpointError(f"{path} holds several networks: some keys mean the same weight")
    return met, renamed


def _without_additions(key: str) -> str:
    """Remove what wrappers of a network have added to a weight's name."""
    bare = ".".join(part for part in key.split(".") if part not in ADDED_PARTS)
    while front := next((f for f in ADDED_IN_FRONT if bare.startswith(f)), None):
        bare = bare.removeprefix(front)
    return bare


def _dtype_name(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _identify(path: Path, weights: dict[str, Tensor]) -> str:
    """Read the network's name off keys and shapes."""
    if any(key.startswith("heads.") for key in weights):
        return EXTENT_NETWORK
    if "head.search_neck.0.weight" in weights:
        return "siambox_res22"
    template_cls = weights.get("head.template_cls.weight")
    if template_cls is not None and template_cls.ndim:
        thinner = template_cls.shape[0] == THINNER_KERNELS
        return "siamrpn_res22" if thinner else "siamrpn_res22_thicker"
    if "backbone.conv0.weight" in weights:
        return "siamfc_next22"
    if "backbone.layer1.0.branch1x1.conv.weight" in weights:
        return "siamfc_incep22"
    inner = weights.get("backbone.layer1.0.conv2.weight")
    if inner is None or not inner.ndim:
        some = _some(sorted(weights)) or "none"
        raise CheckpointError(f"{path} is not a SiamDW network: it has the weights {some}")
    if inner.shape[0] == 128:
        return "siamfc_res22w"
    units = {key.split(".")[2] for key in weights if key.startswith("backbone.layer1.")}
    return f"siamfc_{RESNETS.get(len(units), 'res22')}"


def _misfits(weights: Mapping[str, Tensor], network: Network) -> list[str]:
    """Differences between the weights of a file and those that a network needs."""
    expected = {
        key: value.shape
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    shared = sorted(expected.keys() & weights.keys())
    fitting = [key for key in shared if weights[key].shape == expected[key]]
    found = {
        "missing": sorted(expected.keys() - weights.keys()),
        "unknown": sorted(weights.keys() - expected.keys()),
        "of another shape": sorted(set(shared) - set(fitting)),
        "not finite": [key for key in fitting if not weights[key].isfinite().all()],
    }
    return [f"{what}: {_some(keys)}" for what, keys in found.items() if keys]


def _misfit_message(checkpoint: Checkpoint, name: str, problems: list[str]) -> str:
    if checkpoint.network == name:
        return f"{checkpoint.path} does not fit {name} ({'; '.join(problems)})"
    return (
        f"{checkpoint.path} holds {checkpoint.network}, not {name} ({'; '.join(problems)}): "
        f"ask for {checkpoint.network}, or give another file"
    )


def _some(keys: list[str]) -> str:
    rest = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(keys[:3]) + rest

"""Print what checkpoint files are: network, layout, precision, checksums, complete or not."""

import argparse
import hashlib
import sys
from pathlib import Path

from siamdw_ros.siamdw.bundled import BUNDLED, bundled_checkpoint
from siamdw_ros.siamdw.checkpoint_files import CheckpointError
from siamdw_ros.siamdw.checkpoints import (
    EXTENT_NETWORK,
    Checkpoint,
    build_network,
    read_checkpoint,
)
from siamdw_ros.siamdw.extent import bundled_extents
from siamdw_ros.siamdw.extent_network import load_extent_network
from siamdw_ros.tools.command_line import called_as

PUBLISHED = {  # md5 -> file; of the authors' other files no checksum is known
    "5415686007b313685065cf8f3b916742": "CIResNet22W, trained on GOT-10k (TracKit)",
}
BATCH_STATISTICS = ("running_mean", "running_var")
CHUNK = 1 << 20


def describe(path: Path) -> dict[str, str]:
    """Find out what a file is.

    Args:
        path: of a file.

    Returns:
        What to print, by the name of the line.

    Raises:
        CheckpointError: the file is not a checkpoint of a SiamDW network.
    """
    checkpoint = read_checkpoint(path)
    sha256, md5 = checksums(path)
    return {
        "network": f"{checkpoint.network}, {parameters(checkpoint):,} parameters",
        "complete": completeness(checkpoint),
        "layout": checkpoint.layout,
        "precision": checkpoint.precision,
        "learned scale": learned_scale(checkpoint),
        "sha256": sha256,
        "md5": md5,
        "published": published(sha256, md5),
    }


def published(sha256: str, md5: str) -> str:
    """Where a file comes from: from this package, or from the authors."""
    bundled = {name: Path(bundled_checkpoint(name)) for name in BUNDLED}
    for name, path in (bundled | {EXTENT_NETWORK: bundled_extents()}).items():
        if checksums(path)[0] == sha256:
            return f"the file of {name} that comes with this package"
    return PUBLISHED.get(md5, "not known: no published file has this checksum")


def parameters(checkpoint: Checkpoint) -> int:
    """How many numbers were learned: batch statistics do not count."""
    return sum(
        weight.numel()
        for key, weight in checkpoint.weights.items()
        if not key.endswith(BATCH_STATISTICS)
    )


def completeness(checkpoint: Checkpoint) -> str:
    """Whether the network can be built from the file alone."""
    try:
        if checkpoint.network == EXTENT_NETWORK:
            load_extent_network(checkpoint.path)
        else:
            build_network(checkpoint.network, checkpoint)
    except ValueError as error:
        return f"no: {error}"
    return "yes"


def learned_scale(checkpoint: Checkpoint) -> str:
    """The scale and bias of the response, if they come with the file."""
    if not checkpoint.learned_scale:
        return "no"
    scale, bias = (checkpoint.weights[f"head.loc_adjust.{key}"] for key in ("weight", "bias"))
    use = "used" if checkpoint.own else "used only with learned_scale=True"
    return f"{scale.flatten()[0]:.4g} * correlation {bias.flatten()[0]:+.4g}, {use}"


def checksums(path: Path) -> tuple[str, str]:
    """SHA-256 and MD5 of a file; published lists use either."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
    return sha256.hexdigest(), md5.hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 if some file is no checkpoint, 0 otherwise."""
    parser = argparse.ArgumentParser(prog=called_as("inspect_checkpoint"), description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    failed = 0
    for path in parser.parse_args(arguments).files:
        try:
            lines = describe(path)
        except CheckpointError as error:
            print(error, file=sys.stderr)
            failed = 1
            continue
        print(path)
        for name, text in lines.items():
            print(f"  {name:<14}{text}")
    return failed


if __name__ == "__main__":
    sys.exit(main())

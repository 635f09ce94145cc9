"""Export a network as two ONNX files, one for the template and one for the search region."""

import argparse
import importlib
import inspect
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from siamdw_ros.siamdw.box_head import BoxMaps, BoxTemplate
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK, bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.heads import Kernels, correlate_shifted
from siamdw_ros.siamdw.hyperparameters import SiamFCHyper, hyperparameters
from siamdw_ros.siamdw.networks import NETWORKS, BoxNetwork, Network, SiamFCNetwork, SiamRPNNetwork
from siamdw_ros.siamdw.runtime import fold_batch_norms
from siamdw_ros.tools.command_line import called_as, positive, run_command

OPSET = 17  # TensorRT 8.5 and later, onnxruntime 1.12 and later
TOLERANCE = 1e-3  # as a share of the largest output
PACKAGES = ("onnx", "onnxruntime")


class SiamFCTemplate(nn.Module):
    """Run once per target: 1 x 3 x 127 x 127 -> features 1 x C x 5 x 5."""

    def __init__(self, network: SiamFCNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, template: Tensor) -> Tensor:
        """Compute the features that the search branch takes in."""
        return self.network.features(template)


class SiamFCSearch(nn.Module):
    """Run once per image: features and S x 3 x 255 x 255 -> logits S x 1 x 17 x 17."""

    def __init__(self, network: SiamFCNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, search: Tensor) -> Tensor:
        """Compute the response of each scale."""
        return self.network.head.scale(
            correlate_shifted(features[None], self.network.features(search))
        )


class SiamRPNTemplate(nn.Module):
    """Run once per target: 1 x 3 x 127 x 127 -> kernels K x C x 3 x 3, of two kinds."""

    def __init__(self, network: SiamRPNNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, template: Tensor) -> Kernels:
        """Compute the kernels that the search branch takes in."""
        return self.network.head.kernels(self.network.features(template))


class SiamRPNSearch(nn.Module):
    """Run once per image: kernels and 1 x 3 x 255 x 255 -> scores and offsets."""

    def __init__(self, network: SiamRPNNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, cls: Tensor, reg: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Compute scores, 1 x 5 x 17 x 17 in [0, 1], and offsets, 1 x 20 x 17 x 17."""
        head, features = self.network.head, self.network.features(search)
        logits = correlate_shifted(cls[None], head.search_cls(features))
        offsets: Tensor = head.adjust(correlate_shifted(reg[None], head.search_reg(features)))
        return head.probabilities(logits), offsets


class BoxTemplateBranch(nn.Module):
    """Run once per target: 1 x 3 x 127 x 127 and the marked extents, 1 x 2 -> template."""

    def __init__(self, network: BoxNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, template: Tensor, extents: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what the search branch takes in, besides the extents."""
        features, kernels, _ = self.network.template(template, extents)
        return features, kernels


class BoxSearchBranch(nn.Module):
    """Run once per image: template and 1 x 3 x 255 x 255 -> maps of 17 x 17 cells."""

    def __init__(self, network: BoxNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, features: Tensor, kernels: Tensor, extents: Tensor, search: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute class logits, distances in pixels of the search region, and quality logits."""
        template = BoxTemplate(features, kernels, extents)
        maps: BoxMaps = self.network.head(template, *self.network.search(search))
        return maps.logits, maps.distances, maps.quality


class Branch(NamedTuple):
    """One file: what it computes, from an example of its inputs, and what they are called."""

    part: str
    module: nn.Module
    inputs: Sequence[Tensor]
    input_names: list[str]
    output_names: list[str]


@torch.no_grad()
def export(network: Network, folder: Path, scales: int, instance_size: int) -> list[Path]:
    """Write both branches and compare them with torch.

    Args:
        network: with its weights; its batch norms are folded in place.
        folder: made if it is not there.
        scales: how many windows a search of SiamFC+ takes.
        instance_size: side of the search region in network pixels.

    Returns:
        The two files.

    Raises:
        ModuleNotFoundError: a package that exporting needs is not installed.
        RuntimeError: the files do not compute what torch computes.
        ValueError: the instance size does not suit the network.
    """
    for package in PACKAGES:
        _require(package)
    fold_batch_norms(network.eval())
    exemplar_size = hyperparameters(network.name, instance_size=instance_size).exemplar_size
    template, window = _noise(1, exemplar_size), _noise(1, instance_size)
    if isinstance(network, SiamRPNNetwork):
        branches = siamrpn_branches(network, template, window)
    elif isinstance(network, BoxNetwork):
        branches = box_branches(network, template, window)
    else:
        branches = siamfc_branches(network, template, window.repeat(scales, 1, 1, 1))
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(branch, folder / f"{network.name}_{branch.part}.onnx") for branch in branches]


def _noise(count: int, side: int) -> Tensor:
    return torch.randint(0, 256, (count, 3, side, side)).float()


def siamfc_branches(network: SiamFCNetwork, template: Tensor, windows: Tensor) -> list[Branch]:
    """Both branches of SiamFC+, for inputs of these shapes."""
    first, second = SiamFCTemplate(network), SiamFCSearch(network)
    inputs = [first(template), windows]
    return [
        Branch("template", first, [template], ["template"], ["features"]),
        Branch("search", second, inputs, ["features", "search"], ["response"]),
    ]


def siamrpn_branches(network: SiamRPNNetwork, template: Tensor, window: Tensor) -> list[Branch]:
    """Both branches of SiamRPN+, for inputs of these shapes."""
    first, second = SiamRPNTemplate(network), SiamRPNSearch(network)
    kernels = ["cls_kernels", "reg_kernels"]
    inputs = [*first(template), window]
    return [
        Branch("template", first, [template], ["template"], kernels),
        Branch("search", second, inputs, [*kernels, "search"], ["scores", "offsets"]),
    ]


def box_branches(network: BoxNetwork, template: Tensor, window: Tensor) -> list[Branch]:
    """Both branches of the box network, for inputs of these shapes."""
    first, second = BoxTemplateBranch(network), BoxSearchBranch(network)
    extents = torch.tensor([[80.0, 50.0]])
    names = ["features", "kernels"]
    inputs = [*first(template, extents), extents, window]
    maps = ["logits", "distances", "quality"]
    return [
        Branch("template", first, [template, extents], ["template", "extents"], names),
        Branch("search", second, inputs, [*names, "extents", "search"], maps),
    ]


def _require(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"exporting needs the package {package}: pip install {' '.join(PACKAGES)}"
        ) from error


def _write(branch: Branch, path: Path) -> Path:
    """Write one branch, and see to it that the file gives the branch's outputs."""
    branch.module.eval()  # the exporter gives the mode back that it finds
    options: dict[str, Any] = {}
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False  # the newer exporter needs one package more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes become constants, which is what is wanted here
        torch.onnx.export(
            branch.module,
            tuple(branch.inputs),
            str(path),
            input_names=branch.input_names,
            output_names=branch.output_names,
            opset_version=OPSET,
            **options,
        )
    if not (difference := _difference(branch, path)) < TOLERANCE:
        raise RuntimeError(f"{path} differs from torch by {difference:.2g} of the largest output")
    return path


def _difference(branch: Branch, path: Path) -> float:
    """Largest difference between torch and the file, relative to the largest output."""
    runtime = _require("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = [value.numpy() for value in branch.inputs]
    found = session.run(None, dict(zip(branch.input_names, inputs, strict=True)))
    expected = branch.module(*branch.inputs)
    expected = (expected,) if isinstance(expected, Tensor) else expected
    return max(
        float(np.abs(ours.numpy() - theirs).max() / np.abs(theirs).max())
        for ours, theirs in zip(expected, found, strict=True)
    )


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("export_onnx"),
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="where the files go")
    parser.add_argument("--model", default=DEFAULT_NETWORK, choices=NETWORKS)
    parser.add_argument("--checkpoint", type=Path, help="the bundled one if left out")
    parser.add_argument("--scales", type=positive, default=SiamFCHyper.scales, help="of SiamFC+")
    parser.add_argument("--instance-size", type=int, default=SiamFCHyper.instance_size)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 if nothing could be exported, 0 otherwise."""
    options = parse_arguments(arguments)
    return run_command("export_onnx", partial(_export, options))


def _export(options: argparse.Namespace) -> None:
    path = options.checkpoint or bundled_checkpoint(options.model)
    network = load_network(options.model, path)
    for file in export(network, options.folder, options.scales, options.instance_size):
        print(f"{file}, {file.stat().st_size / 1e6:.1f} MB, agrees with torch")


if __name__ == "__main__":
    sys.exit(main())

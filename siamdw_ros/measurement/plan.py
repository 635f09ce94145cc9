"""The plan of a run of the benchmark: how much, on which device, with which weights."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from siamdw_ros.evaluation.annotations import read_annotation
from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.siamdw.bundled import BUNDLED, bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import save_network
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.multi_tracker import MultiTracker
from siamdw_ros.siamdw.networks import Network, SiamRPNNetwork, create_network
from siamdw_ros.siamdw.tracker import create_multi_tracker

T = TypeVar("T")
RANDOM_HEAD = 3e-4


@dataclass(frozen=True)
class Video:
    """Images and the target's box in each."""

    name: str
    images: list[Image]
    boxes: list[Box]


@dataclass(frozen=True)
class Plan:
    """The measurements to make, and their inputs.

    clips: videos with a CSV of boxes beside each. work: folder for temporary files
    afterwards. checkpoints: files of weights by network; where there is none, the bundled ones
    are used, or random ones. nanotrack: its ONNX files, backbone and head, if there.
    """

    clips: list[Path]
    work: Path
    quick: bool = False
    devices: tuple[str, ...] = ("cpu",)
    models: tuple[str, ...] = ()
    checkpoints: dict[str, str] = field(default_factory=dict)
    nanotrack: tuple[str, ...] = ()

    @property
    def device(self) -> str:
        """Where sections that measure one device run: on the GPU, if there is one."""
        return self.devices[-1]

    def choose(self, full: T, quick: T) -> T:
        """One of two amounts."""
        return quick if self.quick else full

    def videos(self, frames: int) -> Iterator[Video]:
        """Every video's first frames; only one video is in memory at a time."""
        for clip in self.clips[: self.choose(len(self.clips), 1)]:
            yield self.video(clip, frames)

    def video(self, clip: Path, frames: int) -> Video:
        """The first frames of one video."""
        boxes = read_annotation(clip.with_suffix(".csv"))[:frames]
        images = [image for image, _ in zip(read_clip(clip), boxes, strict=False)]
        return Video(clip.stem, images, boxes)

    def checkpoint(self, model: str) -> str:
        """A file with weights for a network: given, bundled, or random."""
        if model in self.checkpoints:
            return self.checkpoints[model]
        if model in BUNDLED:
            return bundled_checkpoint(model)
        path = self.work / f"{model}.pt"
        if not path.exists():
            save_network(random_network(model), path)
        return str(path)

    def trained(self, model: str) -> bool:
        """Whether a network's weights mean anything, and so its boxes."""
        return model in self.checkpoints or model in BUNDLED

    def method(self, model: str, device: str | None = None, **options: Any) -> MultiTracker[Any]:
        """A tracker with these weights; see :func:`create_multi_tracker` for the options."""
        return create_multi_tracker(
            model, self.checkpoint(model), device or self.device, **options
        )


def random_network(model: str) -> Network:
    """Build a network with random weights, the same each time.

    SiamRPN+'s heads get small ones: others would correct a box to a point, or to all the image.
    """
    torch.manual_seed(0)
    network = create_network(model)
    if isinstance(network, SiamRPNNetwork):
        with torch.no_grad():
            for parameter in network.head.parameters():
                parameter.mul_(RANDOM_HEAD)
    return network

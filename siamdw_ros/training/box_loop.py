"""Training of an anchor-free box network, on a GPU or a CPU.

Pairs are drawn where the network is, so that a GPU does not wait for the CPU.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from siamdw_ros.siamdw.box_head import cell_centers
from siamdw_ros.siamdw.checkpoints import load_network, read_checkpoint, save_network
from siamdw_ros.siamdw.networks import BoxNetwork, create_network
from siamdw_ros.training.box_losses import BoxLoss, box_loss
from siamdw_ros.training.box_pack import load_packs
from siamdw_ros.training.box_pairs import PairBatch, PairMaker
from siamdw_ros.training.timed import TimedRun, TimedTrainer, adamw

WEIGHTS = "siambox_res22.pt"


@dataclass(frozen=True)
class BoxTraining(TimedRun):
    """A run; a batch is of pairs.

    Attributes:
        packs: of `tools/pack_boxes.py`.
        init: a checkpoint to begin with: of a box network, or of a SiamFC network, whose backbone
            is taken. None: random numbers.
        search: side of the search regions in pixels.
        shares: of the pairs of tracks, easy tracks, stills, patches of photographs and cut-outs.
        tail: units of the backbone's last stage that are trained; the rest is kept, and what it
            computes is used several times, see box_replay.py. 0: train all of the backbone.
        teacher: ONNX file of another tracker's backbone, for a tail; see box_replay.py.
        hint: weight of the teacher's features in the loss.
        slots: pairs whose features are kept, 0.9 MB each.
    """

    packs: tuple[Path, ...]
    init: Path | None = None
    search: int = 255
    shares: tuple[float, ...] = (4.0, 0.5, 2.5, 1.5, 3.0)
    tail: int = 0
    teacher: Path | None = None
    hint: float = 1.0
    slots: int = 3500


class BoxTrainer(TimedTrainer[BoxNetwork, BoxTraining]):
    """A run that trains all of the backbone, or the head alone."""

    def __init__(self, config: BoxTraining) -> None:
        self.device = config.torch_device
        torch.manual_seed(config.seed)
        if config.threads:
            torch.set_num_threads(config.threads)
        network = initial_network(config.init).to(self.device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(network, config)

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Prepare what learns; see :func:`make_optimizer`."""
        return make_optimizer(self.network, self.config)

    @contextlib.contextmanager
    def batches(self) -> Iterator[Callable[[], Any]]:
        """Give a function that draws the next batch."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed + self.step)
        pairs = pair_maker(self.config, self.device, generator)
        yield lambda: pairs.draw(self.config.batch)

    def loss(self, pairs: PairBatch) -> BoxLoss:
        """Predict, and compare with the annotation."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            template = self.network.template(pairs.templates, pairs.extents)
            maps = self.network.head(template, *self.network.search(pairs.searches))
        maps = type(maps)(*(part.float() for part in maps))
        cells = maps.logits.shape[-1]
        centers = cell_centers(
            cells, self.network.backbone.stride, self.config.search, self.device
        )
        return box_loss(maps, pairs.boxes, pairs.present, centers)

    def save_weights(self) -> Path:
        """Write the averaged weights as a checkpoint for trackers."""
        path = self.config.folder / WEIGHTS
        save_network(self.average, path, half=True)
        return path


def pair_maker(config: BoxTraining, device: torch.device, generator: torch.Generator) -> PairMaker:
    """Load the packs of a run and make what draws pairs from them."""
    banks = load_packs(config.packs).to(device)
    scenes = banks.scenes
    tracks = [scenes["tracks"], scenes.get("easy", scenes["tracks"])]
    return PairMaker(
        tracks,
        scenes["stills"],
        scenes["photographs"],
        banks.cutouts,
        config.shares,
        config.search,
        generator,
    )


def initial_network(init: Path | None) -> BoxNetwork:
    """Build the network a run begins with; see :class:`BoxTraining`."""
    network = create_network("siambox_res22")
    assert isinstance(network, BoxNetwork)
    if init is None:
        return network
    name = read_checkpoint(init).network
    loaded = load_network(name, init)
    if isinstance(loaded, BoxNetwork):
        return loaded
    network.backbone.load_state_dict(loaded.backbone.state_dict())
    return network


def make_optimizer(network: BoxNetwork, config: BoxTraining) -> torch.optim.Optimizer:
    """AdamW that decays convolutions only, with a rate of its own for the backbone."""
    network.backbone.requires_grad_(config.backbone_rate > 0)
    parts = (network.head, config.rate), (network.backbone, config.backbone_rate)
    return adamw(parts, config.decay)

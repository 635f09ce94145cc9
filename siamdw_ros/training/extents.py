"""A training of the network that finds the box of the object at a point, in two parts.

First the backbone is that of a trained tracker and stays as it is. Features of windows are
computed once, which takes most of the time; then the heads learn from them in minutes. In the
second part the end of the backbone learns with the heads: see extent_tuning.py.
"""

import copy
import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from siamdw_ros.siamdw.backbones import ResNet
from siamdw_ros.siamdw.backends import window_features
from siamdw_ros.siamdw.bundled import bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import load_network, read_checkpoint
from siamdw_ros.siamdw.extent_network import (
    ExtentNetwork,
    WindowFeatures,
    load_extent_network,
    save_extent_network,
)
from siamdw_ros.siamdw.runtime import fold_batch_norms
from siamdw_ros.training.extent_loop import (
    HeadTraining,
    principal_components,
    train_head,
    with_projection,
)
from siamdw_ros.training.extent_objects import (
    Draw,
    mixed,
    pasted_objects,
    sequence_objects,
    still_objects,
)
from siamdw_ros.training.extent_tuning import WEIGHTS, ExtentTuner, ExtentTuning
from siamdw_ros.training.extent_windows import load_windows, store_windows
from siamdw_ros.training.record import store_config

log = logging.getLogger(__name__)

BACKBONE = "siambox_res22"
SOURCES = ("stills", "tracks", "easy", "sequences", "cutouts", "photographs")
FEATURE_KEYS = (*SOURCES, "shares", "init", "per_file", "seed")  # what stored features depend on
SAMPLE_FILES = 8  # whose features decide on the principal components


@dataclass(frozen=True)
class ExtentTraining(ExtentTuning):
    """A run, with the second part if `minutes` are given to it.

    Attributes:
        stills: zips of photographs with a `boxes.csv` (file,x,y,w,h).
        tracks: sequences whose frames were each cut around the target.
        easy: the same, drawn seldom.
        sequences: sequences of whole frames.
        cutouts: zips of objects with transparency, and ...
        photographs: ... of what they are pasted on.
        shares: of the objects of stills, tracks, easy tracks, sequences and pasted ones.
        network: an extent network for the second part to begin with; there is no first part then.
        init: checkpoint of a network with a CIResNet-22, which gives the backbone of the first
            part. None: the bundled box network.
        objects: whose features are stored.
        per_file: objects per file of features; what a run loses when it is ended.
        heads: that are trained apart and averaged.
        epochs: passes of a head over all taps.
        taps: per step.
        head_rate: learning rate of the first part at its highest.
        components: of the features that heads learn from.
    """

    stills: tuple[Path, ...] = ()
    tracks: tuple[Path, ...] = ()
    easy: tuple[Path, ...] = ()
    sequences: tuple[Path, ...] = ()
    cutouts: tuple[Path, ...] = ()
    photographs: tuple[Path, ...] = ()
    shares: tuple[float, ...] = (40.0, 28.0, 2.0, 5.0, 25.0)
    network: Path | None = None
    init: Path | None = None
    objects: int = 4000
    per_file: int = 100
    heads: int = 2
    epochs: int = 12
    taps: int = 32
    head_rate: float = 2e-3
    components: int = 128


def train_extents(config: ExtentTraining) -> Path:
    """Run both parts, or what is left of them, and write the weights.

    Raises:
        ValueError: there is nothing to draw from, or a file has another network.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    begun = load_extent_network(config.network) if config.network else None
    draw = make_draw(config)
    network = begun or train_heads(draw, config)
    if config.minutes:
        return ExtentTuner(network.to(config.torch_device), draw, config).run()
    path = config.folder / WEIGHTS
    save_extent_network(network, path)
    return path


def train_heads(draw: Draw, config: ExtentTraining) -> ExtentNetwork:
    """Compute the features that are missing, and train the heads.

    Raises:
        ConfigError: the folder holds features of other objects, or of another backbone.
    """
    backbone = initial_backbone(config.init)
    branch = WindowFeatures(fold_batch_norms(copy.deepcopy(backbone)))
    features = config.folder / "features"
    values = config.values()
    store_config(features, {key: values[key] for key in FEATURE_KEYS}, may_change=frozenset())
    files = store_windows(
        draw,
        window_features(branch, config.torch_device, "auto"),
        features,
        config.objects,
        config.per_file,
        config.seed,
    )
    sample = load_windows(files[:: max(len(files) // SAMPLE_FILES, 1)])
    projection, offset = principal_components(sample.features.float(), config.components)
    windows = load_windows(files, projection)
    log.info("%d windows around %d taps", len(windows.taps), int(windows.taps.max()) + 1)
    heads = [
        with_projection(train_head(windows, offset, how), projection, offset)
        for how in head_trainings(config)
    ]
    return ExtentNetwork(backbone, heads)


def head_trainings(config: ExtentTraining) -> list[HeadTraining]:
    """Return how each head is trained: they differ by the seed."""
    return [
        HeadTraining(config.epochs, config.taps, config.head_rate, seed=config.seed + number)
        for number in range(config.heads)
    ]


def initial_backbone(init: Path | None) -> ResNet:
    """Load the backbone; see :class:`ExtentTraining`."""
    path = Path(bundled_checkpoint(BACKBONE)) if init is None else init
    backbone = load_network(read_checkpoint(path).network, path).backbone
    if not isinstance(backbone, ResNet) or len(backbone.layer1) != len(ResNet().layer1):
        raise ValueError(f"{path}: expected a network with a CIResNet-22")
    return backbone.eval().requires_grad_(False)


def make_draw(config: ExtentTraining) -> Draw:
    """Make what draws objects from the sources that a configuration names."""
    tracks, easy, whole = config.tracks, config.easy, config.sequences
    cutouts, photographs = config.cutouts, config.photographs
    named: tuple[Draw | None, ...] = (
        still_objects(config.stills) if config.stills else None,
        sequence_objects(tracks, cut=True) if tracks else None,
        sequence_objects(easy, cut=True) if easy else None,
        sequence_objects(whole, cut=False) if whole else None,
        pasted_objects(cutouts, photographs) if cutouts and photographs else None,
    )
    draws = [(share, draw) for share, draw in zip(config.shares, named, strict=True) if draw]
    if not draws:
        raise ValueError(
            "nothing to learn from: give stills, tracks, sequences, or cutouts and photographs"
        )
    return mixed(draws)

"""A run from its configuration to its weights: what the command does."""

import logging
import os
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from siamdw_ros.siamdw.runtime import half_is_faster
from siamdw_ros.training.callbacks import CHECKPOINT, Checkpoints, LossTable
from siamdw_ros.training.config import MAY_CHANGE, Config
from siamdw_ros.training.datasets import Dataset, read_dataset
from siamdw_ros.training.datasets.annotated import read_frame_tables
from siamdw_ros.training.datasets.tracks import Tally, Track
from siamdw_ros.training.initial import make_network
from siamdw_ros.training.meshes import read_meshes
from siamdw_ros.training.module import Training
from siamdw_ros.training.objectives import (
    MatchingObjective,
    Objective,
    SiamFCObjective,
    SiamRPNObjective,
)
from siamdw_ros.training.propagation import track_by_flow
from siamdw_ros.training.published import TrackPairs
from siamdw_ros.training.record import ConfigError, store_config
from siamdw_ros.training.scenes import PairMaker
from siamdw_ros.training.sources import read_cutouts, read_photographs

LEAST_SIDE = 4.0  # pixels; narrower boxes teach the recipe `matching` nothing

log = logging.getLogger(__name__)


def train(config: Config) -> Path:
    """Train, or go on where the run in `config.folder` was ended, however it was.

    Returns:
        The file with the weights.

    Raises:
        ConfigError: the folder holds another run, the file of `init` does not fit, or there is no
            such device.
        FileNotFoundError, ValueError: data are missing or not usable.
    """
    objective = read_objective(config)
    network = make_network(config)
    trainer = make_trainer(config)
    if rank_zero_only.rank == 0:
        store_config(config.folder, config.model_dump(mode="json"), MAY_CHANGE)
    if config.compile:
        network.backbone.compile(dynamic=False)
    checkpoint = config.folder / CHECKPOINT
    if checkpoint.exists():
        log.info("going on from %s", checkpoint)
    trainer.fit(
        Training(config, network, objective),
        ckpt_path=str(checkpoint) if checkpoint.exists() else None,
        weights_only=True,
    )
    return config.folder / "network.pt"


def read_objective(config: Config) -> Objective:
    """Read all data, log what was found, and make the stream of pairs.

    Raises:
        FileNotFoundError, ValueError: data are missing or not usable.
    """
    first = rank_zero_only.rank == 0
    datasets = [read_dataset(source, progress=first) for source in config.datasets]
    for dataset in datasets:
        log.info("%s", dataset)
    if config.recipe == "matching":
        return MatchingObjective(_read_pair_maker(config, datasets), config.loss)
    pairs = TrackPairs(datasets, config.search_side, config.augmentation)
    return SiamRPNObjective(pairs) if config.recipe == "siamrpn" else SiamFCObjective(pairs)


def _read_pair_maker(config: Config, datasets: Sequence[Dataset]) -> PairMaker:
    photographs, cutouts = read_photographs(config.photographs), read_cutouts(config.cutouts)
    sequences = [track for path in config.sequences for track in _read_sequence(path)]
    sequences += [
        track
        for dataset in datasets
        for index in range(len(dataset.videos))
        for track in dataset.videos[index]
    ]
    videos = [track for path in config.videos for track in track_by_flow(path)]
    turning = read_meshes(config.meshes)
    frames = sum(len(sequence.frames) for sequence in sequences)
    log.info(
        "%d photographs, %d cut-outs, %d sequences of %d frames, %d tracks in videos, %d meshes",
        *(len(photographs), len(cutouts), len(sequences), frames, len(videos), len(turning)),
    )
    return PairMaker(
        photographs, cutouts, sequences, config.search_side, config.shares, videos, turning
    )


def _read_sequence(path: Path) -> list[Track]:
    """Read a folder or zip with a groundtruth.csv, or several in a folder."""
    videos = read_frame_tables(path, Tally(), LEAST_SIDE)
    if not (tracks := [track for video in videos for track in video]):
        raise ValueError(f"{path}: no groundtruth.csv with a target in it")
    return tracks


def make_trainer(config: Config) -> pl.Trainer:
    """Set Lightning up: devices, precision, what is written and shown.

    Raises:
        ConfigError: there is no such device, or there are not as many.
    """
    try:
        return _make_trainer(config)
    except MisconfigurationException as error:
        raise ConfigError(f"device={config.device}, devices={config.devices}: {error}") from error


def _make_trainer(config: Config) -> pl.Trainer:
    devices, nodes = _processes(config)
    several = nodes > 1 or devices not in (1, "auto") or torch.cuda.device_count() > 1
    return pl.Trainer(
        accelerator=config.device,
        devices=devices,
        num_nodes=nodes,
        # Layers that are frozen have no gradients for the processes to exchange.
        strategy="ddp_find_unused_parameters_true"
        if several and config.freezing != "none"
        else "auto",
        precision="bf16-mixed" if _half(config) else "32-true",
        max_epochs=config.epochs,
        callbacks=[
            LossTable(config.folder, config.log_every),
            Checkpoints(config.folder, config.checkpoint_every),
            TQDMProgressBar(refresh_rate=1 if os.isatty(2) else 50),
        ],
        logger=_tensorboard(config.folder),
        log_every_n_steps=config.log_every,
        enable_checkpointing=False,  # ours are written whole or not at all
        enable_model_summary=False,
        use_distributed_sampler=False,  # ours divides the pairs by rank itself
        num_sanity_val_steps=0,
    )


def _processes(config: Config) -> tuple[int | str, int]:
    """How many devices on how many machines: by torchrun, else by the configuration."""
    local, world = (os.environ.get(name) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    if local and world:
        return int(local), int(world) // int(local)
    if config.devices == "auto" and config.device != "gpu" and not torch.cuda.is_available():
        return 1, config.nodes
    return config.devices, config.nodes


def _half(config: Config) -> bool:
    """Whether to compute features in bfloat16."""
    if config.precision != "auto":
        return config.precision == "half"
    if config.device != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return half_is_faster(torch.device("cpu"))


def _tensorboard(folder: Path) -> TensorBoardLogger | bool:
    return (
        TensorBoardLogger(str(folder), name="tensorboard", version="")
        if find_spec("tensorboard")
        else False
    )


def draw_pairs(objective: Objective, count: int, seed: int) -> list[dict[str, Any]]:
    """Draw the first pairs of a run."""
    return [objective.sample(np.random.default_rng((seed, number))) for number in range(count)]


def quieten() -> None:
    """Suppress Lightning's messages that are no news here."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*that ended before the epoch.*",
        ".*LeafSpec.*",
    ):
        warnings.filterwarnings("ignore", message)

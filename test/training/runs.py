"""Runs of some seconds: a small network, and small pairs of images that are made here."""

import csv
from pathlib import Path

import cv2
import yaml
from drawn_images import textured

from siamdw_ros.training.config import Config, load_config

RUN = {
    "model": "siamfc_res16",
    "recipe": "matching",
    "learned_scale": True,
    "epochs": 2,
    "pairs_per_epoch": 6,
    "batch": 2,
    "optimizer": {"kind": "adamw", "schedule": "cosine", "rate": 0.001},
    "search_side": 143,
    "device": "cpu",
    "precision": "full",
    "workers": 0,
    "checkpoint_every": 1,
    "log_every": 1,
}


def write_config(folder: Path, **changes: object) -> Path:
    """Write images and a configuration; the run goes to folder/run."""
    photographs = folder / "photographs"
    photographs.mkdir(parents=True)
    for index in range(2):
        cv2.imwrite(str(photographs / f"{index}.png"), textured(index))
    content = {**RUN, "folder": str(folder / "run"), "photographs": [str(photographs)], **changes}
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def make_config(folder: Path, **changes: object) -> Config:
    """Write and read a configuration."""
    return load_config(write_config(folder, **changes), [])


def losses(run: Path) -> list[tuple[int, float]]:
    """Read step and loss of each row of a run's table."""
    with (run / "losses.csv").open(newline="") as file:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]


def train(config: Config) -> Path:
    """Run a training, and import what it needs only now: that takes seconds."""
    from siamdw_ros.training import loop

    loop.quieten()
    return loop.train(config)

"""Readers of annotated data sets, all to one form: videos of tracks (see `tracks`).

Nothing is downloaded: give the folder of a copy that you have.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from siamdw_ros.training.datasets import annotated
from siamdw_ros.training.datasets.coco import read_coco
from siamdw_ros.training.datasets.cropped import read_cropped
from siamdw_ros.training.datasets.davis import read_davis
from siamdw_ros.training.datasets.imagenet_vid import read_imagenet_vid
from siamdw_ros.training.datasets.tracks import Tally, Video, Videos

Format = Literal[
    "got10k",
    "lasot",
    "trackingnet",
    "imagenet_vid",
    "coco",
    "davis",
    "otb",
    "uav",
    "videos",
    "frame_tables",
    "cropped",
]
DEFAULT_SPLITS = {
    "imagenet_vid": "train",
    "coco": "train2017",
    "davis": "480p",
    "cropped": "train",
}


@dataclass(frozen=True)
class Source:
    """A data set to be read.

    format: its layout. path: its folder. split: of imagenet_vid (train, val), coco (train2017),
    davis (480p) and cropped (train). names: a file with the names of the sequences to take, for
    all of them leave it out. share: how often it is drawn from, relative to the others. max_gap:
    frames that a pair may lie apart.
    """

    format: Format
    path: Path
    split: str | None = None
    names: Path | None = None
    share: float = 1.0
    max_gap: int = 100


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set that has been read: where from, its videos, and what was found."""

    source: Source
    videos: Videos
    tally: Tally

    def __str__(self) -> str:
        return f"{self.source.format} {self.source.path}: {len(self.videos)} videos, {self.tally}"


def read_dataset(source: Source, *, progress: bool = False) -> Dataset:
    """Read the annotations of a data set; images stay on disk until they are drawn.

    Raises:
        FileNotFoundError, ValueError: it is missing, or not in its format, or nothing is in it.
    """
    tally = Tally()
    split = DEFAULT_SPLITS.get(source.format, "") if source.split is None else source.split
    names = None if source.names is None else source.names.read_text().split()
    path = source.path
    if source.format == "coco":
        return Dataset(source, read_coco(path, split, tally), tally)
    readers: dict[str, Callable[[], Iterable[Video]]] = {
        "trackingnet": lambda: annotated.read_trackingnet(path, names, tally),
        "imagenet_vid": lambda: read_imagenet_vid(path, split, names, tally),
        "davis": lambda: read_davis(path, split, names, tally),
        "videos": lambda: annotated.read_videos(path, tally),
        "frame_tables": lambda: annotated.read_frame_tables(path, tally),
        "cropped": lambda: read_cropped(path, split, tally),
    }
    if source.format in annotated.SHARED:
        read: Iterable[Video] = annotated.as_videos(
            annotated.SHARED[source.format](path, names), tally
        )
    else:
        read = readers[source.format]()
    videos = tqdm(read, f"reading {source.format}", unit=" videos", disable=not progress)
    found = [video for video in videos if video]
    if not found:
        raise ValueError(f"{path}: nothing to learn from in format {source.format} ({tally})")
    return Dataset(source, found, tally)

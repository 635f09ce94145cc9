"""Data sets that training shares with evaluation, own videos, and TrackingNet."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from siamdw_ros.evaluation import benchmarks
from siamdw_ros.evaluation.annotations import read_targets
from siamdw_ros.evaluation.benchmarks import Names, Sequences
from siamdw_ros.evaluation.frames import FrameFiles, VideoFrames, numbered
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.training.datasets.tracks import MIN_SIDE, Tally, Video, make_track

SHARED: dict[str, Callable[[Path, Names], Sequences]] = {
    "got10k": benchmarks.read_got10k,
    "lasot": benchmarks.read_lasot,
    "otb": benchmarks.read_otb,
    "uav": benchmarks.read_uav123,
}


def as_videos(
    sequences: Iterable[AnnotatedSequence], tally: Tally, min_side: float = MIN_SIDE
) -> Iterator[Video]:
    """Make tracks of sequences that evaluation reads; those of one folder are one video.

    Boxes beyond the last image are left out, as are images beyond the last box.
    """

    def place(sequence: AnnotatedSequence) -> object:
        frames = sequence.frames
        return frames.folder if isinstance(frames, FrameFiles) else sequence.name

    for _, video in groupby(sequences, place):
        yield [track for sequence in video for track in _track(sequence, tally, min_side)]


def _track(sequence: AnnotatedSequence, tally: Tally, min_side: float) -> Video:
    boxes = sequence.boxes[: len(sequence.frames)]
    if not len(boxes):
        tally.unreadable.append(sequence.name)
        return []
    shows = np.asarray(np.isfinite(boxes).all(1))
    return make_track(sequence.name, sequence.frames, boxes, tally, shows, min_side=min_side)


def read_frame_tables(path: Path, tally: Tally, min_side: float = MIN_SIDE) -> Iterator[Video]:
    """Read folders or zips of frames with a groundtruth.csv in each, or one of them."""
    one = list(benchmarks.read_own(path))
    return as_videos(one or benchmarks.read_folder_of_own(path), tally, min_side)


def read_videos(path: Path, tally: Tally) -> Iterator[Video]:
    """Read NAME.mp4 with NAME.csv, everywhere below path, with one target or several.

    Raises:
        ValueError: there are none, or a CSV has other columns.
    """
    videos = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in benchmarks.VIDEOS and file.with_suffix(".csv").is_file()
    ]
    if not videos:
        raise ValueError(f"{path} has no videos with a CSV of the same name beside them")
    for file in videos:
        yield [
            track
            for target, (numbers, boxes) in read_targets(file.with_suffix(".csv")).items()
            for track in make_track(
                f"{file.stem}/{target}".rstrip("/"),
                VideoFrames(file, numbers),
                boxes,
                tally,
                np.asarray(np.isfinite(boxes).all(1)),
                numbers,
            )
        ]


def read_trackingnet(path: Path, names: Names, tally: Tally) -> Iterator[Video]:
    """Read TrackingNet: path holds TRAIN_0, TRAIN_1, ..., or is one of them."""
    found = {f.stem: f for f in sorted(path.glob("anno/*.txt"))}
    found |= {f.stem: f for f in sorted(path.glob("*/anno/*.txt"))}
    for name in names or found:
        if name not in found:
            raise ValueError(f"{path} has no sequence {name}")
        boxes = benchmarks.read_numbers(found[name])
        folder = found[name].parents[1] / "frames" / name
        frames = FrameFiles(folder, numbered("{}.jpg", 0, len(boxes)))
        yield make_track(name, frames, boxes, tally)

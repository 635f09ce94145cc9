"""Reader of data sets that SiamDW's or PySOT's preparation cropped around each target."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.frames import FrameFiles, decode
from siamdw_ros.siamdw.crops import context_side
from siamdw_ros.training.datasets.tracks import Tally, Video, make_track

EXEMPLAR = 127  # pixels that a target with its context has in a crop


def read_cropped(path: Path, split: str, tally: Tally) -> Iterator[Video]:
    """Read path/SPLIT.json and the crops path/VIDEO/FRAME.TRACK.x.jpg (511 x 511 or other).

    The JSON is {video: {track: {frame: [left, top, right, bottom]}}} in the original images;
    only the size counts, because the target is in the middle of its crop.

    Raises:
        FileNotFoundError, ValueError: it is not there, or not like that.
    """
    file = path / f"{split}.json"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: give the folder with the crops, and its name")
    for video, tracks in json.loads(file.read_bytes()).items():
        yield [
            found
            for track, frames in tracks.items()
            for found in _read_track(path / video, track, frames, tally)
        ]


def _read_track(folder: Path, track: str, frames: dict[str, list[float]], tally: Tally) -> Video:
    names = sorted(name for name in frames if name.isdigit())
    if not names:
        return []
    corners = np.array([frames[name] for name in names], float).reshape(len(names), -1)
    sizes = corners[:, 2:] - corners[:, :2] if corners.shape[1] == 4 else corners
    files = [f"{name}.{track}.x.jpg" for name in names]
    return make_track(
        f"{folder.name}/{track}",
        FrameFiles(folder, files),
        _boxes_in_crops(sizes, _side(folder, files)),
        tally,
        numbers=np.array([int(name) for name in names]),
    )


def _side(folder: Path, files: list[str]) -> int:
    """Side of the crops of a track: all are like the first."""
    file = folder / files[0]
    return int(decode(file.read_bytes()).shape[0]) if file.is_file() else 0


def _boxes_in_crops(sizes: NDArray[np.floating], side: int) -> NDArray[np.floating]:
    """Boxes in the middle of square crops in which the context of each is 127 pixels wide."""
    scales = [EXEMPLAR / context_side(size) if (size > 0).all() else np.nan for size in sizes]
    scaled = sizes * np.array(scales)[:, None]
    return np.hstack([side / 2 - scaled / 2, scaled])

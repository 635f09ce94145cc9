"""Data sets whose boxes are lines of text: GOT-10k, LaSOT, TrackingNet, OTB, UAV123."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.training.datasets.frames import ListedFrames, PatternFrames
from siamdw_ros.training.datasets.tracks import Tally, Video, make_track

PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}
OTB_STARTS = {"David": 300}  # annotated from this picture on, counted from 1


def read_got10k(path: Path, names: Iterable[str] | None, tally: Tally) -> Iterator[Video]:
    """Read a subset of GOT-10k, as GOT-10k/train: list.txt and one folder a sequence.

    Frames are left out where absence.label says so, or cover.label that nothing is visible.
    """
    for name in names or _lines(path / "list.txt"):
        folder = path / name
        boxes = read_boxes(folder / "groundtruth.txt")
        shows = np.ones(len(boxes), bool)
        for label, hidden in (("absence.label", 1), ("cover.label", 0)):
            if (folder / label).exists():
                shows &= _flags(folder / label, len(boxes)) != hidden
        yield _numbered(name, f"{folder}/{{:08d}}.jpg", 1, boxes, shows, tally)


def read_lasot(path: Path, names: Iterable[str] | None, tally: Tally) -> Iterator[Video]:
    """Read LaSOT, as published (path/airplane/airplane-1) or with the sequences side by side.

    Frames are left out where full_occlusion.txt or out_of_view.txt say so.
    """
    found = {f.parent.name: f.parent for f in sorted(path.glob("*/groundtruth.txt"))}
    found |= {f.parent.name: f.parent for f in sorted(path.glob("*/*/groundtruth.txt"))}
    for name in names or found:
        folder = _known(found, name, path)
        boxes = read_boxes(folder / "groundtruth.txt")
        shows = np.ones(len(boxes), bool)
        for label in ("full_occlusion.txt", "out_of_view.txt"):
            if (folder / label).exists():
                shows &= _flags(folder / label, len(boxes)) == 0
        yield _numbered(name, f"{folder}/img/{{:08d}}.jpg", 1, boxes, shows, tally)


def read_trackingnet(path: Path, names: Iterable[str] | None, tally: Tally) -> Iterator[Video]:
    """Read TrackingNet: path holds TRAIN_0, TRAIN_1, ..., or is one of them."""
    found = {f.stem: f for f in sorted(path.glob("anno/*.txt"))}
    found |= {f.stem: f for f in sorted(path.glob("*/anno/*.txt"))}
    for name in names or found:
        file = _known(found, name, path)
        pattern = f"{file.parents[1]}/frames/{name}/{{}}.jpg"
        boxes = read_boxes(file)
        yield _numbered(name, pattern, 0, boxes, np.ones(len(boxes), bool), tally)


def read_otb(path: Path, names: Iterable[str] | None, tally: Tally) -> Iterator[Video]:
    """Read folders like OTB's: path/NAME/groundtruth_rect.txt (or .1.txt, .2.txt) and NAME/img.

    Boxes are 1-based. A file with fewer boxes than there are pictures is of the first ones, but
    for David's. An empty file, as Human4 has one, is no target.
    """
    files = sorted(path.glob("*/groundtruth_rect*.txt"))
    for name in names or sorted({file.parent.name for file in files}):
        of_this = [file for file in files if file.parent.name == name]
        if not of_this:
            raise ValueError(f"{path} has no {name}/groundtruth_rect.txt")
        start = OTB_STARTS.get(name, 1)
        yield [
            track
            for file in of_this
            for track in _listed(name, path / name / "img", file, tally, start)
        ]


def read_uav(path: Path, names: Iterable[str] | None, tally: Tally) -> Iterator[Video]:
    """Read folders like UAV123's: path/anno/NAME.txt (or anno/UAV123) and path/NAME, data_seq/...

    Boxes are 1-based, NaN where the target does not show. Of a film that is cut into several
    sequences (bird1_1, bird1_2) the first is read; where the others begin no file tells.
    """
    found = {f.stem: f for f in sorted(path.glob("anno/**/*.txt")) if f.parent.name != "att"}
    folders = {f.name: f for f in sorted(path.glob("data_seq/**/"))}
    for name in names or found:
        file = _known(found, name, path)
        film = name.removesuffix("_1")
        folder = next((folders[f] for f in (name, film) if f in folders), path / film)
        yield _listed(name, folder, file, tally)


def read_boxes(file: Path) -> NDArray[np.float64]:
    """Read lines of x, y, w, h, separated by commas, tabs or blanks: N x 4.

    Raises:
        FileNotFoundError, ValueError: there is no such file, or something else in it.
    """
    text = file.read_text().replace(",", " ").replace("\t", " ")
    if not text.strip():
        return np.empty((0, 4))
    try:
        boxes = np.loadtxt(io.StringIO(text), ndmin=2)
    except ValueError as error:
        raise ValueError(f"{file}: not lines of numbers x, y, w, h: {error}") from error
    if boxes.shape[1] != 4:
        raise ValueError(f"{file}: {boxes.shape[1]} numbers in a line, expected x, y, w, h")
    return boxes


def _numbered(
    name: str,
    pattern: str,
    first: int,
    boxes: NDArray[np.float64],
    shows: NDArray[np.bool_],
    tally: Tally,
) -> Video:
    """Make a track of files that are numbered from `first` on."""
    numbers = np.arange(first, first + len(boxes), dtype=np.int32)
    return make_track(
        name,
        lambda kept: PatternFrames(pattern, numbers[kept]),
        boxes,
        tally,
        shows=shows,
        numbers=numbers,
    )


def _listed(name: str, folder: Path, file: Path, tally: Tally, start: int = 1) -> Video:
    """Make a track of a folder's pictures in the order of their names, from 1-based boxes."""
    boxes = read_boxes(file) - (1, 1, 0, 0)
    if not folder.is_dir():
        tally.unreadable.append(name)
        return []
    pictures = sorted(f.name for f in folder.iterdir() if f.suffix.lower() in PICTURES)
    if len(boxes) < len(pictures):
        pictures = pictures[start - 1 :]
    boxes = boxes[: len(pictures)]
    return make_track(
        name,
        lambda kept: ListedFrames(folder, [pictures[i] for i in kept]),
        boxes,
        tally,
        shows=np.asarray(np.isfinite(boxes).all(1)),
    )


def _flags(file: Path, count: int) -> NDArray[np.float64]:
    """Read one number a frame, in lines or in one line with commas."""
    flags = np.array(file.read_text().replace(",", " ").split(), float)
    if len(flags) != count:
        raise ValueError(f"{file}: {len(flags)} entries for {count} boxes")
    return flags


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: give the folder that holds it as path")
    return file.read_text().split()


def _known(found: dict[str, Path], name: str, path: Path) -> Path:
    if name not in found:
        raise ValueError(f"{path} has no sequence {name}")
    return found[name]

"""Find sequences in the folders of the benchmarks, as they are unpacked, and in our own."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.annotations import read_annotation
from siamdw_ros.evaluation.sequences import (
    PICTURES,
    Boxes,
    PictureFiles,
    Sequence,
    VideoFile,
    ZippedPictures,
)
from siamdw_ros.evaluation.uav123 import ATTRIBUTES as UAV123_ATTRIBUTES
from siamdw_ros.evaluation.uav123 import STARTS as UAV123_STARTS

VIDEOS = (".mp4", ".avi", ".mkv", ".webm", ".mov")
# OTB leaves out parts of these films: first and last frame, counted from 1.
OTB_RANGES = {
    "David": (300, 770),
    "Football1": (1, 74),
    "Freeman3": (1, 460),
    "Freeman4": (1, 283),
    "Diving": (1, 215),
}
OTB_ATTRIBUTES = ("IV", "OPR", "SV", "OCC", "DEF", "MB", "FM", "IPR", "OV", "BC", "LR")
LAYOUTS = """\
a video or folder of pictures with a CSV of its name beside it (frame,x,y,w,h),
a folder or zip of pictures with a groundtruth.csv (file,x,y,w,h),
OTB (NAME/img, NAME/groundtruth_rect.txt), GOT-10k (list.txt, NAME/groundtruth.txt, *.label),
VOT up to 2019 (list.txt, NAME/groundtruth.txt, *.tag), LaSOT (CLASS/NAME/img, groundtruth.txt),
UAV123 (anno/UAV123, data_seq/UAV123), or a folder of several of the first two"""


def find_sequences(path: Path) -> list[Sequence]:
    """Read the sequence at `path`, or all of the benchmark there, in a fixed order.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: no known layout, or files of it that contradict each other.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    readers = (_clip, _table, _uav123, _otb, _lasot, _got10k, _vot, _several)
    for reader in readers:
        if sequences := list(reader(path)):
            return sequences
    raise ValueError(f"{path}: no annotated sequence in it. Known are:\n{LAYOUTS}")


def _clip(path: Path) -> Iterator[Sequence]:
    """A video, or a folder of pictures, with a CSV beside it."""
    annotation = path.with_suffix(".csv")
    if path.is_file() and path.suffix.lower() in VIDEOS and annotation.is_file():
        yield Sequence(path.stem, VideoFile(path), np.array(read_annotation(annotation)))
    elif path.is_dir() and annotation.is_file() and (pictures := _pictures(path)):
        yield _of_pictures(path.name, pictures, np.array(read_annotation(annotation)))


def _table(path: Path) -> Iterator[Sequence]:
    """A folder or zip of pictures with a groundtruth.csv."""
    if path.is_dir() and (path / "groundtruth.csv").is_file():
        names, boxes = _read_table((path / "groundtruth.csv").read_text())
        files = PictureFiles(tuple(path / name for name in names))
        if missing := [file for file in files.paths if not file.is_file()]:
            raise ValueError(f"{path}: groundtruth.csv names {missing[0].name}, not there")
        yield Sequence(path.name, files, boxes)
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "groundtruth.csv" not in archive.namelist():
                return
            names, boxes = _read_table(archive.read("groundtruth.csv").decode())
            if lost := sorted(set(names) - set(archive.namelist())):
                raise ValueError(f"{path}: groundtruth.csv names {lost[0]}, which is not there")
        yield Sequence(path.stem, ZippedPictures(path, tuple(names)), boxes)


def _read_table(text: str) -> tuple[list[str], Boxes]:
    rows = list(csv.DictReader(line for line in io.StringIO(text) if not line.startswith("#")))
    boxes = [[float(row[key]) for key in "xywh"] for row in rows]
    return [row["file"] for row in rows], _absent_as_nan(np.array(boxes).reshape(-1, 4))


def _several(path: Path) -> Iterator[Sequence]:
    """A folder of clips, of zips or folders with a groundtruth.csv."""
    if path.is_dir():
        for child in sorted(path.iterdir()):
            yield from _clip(child)
            yield from _table(child)


def _otb(path: Path) -> Iterator[Sequence]:
    for folder in _folders(path, lambda f: (f / "img").is_dir() and _otb_annotations(f)):
        annotations = _otb_annotations(folder)
        for number, annotation in enumerate(annotations, start=1):
            boxes = _numbers(annotation)
            first, last = OTB_RANGES.get(folder.name, (1, None))
            pictures = _pictures(folder / "img")[first - 1 : last]
            if len(boxes) > len(pictures):  # the annotation covers the whole film
                boxes = boxes[first - 1 : last]
            name = folder.name if len(annotations) == 1 else f"{folder.name}.{number}"
            attributes = _flags(folder.parent / "anno" / "att", folder.name, OTB_ATTRIBUTES)
            yield _of_pictures(name, pictures, boxes, attributes)


def _otb_annotations(folder: Path) -> list[Path]:
    """One file a target; Human4 has an empty one beside the true one."""
    return [f for f in sorted(folder.glob("groundtruth_rect*.txt")) if f.read_text().strip()]


def _uav123(path: Path) -> Iterator[Sequence]:
    annotations = path / "anno" / "UAV123"
    for annotation in sorted(annotations.glob("*.txt")):
        name, boxes = annotation.stem, _numbers(annotation)
        pictures = path / "data_seq" / "UAV123"
        folder = pictures / name if (pictures / name).is_dir() else pictures / name.split("_")[0]
        start = UAV123_STARTS.get(name, 1) - 1
        chosen = _pictures(folder)[start : start + len(boxes)]
        yield _of_pictures(
            name, chosen, boxes, _flags(annotations / "att", name, UAV123_ATTRIBUTES)
        )


def _lasot(path: Path) -> Iterator[Sequence]:
    def is_lasot(folder: Path) -> bool:
        return (folder / "img").is_dir() and (folder / "groundtruth.txt").is_file()

    for parent in _folders(path, lambda f: is_lasot(f) or any(map(is_lasot, _children(f)))):
        for folder in _folders(parent, is_lasot):
            boxes = _numbers(folder / "groundtruth.txt")
            for label in ("full_occlusion.txt", "out_of_view.txt"):
                boxes[_labels(folder / label, len(boxes)) > 0] = np.nan
            yield _of_pictures(folder.name, _pictures(folder / "img"), boxes)


def _got10k(path: Path) -> Iterator[Sequence]:
    def is_got10k(folder: Path) -> bool:
        known = (folder / "absence.label").is_file() or folder.name.startswith("GOT-10k_")
        return known and (folder / "groundtruth.txt").is_file()

    for folder in _listed(path, is_got10k):
        boxes, pictures = _numbers(folder / "groundtruth.txt"), _pictures(folder)
        hidden = len(boxes) == 1 < len(pictures)
        if hidden:
            boxes = np.vstack([boxes, np.full((len(pictures) - 1, 4), np.nan)])
        elif (folder / "cover.label").is_file():  # the toolkit counts frames with cover > 0
            boxes[_labels(folder / "cover.label", len(boxes)) == 0] = np.nan
        else:
            boxes[_labels(folder / "absence.label", len(boxes)) > 0] = np.nan
        yield Sequence(
            folder.name, PictureFiles(tuple(pictures)), boxes, form="got10k", hidden=hidden
        )


def _vot(path: Path) -> Iterator[Sequence]:
    for folder in _listed(path, lambda f: (f / "groundtruth.txt").is_file()):
        annotation = folder / "groundtruth.txt"
        if annotation.read_text().lstrip().startswith("m"):
            raise ValueError(f"{folder}: annotated with masks (VOT2020 on); use the TraX entry")
        regions = _numbers(annotation, columns=(4, 8))
        corners = regions.reshape(-1, 4, 2) if regions.shape[1] == 8 else None
        boxes = regions if corners is None else box_of_polygon(corners)
        tags = {
            tag.stem: _labels(tag, len(boxes)) > 0
            for tag in sorted([*folder.glob("*.tag"), *folder.glob("*.label")])
        }
        colour = folder / "color"
        pictures = _pictures(colour if colour.is_dir() else folder)
        yield Sequence(
            folder.name,
            PictureFiles(tuple(pictures)),
            _absent_as_nan(boxes),
            form="vot",
            polygons=corners,
            attributes=tags,
        )


def box_of_polygon(corners: Boxes) -> Boxes:
    """Box of a four-cornered region with its centre and area: N x 4 x 2 -> N x 4.

    As VOT's example trackers and SiamDW start: the bounding box, shrunk about the mean of the
    corners until it has the area of the region, plus one pixel.
    """
    center = corners.mean(axis=1)
    extent = corners.max(axis=1) - corners.min(axis=1)
    sides = [np.linalg.norm(corners[:, i] - corners[:, i + 1], axis=1) for i in (0, 1)]
    area = np.maximum(extent.prod(axis=1), np.finfo(float).tiny)
    size = np.sqrt(sides[0] * sides[1] / area)[:, None] * extent + 1
    return np.hstack([center - size / 2, size])


def _of_pictures(
    name: str, pictures: list[Path], boxes: Boxes, attributes: Iterable[str] = ()
) -> Sequence:
    """Put a sequence together whose results are written as OTB's."""
    if len(pictures) != len(boxes):
        raise ValueError(f"{name}: {len(boxes)} boxes for {len(pictures)} pictures")
    everywhere = np.ones(len(boxes), bool)
    held = dict.fromkeys(attributes, everywhere)
    return Sequence(name, PictureFiles(tuple(pictures)), _absent_as_nan(boxes), attributes=held)


def _children(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def _folders(path: Path, wanted: Callable[[Path], object]) -> list[Path]:
    """`path` itself, or those folders in it, that are wanted."""
    return [path] if wanted(path) else [child for child in _children(path) if wanted(child)]


def _listed(path: Path, wanted: Callable[[Path], object]) -> list[Path]:
    """The same, in the order and the choice of list.txt, where there is one."""
    listed = path / "list.txt"
    if not listed.is_file():
        return _folders(path, wanted)
    return [f for f in (path / name for name in listed.read_text().split()) if wanted(f)]


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder of pictures")
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURES)


def _numbers(file: Path, columns: tuple[int, ...] = (4,)) -> Boxes:
    """Read a table of numbers, separated by commas, tabs or spaces."""
    try:
        table = np.loadtxt(io.StringIO(file.read_text().replace(",", " ")), float, ndmin=2)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if table.shape[1] not in columns:
        wanted = " or ".join(map(str, columns))
        raise ValueError(f"{file}: {table.shape[1]} numbers a line, expected {wanted}")
    return table


def _labels(file: Path, count: int) -> NDArray[np.float64]:
    """Read one number a frame; zeros for what is missing, as VOT's short tag files mean it."""
    values = np.zeros(count)
    if file.is_file():
        read = np.array(file.read_text().replace(",", " ").split(), float)[:count]
        values[: len(read)] = read
    return values


def _flags(folder: Path, name: str, attributes: tuple[str, ...]) -> list[str]:
    """Names of the attributes that a file of zeros and ones gives a sequence."""
    for file in (folder / f"{name}.txt", folder / f"{name.lower()}.txt"):
        if file.is_file():
            flags = _labels(file, len(attributes))
            return [attribute for attribute, flag in zip(attributes, flags, strict=True) if flag]
    return []


def _absent_as_nan(boxes: Boxes) -> Boxes:
    """Benchmarks mark an absent target with nan, or with a box that has no area."""
    present = (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    return np.where(present[:, None], boxes, np.nan)

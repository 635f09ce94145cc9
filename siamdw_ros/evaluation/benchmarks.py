"""Find sequences in the folders of the benchmarks, as they are unpacked, and in our own.

Each reader yields the sequences of one layout, and nothing where it does not find that layout.
Boxes are 0-based, whatever the benchmark's files count from. Training uses the same readers.
"""

import io
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.annotations import parse_file_boxes, read_annotation
from siamdw_ros.evaluation.frames import (
    IMAGES,
    FrameFiles,
    Frames,
    VideoFrames,
    ZippedFrames,
    numbered,
)
from siamdw_ros.evaluation.sequences import AnnotatedSequence, Boxes

Names = Collection[str] | None  # names of the sequences to read; None: all
Sequences = Iterator[AnnotatedSequence]

VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v"}
TABLE = "groundtruth.csv"
# OTB leaves out parts of these videos: first and last frame, counted from 1.
OTB_RANGES = {
    "David": (300, 770),
    "Football1": (1, 74),
    "Freeman3": (1, 460),
    "Freeman4": (1, 283),
    "Diving": (1, 215),
}
OTB_ATTRIBUTES = ("IV", "OPR", "SV", "OCC", "DEF", "MB", "FM", "IPR", "OV", "BC", "LR")
# UAV123 cuts videos into parts; where the later ones start, counted from 1, stands in its MATLAB
# script configSeqs.m only (Mueller et al., ECCV 2016).
UAV123_STARTS = {
    f"{video}_{part}": start
    for video, starts in {
        "bird1": (775, 1573),
        "car1": (751, 1627),
        "car6": (487, 1807, 2953, 3925),
        "car8": (1357,),
        "car16": (415,),
        "group1": (1333, 2515, 3925),
        "group2": (907, 1771),
        "group3": (1567, 2827, 4369),
        "person2": (1189,),
        "person4": (1501,),
        "person5": (877,),
        "person7": (1249,),
        "person8": (1075,),
        "person12": (601,),
        "person14": (847, 1813),
        "person17": (1501,),
        "person19": (1243, 2791),
        "truck4": (577,),
        "uav1": (1555, 2473),
    }.items()
    for part, start in enumerate(starts, start=2)
}
# In the order of the columns of anno/UAV123/att/NAME.txt.
UAV123_ATTRIBUTES = (
    *("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB"),
)
LAYOUTS = """\
a video or folder of images with a CSV of its name beside it (frame,x,y,w,h),
a folder or zip of images with a groundtruth.csv (file,x,y,w,h),
OTB (NAME/img, NAME/groundtruth_rect.txt), GOT-10k (list.txt, NAME/groundtruth.txt, *.label),
VOT up to 2019 (list.txt, NAME/groundtruth.txt, *.tag), LaSOT (CLASS/NAME/img, groundtruth.txt),
UAV123 (anno/UAV123, data_seq/UAV123), or a folder of several of the first two"""


def find_sequences(path: Path) -> list[AnnotatedSequence]:
    """Read the sequence at `path`, or all of the benchmark there, in a fixed order.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: no known layout, or files of it that contradict each other.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    readers: tuple[Callable[[Path], Sequences], ...] = (
        *(read_own, read_uav123, read_otb, read_lasot, read_got10k, read_vot),
        read_folder_of_own,
    )
    for reader in readers:
        if sequences := [_checked(sequence) for sequence in reader(path)]:
            return sequences
    raise ValueError(f"{path}: no annotated sequence in it. Known are:\n{LAYOUTS}")


def _checked(sequence: AnnotatedSequence) -> AnnotatedSequence:
    """Return a sequence that can be evaluated: boxes without area become nan.

    Raises:
        ValueError: images and boxes do not match, or there is no box to start from.
    """
    name, boxes, frames = sequence.name, sequence.boxes, sequence.frames
    if isinstance(frames, FrameFiles | ZippedFrames) and len(frames) != len(boxes):
        raise ValueError(f"{name}: {len(boxes)} boxes for {len(frames)} images")
    present = (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    if not len(present) or not present[0]:
        raise ValueError(f"{name}: the first frame needs a box to start from")
    return replace(sequence, boxes=np.where(present[:, None], boxes, np.nan))


def read_own(path: Path) -> Sequences:
    """Read a video or folder of images with a CSV beside it, or a folder or zip with a table."""
    annotation = path.with_suffix(".csv")
    if annotation.is_file() and (path.is_dir() or path.suffix.lower() in VIDEOS):
        frames = _files(path) if path.is_dir() else VideoFrames(path)
        yield AnnotatedSequence(path.stem, frames, np.array(read_annotation(annotation)))
    elif (path / TABLE).is_file():
        names, boxes = _read_table((path / TABLE).read_text(), path)
        _check_names(path, names, {name for name in names if (path / name).is_file()})
        yield AnnotatedSequence(path.name, FrameFiles(path, names), boxes)
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            there = set(archive.namelist())
            if TABLE not in there:
                return
            names, boxes = _read_table(archive.read(TABLE).decode(), path)
        _check_names(path, names, there)
        yield AnnotatedSequence(path.stem, ZippedFrames(path, names), boxes)


def read_folder_of_own(path: Path) -> Sequences:
    """Read several of these that lie in a folder."""
    for child in sorted(path.iterdir()) if path.is_dir() else ():
        yield from read_own(child)


def _check_names(path: Path, names: Collection[str], there: set[str]) -> None:
    if lost := sorted(set(names) - there):
        raise ValueError(f"{path}: {TABLE} names {lost[0]}, which is not there")


def _read_table(text: str, path: Path) -> tuple[list[str], Boxes]:
    table = parse_file_boxes(text, path / TABLE)
    return [name for name, _ in table], np.array([box for _, box in table]).reshape(-1, 4)


def read_otb(path: Path, names: Names = None) -> Sequences:
    """Read OTB: NAME/img and NAME/groundtruth_rect.txt, or .1.txt, .2.txt for several targets."""
    for folder in _chosen(_folders(path, _otb_annotations), names, path):
        annotations = _otb_annotations(folder)
        first, last = OTB_RANGES.get(folder.name, (1, None))
        images = _files(folder / "img")
        frames = FrameFiles(images.folder, images.names[first - 1 : last])
        attributes = _flags(folder.parent / "anno" / "att", folder.name, OTB_ATTRIBUTES)
        for number, annotation in enumerate(annotations, start=1):
            boxes = _one_based(annotation)
            if len(boxes) > len(frames):  # the annotation covers the whole video
                boxes = boxes[first - 1 : last]
            name = folder.name if len(annotations) == 1 else f"{folder.name}.{number}"
            yield _with_attributes(name, frames, boxes, attributes)


def _otb_annotations(folder: Path) -> list[Path]:
    """One file per target; Human4 has an empty one beside the true one."""
    return [f for f in sorted(folder.glob("groundtruth_rect*.txt")) if f.read_text().strip()]


def read_uav123(path: Path, names: Names = None) -> Sequences:
    """Read UAV123: anno/UAV123/NAME.txt and data_seq/UAV123/NAME; or anno/NAME.txt and NAME."""
    inner = "UAV123" if (path / "anno" / "UAV123").is_dir() else ""
    annotations = path / "anno" / inner
    root = path / "data_seq" / inner if (path / "data_seq").is_dir() else path
    for annotation in _chosen(sorted(annotations.glob("*.txt")), names, path):
        name, boxes = annotation.stem, _one_based(annotation)
        video, _, part = name.rpartition("_")
        if (root / name).is_dir():
            frames = _files(root / name)
        elif part == "1" or name in UAV123_STARTS:
            start = UAV123_STARTS.get(name, 1) - 1
            images = _files(root / video)
            frames = FrameFiles(images.folder, images.names[start : start + len(boxes)])
        else:
            frames = FrameFiles(root / name, [])
        yield _with_attributes(
            name, frames, boxes, _flags(annotations / "att", name, UAV123_ATTRIBUTES)
        )


def read_lasot(path: Path, names: Names = None) -> Sequences:
    """Read LaSOT: CLASS/NAME/img and groundtruth.txt; or a class, or one sequence."""
    annotations = (
        file
        for depth in ("", "*/", "*/*/")
        for file in sorted(path.glob(f"{depth}groundtruth.txt"))
    )
    folders = [file.parent for file in annotations if (file.parent / "img").is_dir()]
    for folder in _chosen(folders, names, path):
        boxes = read_numbers(folder / "groundtruth.txt")
        for label in ("full_occlusion.txt", "out_of_view.txt"):
            boxes[_labels(folder / label, len(boxes)) > 0] = np.nan
        frames = FrameFiles(folder / "img", numbered("{:08d}.jpg", 1, len(boxes)))
        yield AnnotatedSequence(folder.name, frames, boxes)


def read_got10k(path: Path, names: Names = None) -> Sequences:
    """Read GOT-10k: a subset's list.txt and folders with groundtruth.txt and labels.

    The toolkit counts frames with cover above 0; absent ones have none.
    """

    def is_got10k(folder: Path) -> bool:
        known = (folder / "absence.label").is_file() or folder.name.startswith("GOT-10k_")
        return known and (folder / "groundtruth.txt").is_file()

    for folder in _chosen(_listed(path, is_got10k), names, path):
        boxes = read_numbers(folder / "groundtruth.txt")
        hidden = "_Test_" in folder.name and len(boxes) == 1
        if hidden:
            others = len(_files(folder)) - 1
            boxes = np.vstack([boxes, np.full((others, 4), np.nan)])
        boxes[_labels(folder / "absence.label", len(boxes)) > 0] = np.nan
        if (folder / "cover.label").is_file():
            boxes[_labels(folder / "cover.label", len(boxes)) == 0] = np.nan
        frames = FrameFiles(folder, numbered("{:08d}.jpg", 1, len(boxes)))
        yield AnnotatedSequence(folder.name, frames, boxes, form="got10k", hidden=hidden)


def read_vot(path: Path) -> Sequences:
    """Read VOT 2013 to 2019: list.txt and folders with groundtruth.txt, boxes or corners."""
    for folder in _listed(path, lambda f: (f / "groundtruth.txt").is_file()):
        annotation = folder / "groundtruth.txt"
        if annotation.read_text().lstrip().startswith("m"):
            raise ValueError(f"{folder}: annotated with masks (VOT2020 on); use the TraX entry")
        regions = read_numbers(annotation, columns=(4, 8))
        corners = regions.reshape(-1, 4, 2) if regions.shape[1] == 8 else None
        colour = folder / "color"
        yield AnnotatedSequence(
            folder.name,
            _files(colour if colour.is_dir() else folder),
            regions if corners is None else box_of_polygon(corners),
            form="vot",
            polygons=corners,
            attributes={
                tag.stem: _labels(tag, len(regions)) > 0
                for tag in sorted([*folder.glob("*.tag"), *folder.glob("*.label")])
            },
        )


def box_of_polygon(corners: Boxes) -> Boxes:
    """Return the box of a four-cornered region with its centre and area: N x 4 x 2 -> N x 4.

    As VOT's example trackers and SiamDW start: the bounding box, shrunk about the mean of the
    corners until it has the area of the region, plus one pixel.
    """
    center = corners.mean(axis=1)
    extent = corners.max(axis=1) - corners.min(axis=1)
    sides = [np.linalg.norm(corners[:, i] - corners[:, i + 1], axis=1) for i in (0, 1)]
    area = np.maximum(extent.prod(axis=1), np.finfo(float).tiny)
    size = np.sqrt(sides[0] * sides[1] / area)[:, None] * extent + 1
    return np.hstack([center - size / 2, size])


def _with_attributes(
    name: str, frames: Frames, boxes: Boxes, attributes: Iterable[str]
) -> AnnotatedSequence:
    """Make a sequence of OTB or UAV123, whose files count pixels from 1."""
    held = dict.fromkeys(attributes, np.ones(len(boxes), bool))
    return AnnotatedSequence(name, frames, boxes, origin=1, attributes=held)


def _children(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def _folders(path: Path, wanted: Callable[[Path], object]) -> list[Path]:
    """Return `path` itself, or those folders in it, that are wanted."""
    return [path] if wanted(path) else [child for child in _children(path) if wanted(child)]


def _listed(path: Path, wanted: Callable[[Path], object]) -> list[Path]:
    """Return the same, in the order and the choice of list.txt, where there is one."""
    listed = path / "list.txt"
    if not listed.is_file():
        return _folders(path, wanted)
    return [f for f in (path / name for name in listed.read_text().split()) if wanted(f)]


def _chosen(places: Iterable[Path], names: Names, path: Path) -> Iterable[Path]:
    """Return the files or folders with these names.

    Raises:
        ValueError: there is none of a name.
    """
    if names is None:
        return places
    found = {place.stem if place.is_file() else place.name: place for place in places}
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"{path} has no sequence {missing[0]}")
    return [found[name] for name in names]


def _files(folder: Path) -> FrameFiles:
    """Return the images of a folder in the order of their names, none if there is no folder."""
    files = folder.iterdir() if folder.is_dir() else ()
    return FrameFiles(folder, sorted(f.name for f in files if f.suffix.lower() in IMAGES))


def _one_based(file: Path) -> Boxes:
    """Read boxes whose first pixel is (1, 1); ours is (0, 0)."""
    return read_numbers(file) - (1, 1, 0, 0)


def read_numbers(file: Path, columns: tuple[int, ...] = (4,)) -> Boxes:
    """Read a table of numbers, separated by commas, tabs or spaces.

    Raises:
        ValueError: something else is in the file.
    """
    try:
        table = np.loadtxt(io.StringIO(file.read_text().replace(",", " ")), float, ndmin=2)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if table.shape[1] not in columns:
        wanted = " or ".join(map(str, columns))
        raise ValueError(f"{file}: {table.shape[1]} numbers a line, expected {wanted}")
    return table


def _labels(file: Path, count: int) -> NDArray[np.float64]:
    """Read one number per frame; zeros for what is missing, as VOT's short tag files mean it."""
    values = np.zeros(count)
    if file.is_file():
        read = np.array(file.read_text().replace(",", " ").split(), float)[:count]
        values[: len(read)] = read
    return values


def _flags(folder: Path, name: str, attributes: tuple[str, ...]) -> list[str]:
    """Return the attributes that a file of zeros and ones gives a sequence."""
    for file in (folder / f"{name}.txt", folder / f"{name.lower()}.txt"):
        if file.is_file():
            flags = _labels(file, len(attributes))
            return [attribute for attribute, flag in zip(attributes, flags, strict=True) if flag]
    return []

"""DAVIS and data sets like it: a mask per frame, in which each object has a colour."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.frames import FrameFiles
from siamdw_ros.training.datasets.tracks import Tally, Video, make_track

NOTHING, VOID = 0x000000, 0xC0E0E0  # blue, green, red: background, and not annotated


def read_davis(
    path: Path, split: str, names: Iterable[str] | None, tally: Tally
) -> Iterator[Video]:
    """Read path/JPEGImages/SPLIT/NAME and path/Annotations/SPLIT/NAME; split is 480p, or empty.

    Masks may have a palette (DAVIS 2017, YouTube-VOS) or be grey (DAVIS 2016); the box of an
    object is what its mask spans. An object without a pixel in a frame is absent there.
    """
    root = path / "Annotations" / split
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is missing: give the folder that holds Annotations")
    for name in names or sorted(f.name for f in root.iterdir() if f.is_dir()):
        yield _read_masks(name, root / name, path / "JPEGImages" / split / name, tally)


def _read_masks(name: str, annotations: Path, images: Path, tally: Tally) -> Video:
    masks = sorted(annotations.glob("*.png"))
    found: dict[int, dict[int, tuple[int, ...]]] = defaultdict(dict)
    for number, file in enumerate(masks):
        for color, box in _boxes_by_color(file).items():
            found[color][number] = box
    nowhere = (np.nan,) * 4
    return [
        track
        for index, boxes in enumerate(found.values(), start=1)
        for track in make_track(
            f"{name}/{index}",
            FrameFiles(images, [f"{mask.stem}.jpg" for mask in masks]),
            np.array([boxes.get(i, nowhere) for i in range(len(masks))]),
            tally,
            shows=np.array([i in boxes for i in range(len(masks))]),
        )
    ]


def _boxes_by_color(file: Path) -> dict[int, tuple[int, ...]]:
    mask = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if mask is None:
        raise ValueError(f"{file}: not an image that OpenCV can read")
    codes: NDArray[np.uint32] = mask.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    return {
        int(code): tuple(cv2.boundingRect((codes == code).astype(np.uint8)))
        for code in np.unique(codes)
        if code not in (NOTHING, VOID)
    }

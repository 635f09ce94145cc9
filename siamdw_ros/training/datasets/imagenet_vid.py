"""ImageNet VID: one XML file per frame."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from siamdw_ros.evaluation.frames import FrameFiles, Numbered
from siamdw_ros.training.datasets.tracks import Tally, Video, make_track


def read_imagenet_vid(
    path: Path, split: str, names: Iterable[str] | None, tally: Tally
) -> Iterator[Video]:
    """Read path/Annotations/VID/SPLIT and path/Data/VID/SPLIT, path being ILSVRC2015.

    Snippets lie one folder deeper in train (ILSVRC2015_VID_train_0000/...) than in val.
    """
    root = path / "Annotations" / "VID" / split
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is missing: give ILSVRC2015 as path, and train or val")
    wanted = None if names is None else set(names)
    for folder in sorted(f for f in root.glob("**/") if f != root):
        if wanted is None or folder.name in wanted:
            inner = folder.relative_to(root)
            yield _read_snippet(folder, path / "Data" / "VID" / split / inner, tally)


def _read_snippet(annotations: Path, images: Path, tally: Tally) -> Video:
    """Collect the boxes of each track id; a target is not listed in frames that it is not in."""
    boxes: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    numbers: dict[str, list[int]] = defaultdict(list)
    for file in sorted(annotations.glob("*.xml")):
        for element in ElementTree.parse(file).iter("object"):
            left, top, right, bottom = (
                float(element.findtext(f"bndbox/{side}", "nan"))
                for side in ("xmin", "ymin", "xmax", "ymax")
            )
            identity = element.findtext("trackid", "0")
            boxes[identity].append((left, top, right - left, bottom - top))
            numbers[identity].append(int(file.stem))
    return [
        track
        for identity in boxes
        for track in make_track(
            f"{annotations.name}/{identity}",
            FrameFiles(images, Numbered("{:06d}.JPEG", np.array(numbers[identity]))),
            np.array(boxes[identity]),
            tally,
            numbers=np.array(numbers[identity]),
        )
    ]

"""COCO: still images with several objects each, a million in all."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.frames import FrameFiles
from siamdw_ros.training.datasets.tracks import MIN_SIDE, Boxes, Tally, Track, Video


@dataclass(frozen=True, eq=False)
class Stills:
    """Images as videos of one frame, made when asked for: a million objects stay arrays.

    Attributes:
        folder: of the images.
        names: I, their files.
        starts: I + 1, where the boxes of each begin.
        boxes: N x 4.
    """

    folder: Path
    names: list[str]
    starts: NDArray[np.integer]
    boxes: Boxes

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Video:
        frames = FrameFiles(self.folder, [self.names[index]])
        start, end = self.starts[index : index + 2]
        return [
            Track(self.names[index], frames, self.boxes[i : i + 1], np.zeros(1, np.int32))
            for i in range(start, end)
        ]


def read_coco(path: Path, split: str, tally: Tally) -> Stills:
    """Read path/annotations/instances_SPLIT.json and path/SPLIT.

    Crowds are left out, counted as degenerate, as are boxes without an area.

    Raises:
        FileNotFoundError, ValueError: one of them is missing, or not what COCO has.
    """
    file = path / "annotations" / f"instances_{split}.json"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: give COCO's folder as path, and its split")
    try:
        content = json.loads(file.read_bytes())
        names = {image["id"]: image["file_name"] for image in content["images"]}
        boxes = _boxes_by_image(content["annotations"], tally)
        chosen = [name for identity, name in names.items() if identity in boxes]
        lists = [boxes[identity] for identity in names if identity in boxes]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: not COCO's instances: {error!r}") from error
    if chosen and not (path / split / chosen[0]).is_file():
        raise FileNotFoundError(f"{path / split / chosen[0]} is missing: unpack the images")
    tally.frames += sum(map(len, lists))
    starts = np.cumsum([0, *map(len, lists)])
    return Stills(
        path / split,
        chosen,
        starts,
        np.array([box for boxes in lists for box in boxes], np.float32),
    )


def _boxes_by_image(annotations: list[Any], tally: Tally) -> dict[int, list[list[float]]]:
    boxes: dict[int, list[list[float]]] = defaultdict(list)
    for annotation in annotations:
        if annotation.get("iscrowd") or min(annotation["bbox"][2:]) < MIN_SIDE:
            tally.degenerate += 1
        else:
            boxes[annotation["image_id"]].append(annotation["bbox"])
    return boxes

"""A tracker with scripted results, and sequences of blank images."""

from pathlib import Path

import cv2
import numpy as np

from siamdw_ros.evaluation.frames import Frames
from siamdw_ros.evaluation.sequences import AnnotatedSequence, Boxes, Form
from siamdw_ros.siamdw import State, TrackResult
from siamdw_ros.siamdw.crops import Box, Image

SIZE = (100, 80)


class Blank(Frames):
    """Frames without anything on them, numbered by their grey value."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> bytes:
        image = np.full((SIZE[1], SIZE[0], 3), index, np.uint8)
        return cv2.imencode(".bmp", image)[1].tobytes()

    def take(self, chosen: np.ndarray) -> "Blank":
        raise NotImplementedError

    def name(self, index: int) -> str:
        return str(index)


class Scripted:
    """Says the box and the state that belong to the grey value of the image."""

    def __init__(self, boxes: dict[int, Box], states: dict[int, State] | None = None) -> None:
        self.boxes, self.states = boxes, states or {}
        self.started: list[tuple[int, Box]] = []

    def init(self, image: Image, box: Box) -> None:
        self.started.append((int(image[0, 0, 0]), box))

    def track(self, image: Image) -> TrackResult:
        frame = int(image[0, 0, 0])
        return TrackResult(self.boxes[frame], 1.0, self.states.get(frame, State.TRACKED))


def still(count: int, form: Form = "otb", box: Box = (10, 10, 20, 20)) -> AnnotatedSequence:
    return AnnotatedSequence(
        "still", Blank(count), np.tile(np.array(box, float), (count, 1)), form
    )


def write_pictures(folder: Path, count: int, digits: int = 4, first: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        cv2.imwrite(str(folder / f"{i:0{digits}d}.jpg"), np.full((80, 100, 3), i % 256, np.uint8))


def write_boxes(file: Path, boxes: Boxes | list[list[float]], delimiter: str = ",") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(file, np.array(boxes, float), fmt="%.2f", delimiter=delimiter)

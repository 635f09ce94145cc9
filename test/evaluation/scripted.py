"""A tracker that says what it is told, and sequences of blank pictures."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from siamdw_ros.evaluation.sequences import Boxes, Form, Sequence
from siamdw_ros.siamdw import State, TrackResult
from siamdw_ros.siamdw.crops import Box, Image

SIZE = (100, 80)


class Blank:
    """Frames without anything on them, numbered by their grey value."""

    def __init__(self, count: int) -> None:
        self.count = count

    def read(self, step: int) -> Iterator[Image]:
        for i in range(0, self.count, step):
            yield np.full((SIZE[1], SIZE[0], 3), i, np.uint8)


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


def still(count: int, form: Form = "otb", box: Box = (10, 10, 20, 20)) -> Sequence:
    return Sequence("still", Blank(count), np.tile(np.array(box, float), (count, 1)), form)


def write_pictures(folder: Path, count: int, digits: int = 4, first: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        cv2.imwrite(str(folder / f"{i:0{digits}d}.jpg"), np.full((80, 100, 3), i % 256, np.uint8))


def write_boxes(file: Path, boxes: Boxes | list[list[float]], delimiter: str = ",") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(file, np.array(boxes, float), fmt="%.2f", delimiter=delimiter)

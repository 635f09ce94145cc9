"""Videos and contact sheets that show boxes on frames."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.one_pass import Run
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.siamdw import State
from siamdw_ros.siamdw.crops import Box, Image

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

TRUTH = (80, 200, 80)  # BGR
FOUND = (40, 120, 255)
MISSED = (60, 60, 230)
FONT = cv2.FONT_HERSHEY_SIMPLEX
COLUMNS = 5  # of a contact sheet
ROWS = 4

T = TypeVar("T")


@dataclass(frozen=True)
class Annotated:
    """A frame and what to draw on it.

    Attributes:
        image: H x W x 3.
        caption: one line.
        truth: the annotation.
        found: the tracker's box of this very frame, None when it gave none.
        processed: False for a frame that the tracker dropped.
    """

    image: Image
    caption: str
    truth: Box | None = None
    found: Box | None = None
    processed: bool = True


def draw(frame: Annotated) -> Image:
    """Draw boxes and caption on a copy of the frame, H x W x 3."""
    canvas = frame.image.copy()
    if frame.truth is not None:
        _rectangle(canvas, frame.truth, TRUTH, 1)
    if frame.found is not None:
        _rectangle(canvas, frame.found, FOUND, 3)
    color = (255, 255, 255) if frame.found is not None or not frame.processed else MISSED
    cv2.rectangle(canvas, (0, 0), (canvas.shape[1], 30), (25, 25, 25), -1)
    cv2.putText(canvas, frame.caption, (8, 21), FONT, 0.6, color, 1, cv2.LINE_AA)
    return canvas


def _rectangle(canvas: Image, box: Box, color: tuple[int, int, int], thickness: int) -> None:
    x, y, w, h = box
    corners = np.round([x, y, x + w, y + h]).astype(int).tolist()
    cv2.rectangle(canvas, corners[:2], corners[2:], color, thickness, cv2.LINE_AA)


class VideoFile:
    """An MP4 that frames are appended to. Complete when the `with` block ends.

    Args:
        path: Of the file; an existing one is replaced.
        rate: Frames per second.

    Raises:
        FileNotFoundError: There is no such folder.
    """

    def __init__(self, path: Path, rate: float) -> None:
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"{path}: there is no such folder")
        self._path = path
        self._rate = rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, image: Image) -> None:
        """Append a frame; one of another size than the first is scaled to it.

        Raises:
            OSError: OpenCV cannot write the file.
        """
        if self._writer is None:
            self._size = (image.shape[1], image.shape[0])
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._path), codec, self._rate, self._size)
            if not self._writer.isOpened():
                raise OSError(f"{self._path}: OpenCV cannot write this MP4")
        if (image.shape[1], image.shape[0]) != self._size:
            image = np.asarray(cv2.resize(image, self._size), np.uint8)
        self._writer.write(image)

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._writer is not None:
            self._writer.release()


def write_video(frames: Iterable[Annotated], path: Path, rate: float) -> None:
    """Write an MP4.

    Raises:
        OSError: OpenCV cannot write it.
    """
    with VideoFile(path, rate) as video:
        for frame in frames:
            video.write(draw(frame))


def run_sheet(
    sequence: AnnotatedSequence, run: Run, count: int = 20, around: int | None = None
) -> Image:
    """Return a contact sheet of a tracker's boxes on a sequence.

    Args:
        sequence: the annotation, green.
        run: the tracker's boxes, orange.
        count: frames at most.
        around: show neighbours of this frame; None: frames evenly spread over the sequence.
    """
    first, last = 0, len(sequence) - 1
    if around is not None:
        first, last = max(0, around - count // 2), min(last, around + count // 2)
    chosen = set(np.linspace(first, last, min(count, last - first + 1)).round().astype(int))
    frames = []
    for i, image in enumerate(sequence.images()):
        if i in chosen:
            truth = _box(sequence.boxes[i]) if sequence.visible[i] else None
            found = _box(run.boxes[i]) if np.isfinite(run.boxes[i]).all() else None
            frames.append(Annotated(image, _caption(i, truth, found, run.states[i]), truth, found))
    return contact_sheet(frames)


def _caption(frame: int, truth: Box | None, found: Box | None, state: int) -> str:
    if truth is None:
        return f"{frame}  absent, {State(state).name}"
    value = float(overlap(found, truth)) if found is not None else 0.0
    return f"{frame}  IoU {value:.2f}, {State(state).name}"


def _box(row: NDArray[np.float64]) -> Box:
    x, y, w, h = row.tolist()
    return x, y, w, h


def spread(items: Sequence[T], count: int = COLUMNS * ROWS) -> list[T]:
    """Choose items, evenly spread from the first to the last; all if there are no more."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


def contact_sheet(
    frames: Sequence[Annotated], columns: int = COLUMNS, rows: int = ROWS, width: int = 320
) -> Image:
    """Lay out frames, evenly spread from the first to the last, on one image."""
    chosen = spread(frames, columns * rows)
    height = round(width * frames[0].image.shape[0] / frames[0].image.shape[1])
    tiles = [cv2.resize(draw(f), (width, height), interpolation=cv2.INTER_AREA) for f in chosen]
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.asarray(np.vstack(lines), np.uint8)

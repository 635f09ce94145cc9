"""Videos and contact sheets that show boxes on frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.one_pass import Run
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.siamdw import State
from siamdw_ros.siamdw.crops import Box, Image

TRUTH = (80, 200, 80)  # BGR
FOUND = (40, 120, 255)
MISSED = (60, 60, 230)
FONT = cv2.FONT_HERSHEY_SIMPLEX


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


def write_video(frames: Sequence[Annotated], path: Path, rate: float) -> None:
    """Write an MP4.

    Raises:
        OSError: OpenCV cannot write it.
    """
    height, width = frames[0].image.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    if not writer.isOpened():
        raise OSError(f"{path}: OpenCV cannot write MP4 here")
    for frame in frames:
        writer.write(draw(frame))
    writer.release()


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


def contact_sheet(
    frames: Sequence[Annotated], columns: int = 5, rows: int = 4, width: int = 320
) -> Image:
    """Lay out frames, evenly spread from the first to the last, on one image."""
    count = min(columns * rows, len(frames))
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, count).round().astype(int)]
    height = round(width * frames[0].image.shape[0] / frames[0].image.shape[1])
    tiles = [cv2.resize(draw(f), (width, height), interpolation=cv2.INTER_AREA) for f in chosen]
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.asarray(np.vstack(lines), np.uint8)

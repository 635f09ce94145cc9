"""Annotations of our own: a CSV of frame, x, y, w, h, with comments on how it was made."""

import csv
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Box

COLUMNS = ("frame", "x", "y", "w", "h")
FILE_COLUMNS = ("file", *COLUMNS[1:])
Numbers = NDArray[np.int32]
Boxes = NDArray[np.float64]
ABSENT: Box = (math.nan, math.nan, math.nan, math.nan)
Keyframes = Mapping[int, Box]  # frame -> box drawn by hand, or ABSENT


def read_annotation(path: Path) -> list[Box]:
    """Read the box of each frame, (x, y, w, h) in 0-based pixels; nan where the target is absent.

    Raises:
        ValueError: there are several targets, or frames are not numbered from 0 without gaps.
    """
    targets = read_targets(path)
    if len(targets) != 1:
        raise ValueError(f"{path}: {len(targets)} targets in it, expected one")
    ((numbers, boxes),) = targets.values()
    if numbers.tolist() != list(range(len(numbers))):
        raise ValueError(f"{path}: frames must be numbered from 0 without gaps")
    return [(x, y, w, h) for x, y, w, h in boxes.tolist()]


def read_targets(path: Path) -> dict[str, tuple[Numbers, Boxes]]:
    """Read the boxes of all targets; the column `target` names them where there are several.

    Returns:
        Per target the frames that have a line, N, in order, and their boxes, N x 4: nan where the
        target is absent.

    Raises:
        ValueError: the columns are others.
    """
    lines: dict[str, list[list[float]]] = {}
    for row in _rows(path):
        try:
            line = [float(row[column] or "nan") for column in COLUMNS]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: expected the columns {', '.join(COLUMNS)}") from error
        lines.setdefault(row.get("target") or "", []).append(line)
    tables = {target: np.array(sorted(table)) for target, table in lines.items()}
    return {t: (table[:, 0].astype(np.int32), table[:, 1:]) for t, table in tables.items()}


def read_keyframes(path: Path) -> dict[int, Box]:
    """Read the boxes that were drawn by hand; all of them in a file without this information.

    Raises:
        ValueError: the columns are others.
    """
    drawn = [row for row in _rows(path) if row.get("keyframe", "1") == "1"]
    try:
        return {int(row["frame"]): _box(row) for row in drawn}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the columns {', '.join(COLUMNS)}") from error


def parse_file_boxes(text: str, source: object) -> list[tuple[str, Box]]:
    """Read a table of images and boxes, (x, y, w, h); lines that begin with # are comments.

    Args:
        text: csv with the columns file, x, y, w, h.
        source: what the text is, as the error names it.

    Raises:
        ValueError: the columns are others, or a line lacks a number.
    """
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    boxes = []
    for row in rows:
        try:
            boxes.append((row["file"], _box(row)))
        except (KeyError, TypeError, ValueError) as error:
            found = ",".join(map(str, row.values()))
            raise ValueError(
                f"{source}: expected lines of {','.join(FILE_COLUMNS)}, found {found}"
            ) from error
    return boxes


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def _box(row: Mapping[str, str]) -> Box:
    return float(row["x"]), float(row["y"]), float(row["w"]), float(row["h"])


def is_absent(box: Box) -> bool:
    """Return whether a box means that the target is absent."""
    return not all(map(math.isfinite, box))


def interpolate(keyframes: Keyframes, count: int) -> list[Box]:
    """Fill the frames between keyframes: edges move linearly.

    The target is absent before the first keyframe, and from an ABSENT one to the next. A box
    before an ABSENT keyframe, and the last one, stay as they are.
    """
    boxes = [ABSENT] * count
    frames = sorted(frame for frame in keyframes if 0 <= frame < count)
    for frame, following in zip(frames, [*frames[1:], count], strict=True):
        here, there = keyframes[frame], keyframes.get(following, ABSENT)
        for i in range(frame, following):
            boxes[i] = here
            if not is_absent(here) and not is_absent(there):
                share = (i - frame) / (following - frame)
                x, y, w, h = ((1 - share) * np.array(here) + share * np.array(there)).tolist()
                boxes[i] = (x, y, w, h)
    return boxes


def write_annotation(path: Path, boxes: Sequence[Box], keyframes: Keyframes) -> None:
    """Write the box of each frame, with a flag on keyframes; comments in the file stay."""
    comments = []
    if path.is_file():
        comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    lines = [*comments, "frame,x,y,w,h,keyframe"]
    for frame, box in enumerate(boxes):
        numbers = ["nan"] * 4 if is_absent(box) else [f"{value:.1f}" for value in box]
        lines.append(",".join([str(frame), *numbers, str(int(frame in keyframes))]))
    part = path.with_name(f".{path.name}.{os.getpid()}")  # whole or not at all
    part.write_text("\n".join(lines) + "\n")
    part.replace(path)

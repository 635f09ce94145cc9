"""Ground truth of the clips: a CSV of frame, x, y, w, h, with comments on how it was made."""

import csv
from pathlib import Path

from siamdw_ros.siamdw.crops import Box


def read_annotation(path: Path) -> list[Box]:
    """Read the box of each frame, (x, y, w, h) in 0-based pixels; nan where the target is absent.

    Raises:
        ValueError: the frames are not numbered from 0 without gaps.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    if [int(row["frame"]) for row in rows] != list(range(len(rows))):
        raise ValueError(f"{path}: frames must be numbered from 0 without gaps")
    return [(float(r["x"]), float(r["y"]), float(r["w"]), float(r["h"])) for r in rows]

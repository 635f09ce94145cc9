"""Result of every reader of a data set: videos and their targets.

`make_track` checks a target's boxes for all readers, and counts those that are left out.

Images stay on disk, encoded, until they are asked for. Boxes are (x, y, w, h) in float pixels,
0-based, x and y of the top-left corner.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.frames import Frames

MIN_SIDE = 2.0  # pixels; a narrower box is a mistake, and its context has no size to speak of

Boxes = NDArray[np.float32]
Numbers = NDArray[np.integer]


class EncodedFrames(Protocol):
    """Encoded images by index; a plain list is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> bytes: ...


@dataclass(frozen=True, eq=False)
class Track:
    """One target through one video: the N frames in which it shows.

    Attributes:
        name: for messages.
        frames: N encoded images.
        boxes: N x 4.
        numbers: N, which frames of the video these are, increasing.
    """

    name: str
    frames: EncodedFrames
    boxes: Boxes
    numbers: Numbers


Video = list[Track]  # the targets of one video


class Videos(Protocol):
    """Videos by index; a plain list is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Video: ...


@dataclass
class Tally:
    """Counts of a reader: frames count once for each target in them."""

    frames: int = 0
    absent: int = 0  # by the annotation the target is not visible
    degenerate: int = 0  # boxes that are no boxes: not finite, or narrower than 2 pixels
    unreadable: list[str] = field(default_factory=list)  # sequences without their images

    def __str__(self) -> str:
        text = f"{self.frames} boxes; left out: {self.absent} where the target is absent, "
        text += f"{self.degenerate} degenerate"
        if self.unreadable:
            some = ", ".join(self.unreadable[:3]) + (" ..." if self.unreadable[3:] else "")
            text += f"; {len(self.unreadable)} sequences without images ({some})"
        return text


def make_track(
    name: str,
    frames: Frames,
    boxes: NDArray[np.floating],
    tally: Tally,
    shows: NDArray[np.bool_] | None = None,
    numbers: NDArray[np.integer] | None = None,
    *,
    min_side: float = MIN_SIDE,
) -> Video:
    """Make a track of the frames that can be learnt from, and count the others.

    Args:
        name: for messages.
        frames: one per annotation, or more.
        boxes: N x 4, one per annotation.
        tally: counts go here.
        shows: N, whether the target shows. None: in every frame.
        numbers: N, of the frames in their video. None: 0, 1, 2, ...
        min_side: pixels; narrower boxes are left out.

    Returns:
        A list of the one track, empty when nothing can be learnt from it.
    """
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    shows = np.ones(len(boxes), bool) if shows is None else shows
    sound = np.isfinite(boxes).all(1) & (np.nan_to_num(boxes[:, 2:]).min(1) >= min_side)
    kept = np.flatnonzero(shows & sound)
    tally.absent += int((~shows).sum())
    tally.degenerate += int((shows & ~sound).sum())
    if not len(kept):
        return []
    images = frames.take(kept)
    try:
        images[0], images[len(kept) - 1]
    except OSError:
        tally.unreadable.append(name)
        return []
    tally.frames += len(kept)
    numbers = np.arange(len(boxes)) if numbers is None else numbers
    return [Track(name, images, boxes[kept], numbers[kept].astype(np.int32))]

"""Statistics of LOST and TRACKED where the target disappears for a while, or leaves the image."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.one_pass import Run
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.siamdw import State

FOUND = 0.1  # least overlap of a box on the target, of which little is visible at first


@dataclass(frozen=True)
class Absence:
    """One time without the target, counted in frames.

    Attributes:
        first: frame without it.
        length: how many frames.
        lost_after: from `first` to the first LOST within the absence, None if there was none.
        false_recoveries: how often LOST ended within the absence.
        reacquired_after: from its return to the first TRACKED box on it before the next absence;
            None if there was none, or it did not return.
    """

    first: int
    length: int
    lost_after: int | None
    false_recoveries: int
    reacquired_after: int | None


@dataclass(frozen=True)
class LostStatistics:
    """Precision and recall of LOST and TRACKED over one video, less its first frame.

    Attributes:
        name: of the video.
        frames: that count.
        lost: frames with state LOST.
        absent: frames without the target.
        lost_absent: both.
        tracked: frames with state TRACKED.
        tracked_right: of these, those in which the box is on the target.
        absences: each time without the target.
    """

    name: str
    frames: int
    lost: int
    absent: int
    lost_absent: int
    tracked: int
    tracked_right: int
    absences: tuple[Absence, ...]


def lost_statistics(run: Run, video: AnnotatedSequence) -> LostStatistics:
    """Compare the states of a run with an annotation of where the target was absent."""
    absent = ~video.visible
    lost = run.states == State.LOST
    tracked = run.states == State.TRACKED
    right = tracked & (overlap(np.nan_to_num(run.boxes), np.nan_to_num(video.boxes)) >= FOUND)
    right &= ~absent
    return LostStatistics(
        video.name,
        len(video) - 1,
        int(lost.sum()),
        int(absent.sum()),
        int((lost & absent).sum()),
        int(tracked[1:].sum()),
        int(right[1:].sum()),
        tuple(_absences(absent, lost, right)),
    )


def _absences(
    absent: NDArray[np.bool_], lost: NDArray[np.bool_], right: NDArray[np.bool_]
) -> Iterator[Absence]:
    edges = np.flatnonzero(np.diff(absent, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    for first, end, following in zip(starts, ends, [*starts, len(absent)][1:], strict=True):
        during = lost[first:end]
        yield Absence(
            first=int(first),
            length=int(end - first),
            lost_after=_first(during),
            false_recoveries=int((during[:-1] & ~during[1:]).sum()),
            reacquired_after=_first(right[end:following]),
        )


def _first(flags: NDArray[np.bool_]) -> int | None:
    return int(flags.argmax()) if flags.any() else None


def table(videos: Iterable[LostStatistics]) -> Table:
    """Lay it out: a row per video; delays in frames, one for each absence."""
    return Table("LOST, where targets disappear and return", [_row(video) for video in videos])


def _row(video: LostStatistics) -> dict[str, Cell]:
    absences = video.absences
    return {
        "video": video.name,
        "frames": video.frames,
        "absent": video.absent,
        "precision of LOST": _share(video.lost_absent, video.lost),
        "recall of LOST": _share(video.lost_absent, video.absent),
        "LOST after": _delays(a.lost_after for a in absences),
        "re-acquired after": _delays(a.reacquired_after for a in absences),
        "false recoveries": sum(a.false_recoveries for a in absences),
        "TRACKED on the target": _share(video.tracked_right, video.tracked),
    }


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f} ({part} of {whole})" if whole else ""


def _delays(frames: Iterable[int | None]) -> str:
    return ", ".join("never" if delay is None else str(delay) for delay in frames)

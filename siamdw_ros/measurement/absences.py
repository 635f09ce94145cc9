"""How a tracker takes it when its target is away for a while: hidden, or out of the picture."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.one_pass import Run
from siamdw_ros.evaluation.sequences import Sequence
from siamdw_ros.siamdw import State

FOUND = 0.1  # overlap from which on a box is on the target, of which little is to be seen at first


@dataclass(frozen=True)
class Absence:
    """One time that a target was away, counted in frames.

    first: in which it is away; length: for how many. said_after: from `first` to the first LOST
    within the absence, None if there was none. false_recoveries: how often LOST ended while it was
    away. taken_back_after: from its return to the first TRACKED box on it, before it is away
    again; None if there was none, or it did not return.
    """

    first: int
    length: int
    said_after: int | None
    false_recoveries: int
    taken_back_after: int | None


@dataclass(frozen=True)
class Honesty:
    """What LOST and TRACKED were worth over one film; the first frame, which is given, left out.

    lost: frames with state LOST; away: frames without the target; lost_away: both. tracked: frames
    with state TRACKED; tracked_right: of these, those in which the box is on the target.
    """

    name: str
    frames: int
    lost: int
    away: int
    lost_away: int
    tracked: int
    tracked_right: int
    absences: tuple[Absence, ...]


def honesty(run: Run, film: Sequence) -> Honesty:
    """Compare the states that a tracker gave with an annotation that says where it was away."""
    away, lost, tracked = ~film.visible, run.states == State.LOST, run.states == State.TRACKED
    right = tracked & (overlap(np.nan_to_num(run.boxes), np.nan_to_num(film.boxes)) >= FOUND)
    right &= ~away
    return Honesty(
        film.name,
        len(film) - 1,
        int(lost.sum()),
        int(away.sum()),
        int((lost & away).sum()),
        int(tracked[1:].sum()),
        int(right[1:].sum()),
        tuple(_absences(away, lost, right)),
    )


def _absences(
    away: NDArray[np.bool_], lost: NDArray[np.bool_], right: NDArray[np.bool_]
) -> Iterator[Absence]:
    edges = np.flatnonzero(np.diff(away, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    for first, end, following in zip(starts, ends, [*starts, len(away)][1:], strict=True):
        during = lost[first:end]
        yield Absence(
            int(first),
            int(end - first),
            _first(during),
            int((during[:-1] & ~during[1:]).sum()),
            _first(right[end:following]),
        )


def _first(flags: NDArray[np.bool_]) -> int | None:
    return int(flags.argmax()) if flags.any() else None


def table(films: Iterable[Honesty]) -> str:
    """Lay it out as Markdown: a row each film, delays in frames, one for each absence."""
    head = "| film | frames | away | precision of LOST | recall of LOST | LOST said after "
    head += "| taken back after | false recoveries | TRACKED on the target |"
    rows = [
        head,
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for film in films:
        away = film.absences
        rows.append(
            f"| {film.name} | {film.frames} | {film.away} "
            f"| {_share(film.lost_away, film.lost)} | {_share(film.lost_away, film.away)} "
            f"| {_delays(a.said_after for a in away)} "
            f"| {_delays(a.taken_back_after for a in away)} "
            f"| {sum(a.false_recoveries for a in away)} "
            f"| {_share(film.tracked_right, film.tracked)} |"
        )
    return "\n".join(rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f} ({part} of {whole})" if whole else ""


def _delays(frames: Iterable[int | None]) -> str:
    return ", ".join("never" if delay is None else str(delay) for delay in frames)

"""Output of a run through a recording: a CSV of boxes, a video, counts of states."""

import contextlib
import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from siamdw_ros.evaluation.drawing import VideoFile
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.node.debug_image import draw
from siamdw_ros.node.results import FrameResult
from siamdw_ros.ros.conversions import nanoseconds
from siamdw_ros.siamdw.crops import Image
from siamdw_ros.siamdw.presence import State

COLUMNS = ("frame", "stamp", "target", "x", "y", "w", "h", "score", "state")
ABSENT = ("nan",) * 4


class BoxFile:
    """A CSV with a line for each target of each frame; `read_targets` reads it.

    A lost target has the box nan. Stamps are in seconds.

    Args:
        path: Of the file; an existing one is replaced.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def write(self, index: int, result: FrameResult) -> None:
        """Write what one frame showed.

        Args:
            index: Index of the frame.
            result: What it showed.
        """
        stamp = nanoseconds(result.frame.stamp)
        seconds = f"{stamp // 10**9}.{stamp % 10**9:09d}"
        for target in result.targets:
            box = [f"{value:.2f}" for value in target.box] if target.seen else ABSENT
            state = target.state.name
            self._writer.writerow([index, seconds, target.id, *box, f"{target.score:.3f}", state])

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def annotated(result: FrameResult, index: int) -> Image:
    """Return the image of a frame with what it showed, as the node's debug image has it."""
    rate = 1 / result.inference_seconds if result.inference_seconds else 0.0
    caption = f"frame {index}, {result.settings.model}, {rate:.0f} frames/s"
    return draw(result.frame.image(), result.targets, caption)


@dataclass
class Totals:
    """Counts of a run, for the summary at its end.

    Attributes:
        frames: Number of processed frames.
        seconds: Time that they took.
        states: Number of frames per target and state.
    """

    frames: int = 0
    seconds: float = 0.0
    states: dict[str, Counter[State]] = field(default_factory=dict)

    def add(self, result: FrameResult) -> None:
        """Count a frame."""
        self.frames += 1
        self.seconds += result.inference_seconds
        for target in result.targets:
            self.states.setdefault(target.id, Counter())[target.state] += 1

    def table(self, source: str) -> Table:
        """Return one line per target."""
        shown = (State.TRACKED, State.UNCERTAIN, State.LOST)
        rows: list[dict[str, Cell]] = [
            {"target": target, **{state.name: counts[state] for state in shown}}
            for target, counts in self.states.items()
        ]
        rate = self.frames / self.seconds if self.seconds else 0.0
        title = f"{source}: {self.frames} frames at {rate:.0f} frames/s"
        return Table(title, rows, notes=["Number of frames in each state."])


class Outputs(contextlib.ExitStack):
    """The files that a run writes, and its totals. Finished when the `with` block ends.

    Args:
        boxes: Of the CSV; None: none.
        video: Of the annotated video; None: none.
        rate: Frames per second of the video.

    Raises:
        OSError: A file cannot be written.
    """

    def __init__(self, boxes: Path | None, video: Path | None, rate: float) -> None:
        super().__init__()
        self.totals = Totals()
        self._paths = [path for path in (video, boxes) if path]
        self._last: Image | None = None
        self._video: Any = self.enter_context(VideoFile(video, rate)) if video else None
        self._boxes = BoxFile(boxes) if boxes else None
        if self._boxes:
            self.callback(self._boxes.close)

    def add(self, index: int, result: FrameResult, drawn: Image | None = None) -> None:
        """Write what one frame showed.

        Args:
            index: Index of the frame.
            result: What it showed.
            drawn: Its image as :func:`annotated` draws it, if it was drawn already.
        """
        self.totals.add(result)
        if self._boxes:
            self._boxes.write(index, result)
        if self._video:
            self._last = annotated(result, index) if drawn is None else drawn
            self._video.write(self._last)

    def repeat(self) -> None:
        """Show the last frame once more in the video, in place of one that was dropped."""
        if self._video and self._last is not None:
            self._video.write(self._last)

    def print_summary(self, source: str, *written: Path) -> None:
        """Print what was found, and where it was written.

        Args:
            source: What was tracked through.
            written: Further files.
        """
        if not self.totals.frames:
            return
        print(self.totals.table(source).text())
        if paths := [str(path) for path in (*self._paths, *written)]:
            print(f"  written: {', '.join(paths)}")

"""Result files, in each benchmark's own form, so that the official toolkits can read them.

    OUT/results/TRACKER/NAME.txt, times/NAME_time.txt                    OTB, UAV123, LaSOT, own
    OUT/results/TRACKER/NAME/NAME_001.txt, NAME_time.txt                 GOT-10k
    OUT/results/TRACKER/unsupervised/NAME/NAME_001.txt, NAME_time.txt    VOT, one pass
    OUT/results/TRACKER/baseline/NAME/NAME_001.txt, NAME_time.txt        VOT, supervised

Beside them in states/FORM/PROTOCOL, for names are unique in one benchmark only:

    NAME.txt: width and height of the images, then the state of each frame of a one-pass run
    NAME.json: which video and annotation the results belong to

A sequence is finished when its last file, with the boxes, is there: it is written last. Results
of another video or annotation do not count.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from siamdw_ros.evaluation.one_pass import Run
from siamdw_ros.evaluation.sequences import AnnotatedSequence, Boxes
from siamdw_ros.evaluation.vot import Event, Trajectory

Protocol = Literal["one-pass", "supervised"]


@dataclass(frozen=True)
class ResultFolder:
    """The result files of one tracker.

    Attributes:
        path: the tracker's folder.
    """

    path: Path

    def claim(self, settings: Mapping[str, Any]) -> None:
        """Make the folder belong to these settings.

        Raises:
            ValueError: it has results of other settings.
        """
        file = self.path / "settings.json"
        text = json.dumps(settings, indent=2, sort_keys=True, default=str) + "\n"
        if file.is_file() and file.read_text() != text:
            raise ValueError(
                f"{self.path} has results of other settings: give another --out, another label, "
                "or --fresh to run all again"
            )
        _write(file, text)

    def _boxes(self, sequence: AnnotatedSequence) -> Path:
        name = sequence.name
        if sequence.form == "got10k":
            return self.path / name / f"{name}_001.txt"
        if sequence.form == "vot":
            return self.path / "unsupervised" / name / f"{name}_001.txt"
        return self.path / f"{name}.txt"

    def _times(self, sequence: AnnotatedSequence) -> Path:
        boxes = self._boxes(sequence)
        folder = boxes.parent / "times" if sequence.form == "otb" else boxes.parent
        return folder / f"{sequence.name}_time.txt"

    def _states(self, sequence: AnnotatedSequence, protocol: Protocol) -> Path:
        return self.path / "states" / sequence.form / protocol / f"{sequence.name}.txt"

    def _owner(self, sequence: AnnotatedSequence, protocol: Protocol) -> Path:
        states = self._states(sequence, protocol)
        return states.with_name(f"{sequence.name}.json")

    def file(self, sequence: AnnotatedSequence, protocol: Protocol) -> Path:
        """Return the file with the boxes, whether it is there or not."""
        return self._boxes(sequence) if protocol == "one-pass" else self._trajectory(sequence)

    def has(self, sequence: AnnotatedSequence, protocol: Protocol) -> bool:
        """Whether finished results of this video and annotation are there."""
        owner = self._owner(sequence, protocol)
        if not (self.file(sequence, protocol).is_file() and owner.is_file()):
            return False
        return owner.read_text() == _owner_text(sequence, protocol)

    def _claim_results(self, sequence: AnnotatedSequence, protocol: Protocol) -> None:
        """Make the results to be written belong to a sequence; those of another are deleted."""
        # Before the owner changes: an interrupt must not leave boxes of the other.
        self.file(sequence, protocol).unlink(missing_ok=True)
        _write(self._owner(sequence, protocol), _owner_text(sequence, protocol))

    def write_run(self, sequence: AnnotatedSequence, run: Run) -> None:
        """Store the results of a one-pass run."""
        self._claim_results(sequence, "one-pass")
        states = [f"{run.size[0]} {run.size[1]}", *(str(state) for state in run.states)]
        _write(self._states(sequence, "one-pass"), "\n".join(states) + "\n")
        _write(self._times(sequence), "".join(f"{second:.8f}\n" for second in run.seconds))
        lines = [_box(box) for box in run.boxes + _origin(sequence)]
        if sequence.form == "vot":
            lines[0] = str(int(Event.STARTED))
        _write(self._boxes(sequence), "\n".join(lines) + "\n")

    def read_run(self, sequence: AnnotatedSequence) -> Run:
        """Read them again.

        Raises:
            ValueError: they do not belong together.
        """
        lines = self._boxes(sequence).read_text().split()
        if sequence.form == "vot":
            lines[0] = _box(sequence.boxes[0])
        boxes = np.array([line.split(",") for line in lines], float) - _origin(sequence)
        size, states = self._read_states(self._states(sequence, "one-pass"))
        run = Run(boxes, np.loadtxt(self._times(sequence), ndmin=1), states, size)
        if not len(run.boxes) == len(run.seconds) == len(run.states):
            raise ValueError(f"{self._boxes(sequence)}: damaged; delete it to run it again")
        return run

    def _read_states(self, file: Path) -> tuple[tuple[int, int], Any]:
        width, height, *states = map(int, file.read_text().split())
        return (width, height), np.array(states, int)

    def _trajectory(self, sequence: AnnotatedSequence) -> Path:
        name = sequence.name
        return self.path / "baseline" / name / f"{name}_001.txt"

    def write_trajectory(self, sequence: AnnotatedSequence, run: Trajectory) -> None:
        """Store the results of a supervised run."""
        self._claim_results(sequence, "supervised")
        file = self._trajectory(sequence)
        size = f"{run.size[0]} {run.size[1]}\n"
        _write(self._states(sequence, "supervised"), size)
        times = "".join(f"{second:.8f}\n" for second in run.seconds)
        _write(file.with_name(f"{sequence.name}_time.txt"), times)
        lines = [
            _box(box) if event == Event.TRACKED else str(int(event))
            for event, box in zip(run.events, run.boxes, strict=True)
        ]
        _write(file, "\n".join(lines) + "\n")

    def read_trajectory(self, sequence: AnnotatedSequence) -> Trajectory:
        """Read them again."""
        file = self._trajectory(sequence)
        rows = [line.split(",") for line in file.read_text().split()]
        events = [Event.TRACKED if len(row) == 4 else int(row[0]) for row in rows]
        boxes = [row if len(row) == 4 else [np.nan] * 4 for row in rows]
        times = np.loadtxt(file.with_name(f"{sequence.name}_time.txt"), ndmin=1)
        size, _ = self._read_states(self._states(sequence, "supervised"))
        return Trajectory(np.array(events, int), np.array(boxes, float), times, size)


def _owner_text(sequence: AnnotatedSequence, protocol: Protocol) -> str:
    # Supervised, each box decides about a failure, or is started on.
    owner = sequence.identity(all_boxes=protocol == "supervised")
    return json.dumps(owner, indent=2, sort_keys=True) + "\n"


def _origin(sequence: AnnotatedSequence) -> Boxes:
    """Return what the benchmark adds to 0-based boxes: OTB and UAV123 count pixels from 1."""
    return np.array([sequence.origin, sequence.origin, 0, 0], float)


def _box(box: Boxes) -> str:
    return ",".join(f"{value:.3f}" for value in box)


def _write(file: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(text)
    part.replace(file)

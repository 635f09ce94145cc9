"""Statistics of a tracker whose target leaves and returns; worked out by hand."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scripted import Scripted, still

from siamdw_ros.evaluation.annotations import ABSENT, read_annotation, write_annotation
from siamdw_ros.evaluation.one_pass import follow
from siamdw_ros.measurement import presence
from siamdw_ros.measurement.absences import Absence, LostStatistics, lost_statistics, table
from siamdw_ros.siamdw import State
from siamdw_ros.siamdw.crops import Box

CLIPS = Path(__file__).parent.parent / "data" / "clips"
EXACT, AWAY = (10.0, 10.0, 20.0, 20.0), (60.0, 50.0, 20.0, 20.0)
LETTERS = {"T": State.TRACKED, "U": State.UNCERTAIN, "L": State.LOST}


def judged(there: str, reported: str, elsewhere: tuple[int, ...] = ()) -> LostStatistics:
    """Describe a video by frames: x where the target is visible; T, U, L the state reported."""
    video = still(len(there))
    video.boxes[[letter != "x" for letter in there]] = np.nan
    boxes: dict[int, Box] = {i: AWAY if i in elsewhere else EXACT for i in range(len(there))}
    states = {i: LETTERS[letter] for i, letter in enumerate(reported)}
    return lost_statistics(follow(Scripted(boxes, states), video), video)


def test_delays_are_counted_from_where_the_target_goes_and_where_it_returns() -> None:
    found = judged("xx.....xxxx", "TTTULLLLTTT")
    assert found.absences == (Absence(2, 5, 2, 0, 1),)
    assert (found.lost, found.absent, found.lost_absent) == (4, 5, 3)
    assert (found.tracked, found.tracked_right, found.frames) == (5, 4, 10)


def test_a_false_recovery_is_counted_and_does_not_take_it_back() -> None:
    found = judged("x......xx", "TLLTTLLTT", elsewhere=(3, 4, 7))
    assert found.absences == (Absence(1, 6, 0, 1, 1),)
    assert (found.tracked, found.tracked_right) == (4, 1)


def test_what_never_happens_is_none() -> None:
    found = judged("x..x..", "TTTTLL", elsewhere=(3,))
    assert found.absences == (Absence(1, 2, None, 0, None), Absence(4, 2, 0, 0, None))
    assert "never, 0" in table([found]).text()
    assert "never, never" in table([found]).text()


def test_a_video_without_absences_has_a_row_as_well() -> None:
    found = judged("xxxx", "TTLT")
    assert dataclasses.replace(found, name="") == LostStatistics("", 3, 1, 0, 0, 2, 2, ())
    assert "0.000 (0 of 1)" in table([found]).text()


def test_command_follows_a_video_whose_target_disappears(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CLIPS / "juice.mp4", tmp_path)
    boxes = read_annotation(CLIPS / "juice.csv")
    boxes[5:9] = [ABSENT] * 4  # not true: what matters is that they are counted
    write_annotation(tmp_path / "juice.csv", boxes, {})
    out = tmp_path / "out"
    options = ["--absences", "--threads", "1", "--device", "cpu", "--out", str(out)]
    assert presence.main([str(tmp_path / "juice.mp4"), *options]) == 0
    (video,) = json.loads((out / "absences.json").read_text())["videos"]
    assert (video["absent"], video["lost"]) == (4, 0)
    assert video["absences"] == [dataclasses.asdict(Absence(5, 4, None, 0, 0))]
    assert "juice" in capsys.readouterr().out

"""Results are written as each benchmark wants them, and read again as they were."""

from pathlib import Path

import numpy as np
import pytest
from scripted import Scripted, still

from siamdw_ros.evaluation.one_pass import follow
from siamdw_ros.evaluation.results import ResultFolder
from siamdw_ros.evaluation.sequences import Form
from siamdw_ros.evaluation.vot import supervise
from siamdw_ros.siamdw import State

EXACT, AWAY = (10.0, 10.0, 20.0, 20.0), (60.0, 50.0, 20.0, 20.0)
PLACES: dict[Form, str] = {
    "otb": "still.txt",
    "got10k": "still/still_001.txt",
    "vot": "unsupervised/still/still_001.txt",
}


@pytest.mark.parametrize("form", PLACES)
def test_a_run_comes_back_as_it_was(tmp_path: Path, form: Form) -> None:
    sequence, folder = still(3, form), ResultFolder(tmp_path)
    run = follow(Scripted({1: EXACT, 2: AWAY}, {2: State.LOST}), sequence)
    assert not folder.has_run(sequence)
    folder.write_run(sequence, run)
    assert folder.has_run(sequence)
    again = folder.read_run(sequence)
    np.testing.assert_array_equal(again.boxes, run.boxes)
    np.testing.assert_array_equal(again.states, run.states)
    np.testing.assert_allclose(again.seconds, run.seconds, atol=1e-8)
    assert again.size == run.size


@pytest.mark.parametrize("form", PLACES)
def test_boxes_lie_where_the_toolkits_look(tmp_path: Path, form: Form) -> None:
    sequence = still(2, form)
    ResultFolder(tmp_path).write_run(sequence, follow(Scripted({1: EXACT}), sequence))
    first, second = (tmp_path / PLACES[form]).read_text().split()
    assert first == ("1" if form == "vot" else "10.000,10.000,20.000,20.000")
    assert second == "10.000,10.000,20.000,20.000"


def test_a_supervised_run_comes_back_in_vots_form(tmp_path: Path) -> None:
    sequence, folder = still(8, "vot"), ResultFolder(tmp_path)
    run = supervise(Scripted(dict.fromkeys(range(9), EXACT) | {1: AWAY}), sequence)
    folder.write_trajectory(sequence, run)
    lines = (tmp_path / "baseline" / "still" / "still_001.txt").read_text().split()
    assert lines == ["1", "2", "0", "0", "0", "0", "1", "10.000,10.000,20.000,20.000"]
    again = folder.read_trajectory(sequence)
    np.testing.assert_array_equal(again.events, run.events)
    np.testing.assert_array_equal(again.boxes, run.boxes)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    sequence, folder = still(3), ResultFolder(tmp_path)
    folder.write_run(sequence, follow(Scripted({1: EXACT, 2: EXACT}), sequence))
    (tmp_path / "still.txt").write_text("1,2,3,4\n")
    with pytest.raises(ValueError, match="damaged"):
        folder.read_run(sequence)


def test_a_folder_belongs_to_one_setting(tmp_path: Path) -> None:
    ResultFolder(tmp_path).claim({"preset": None})
    ResultFolder(tmp_path).claim({"preset": None})
    with pytest.raises(ValueError, match="other settings"):
        ResultFolder(tmp_path).claim({"preset": "published"})

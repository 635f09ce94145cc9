"""Results are written in the format of each benchmark, and read again as they were."""

import dataclasses
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from scripted import Scripted, still, write_boxes, write_pictures

from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.evaluation.frames import FrameFiles
from siamdw_ros.evaluation.one_pass import follow, score
from siamdw_ros.evaluation.results import ResultFolder
from siamdw_ros.evaluation.runner import Job
from siamdw_ros.evaluation.sequences import AnnotatedSequence, Form
from siamdw_ros.evaluation.trackers import Peer
from siamdw_ros.evaluation.vot import supervise
from siamdw_ros.siamdw import State
from siamdw_ros.training.datasets import Source, read_dataset

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
    assert not folder.has(sequence, "one-pass")
    folder.write_run(sequence, run)
    assert folder.has(sequence, "one-pass")
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


def test_boxes_of_otb_are_written_as_otb_counts_pixels(tmp_path: Path) -> None:
    """From 1; evaluation and training read the same folder, and the same 0-based boxes."""
    write_pictures(tmp_path / "otb" / "Boy" / "img", 3)
    write_boxes(tmp_path / "otb" / "Boy" / "groundtruth_rect.txt", np.tile(EXACT, (3, 1)))
    (sequence,) = find_sequences(tmp_path / "otb")
    ((track,),) = read_dataset(Source("otb", tmp_path / "otb")).videos
    assert sequence.boxes.tolist() == track.boxes.tolist() == [[9, 9, 20, 20]] * 3
    folder, found = ResultFolder(tmp_path / "out"), (9.0, 9.0, 20.0, 20.0)
    folder.write_run(sequence, follow(Scripted({2: found, 3: found}), sequence))
    lines = (tmp_path / "out" / "Boy.txt").read_text().split()
    assert lines == ["10.000,10.000,20.000,20.000"] * 3
    assert score(folder.read_run(sequence), sequence).mean_overlap == 1.0


def test_a_supervised_run_comes_back_in_vots_form(tmp_path: Path) -> None:
    sequence, folder = still(8, "vot"), ResultFolder(tmp_path)
    run = supervise(Scripted(dict.fromkeys(range(9), EXACT) | {1: AWAY}), sequence)
    folder.write_trajectory(sequence, run)
    lines = (tmp_path / "baseline" / "still" / "still_001.txt").read_text().split()
    assert lines == ["1", "2", "0", "0", "0", "0", "1", "10.000,10.000,20.000,20.000"]
    again = folder.read_trajectory(sequence)
    np.testing.assert_array_equal(again.events, run.events)
    np.testing.assert_array_equal(again.boxes, run.boxes)


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    sequence, folder = still(3), ResultFolder(tmp_path)
    folder.write_run(sequence, follow(Scripted({1: EXACT, 2: EXACT}), sequence))
    (tmp_path / "still.txt").write_text("1,2,3,4\n")
    with pytest.raises(ValueError, match="damaged"):
        folder.read_run(sequence)


def moved(sequence: AnnotatedSequence, frame: int) -> AnnotatedSequence:
    boxes = sequence.boxes.copy()
    boxes[frame, 0] += 1
    return dataclasses.replace(sequence, boxes=boxes)


def frames_in(folder: Path) -> FrameFiles:
    return FrameFiles(folder, ["1.jpg", "2.jpg", "3.jpg"])


def test_results_of_another_video_of_the_same_name_do_not_count(tmp_path: Path) -> None:
    folder, one = ResultFolder(tmp_path), still(3)
    run = follow(Scripted({1: EXACT, 2: AWAY}), one)
    owner = dataclasses.replace(one, frames=frames_in(tmp_path / "a"))
    others = {
        "folder": dataclasses.replace(one, frames=frames_in(tmp_path / "b")),
        "start": moved(owner, 0),
        "length": dataclasses.replace(owner, boxes=owner.boxes[:2]),
        "origin": dataclasses.replace(owner, origin=1),
        "step": owner.thinned(2),
    }
    folder.write_run(owner, run)
    assert folder.has(owner, "one-pass")
    assert folder.has(moved(owner, 1), "one-pass"), "the tracker saw the first box only"
    for what, other in others.items():
        assert not folder.has(other, "one-pass"), what
    folder.write_run(others["start"], run)
    assert folder.has(others["start"], "one-pass")
    assert not folder.has(owner, "one-pass")


def test_supervised_results_belong_to_the_whole_annotation(tmp_path: Path) -> None:
    folder, sequence = ResultFolder(tmp_path), still(3, "vot")
    run = supervise(Scripted({1: EXACT, 2: EXACT}), sequence)
    folder.write_trajectory(sequence, run)
    corners = dataclasses.replace(sequence, polygons=np.zeros((3, 4, 2)))
    assert folder.has(sequence, "supervised")
    assert not folder.has(moved(sequence, 2), "supervised")
    assert not folder.has(corners, "supervised")


def test_an_interrupt_leaves_no_boxes_of_the_other_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, sequence = ResultFolder(tmp_path), still(2)
    run = follow(Scripted({1: EXACT}), sequence)
    folder.write_run(sequence, run)
    other = moved(sequence, 0)
    monkeypatch.setattr(ResultFolder, "_times", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        folder.write_run(other, run)
    assert not folder.has(sequence, "one-pass")
    assert not folder.has(other, "one-pass")


def test_sequences_of_one_name_in_two_forms_share_nothing(tmp_path: Path) -> None:
    """UAV123 and VOT have a car1 each."""
    folder, sequences = ResultFolder(tmp_path), [still(3), still(2, "vot"), still(2, "got10k")]
    for sequence in sequences:
        folder.write_run(sequence, follow(Scripted({1: EXACT, 2: EXACT}), sequence))
    for sequence in sequences:
        assert folder.has(sequence, "one-pass")
        assert len(folder.read_run(sequence).states) == len(sequence)


def test_results_that_do_not_state_their_video_do_not_count(tmp_path: Path) -> None:
    folder, sequence = ResultFolder(tmp_path), still(2)
    folder.write_run(sequence, follow(Scripted({1: EXACT}), sequence))
    (owner,) = tmp_path.rglob("still.json")
    owner.unlink()
    job = Job(Peer("kcf"), sequence, "one-pass", folder)
    assert (job.done, job.outdated) == (False, True)


def test_a_folder_belongs_to_one_setting(tmp_path: Path) -> None:
    ResultFolder(tmp_path).claim({"preset": None})
    ResultFolder(tmp_path).claim({"preset": None})
    with pytest.raises(ValueError, match="other settings"):
        ResultFolder(tmp_path).claim({"preset": "published"})


def test_the_got10k_toolkit_reads_our_results_and_finds_our_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    toolkit = pytest.importorskip("got10k.experiments", exc_type=ImportError)
    name, generator = "GOT-10k_Val_000001", np.random.default_rng(7)
    folder = tmp_path / "val" / name
    write_pictures(folder, 6, digits=8)
    write_boxes(folder / "groundtruth.txt", np.tile(EXACT, (6, 1)))
    for label, values in (("cover", "8 8 0 4 8 8"), ("absence", "0 0 1 0 0 0")):
        (folder / f"{label}.label").write_text("\n".join(values.split()))
    (folder / "cut_by_image.label").write_text("\n".join("000000"))
    (folder / "meta_info.ini").write_text("[METAINFO]\nresolution: (100, 80)\n")
    (tmp_path / "val" / "list.txt").write_text(f"{name}\n")
    (sequence,) = find_sequences(tmp_path / "val")
    boxes = np.array(EXACT) + generator.normal(0, 3, (6, 4)).round(3)
    run = follow(Scripted(dict(enumerate(map(tuple, boxes), start=1))), sequence)
    # The toolkit expects its own name of the benchmark above the tracker's.
    ResultFolder(tmp_path / "results" / "GOT-10k" / "ours").write_run(sequence, run)
    places = {"result_dir": str(tmp_path / "results"), "report_dir": str(tmp_path / "reports")}
    judge = toolkit.ExperimentGOT10k(str(tmp_path), subset="val", **places)
    theirs = judge.report(["ours"])["ours"]["overall"]
    ours = score(run, sequence)
    assert ours.frames == 5
    assert theirs["ao"] == pytest.approx(ours.mean_overlap, abs=1e-6)
    assert theirs["sr"] == pytest.approx(ours.success_rate(0.5))

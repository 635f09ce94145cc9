"""The command from sequences to the report, on the shipped videos."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from siamdw_ros.evaluation.annotations import read_annotation
from siamdw_ros.siamdw.bundled import BUNDLED
from siamdw_ros.tools.evaluate import main

CLIPS = Path(__file__).parents[1] / "data" / "clips"
JUICE, CUP = str(CLIPS / "juice.mp4"), str(CLIPS / "cup.mp4")


@pytest.mark.parametrize("model", BUNDLED)
def test_the_bundled_weights_follow_the_cup(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([CUP, "--model", model, "--every", "10", "--device", "cpu"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    _, frames, overlap, *_ = next(row for row in rows if row[:1] == ["siamdw"])
    frames, overlap = float(frames), float(overlap)
    assert frames == 22
    assert overlap > 0.5


def test_a_report_with_peers(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [JUICE, "--every", "10", "--tracker", "kcf,mil", "--out", str(out), "--jobs", "1"]
    assert main([*arguments, "--protocol", "both", "--eao", "1:10", "--worst", "1"]) == 0
    found = json.loads((out / "summary.json").read_text())
    assert [tracker["tracker"] for tracker in found["trackers"]] == ["kcf", "mil"]
    for tracker in found["trackers"]:
        assert tracker["one_pass"]["frames"] == 16
        assert 0 <= tracker["one_pass"]["AO"] <= 1
        assert 0 <= tracker["supervised"]["EAO"] <= 1
        assert tracker["sequences"].keys() == {"juice"}
    report = (out / "report.md").read_text()
    assert "| kcf" in report
    assert "Supervised (VOT), EAO over lengths 1 to 10" in report
    page = (out / "report.html").read_text()
    for picture in ("curves.png", "sequences.png", "worst_kcf_juice.jpg"):
        assert (out / picture).stat().st_size > 5000
        assert f'src="{picture}"' in page
    assert np.loadtxt(out / "results" / "kcf" / "juice.txt", delimiter=",").shape == (16, 4)
    assert np.loadtxt(out / "results" / "kcf" / "times" / "juice_time.txt").shape == (16,)


def test_what_is_finished_is_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        JUICE,
        "--every",
        "30",
        "--tracker",
        "kcf",
        "--out",
        str(tmp_path),
        "--worst",
        "0",
    ]
    assert main(arguments) == 0
    times = tmp_path / "results" / "kcf" / "times" / "juice_time.txt"
    before = times.read_bytes(), times.stat().st_mtime_ns
    assert main(arguments) == 0
    assert "1 of 1 are finished already" in capsys.readouterr().err
    assert (times.read_bytes(), times.stat().st_mtime_ns) == before
    assert main([*arguments, "--fresh"]) == 0
    assert times.stat().st_mtime_ns != before[1]


def test_results_of_other_settings_are_not_mixed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [JUICE, "--tracker", "kcf", "--out", str(tmp_path), "--worst", "0"]
    assert main([*arguments, "--every", "30"]) == 0
    assert main([*arguments, "--every", "50"]) == 2
    assert "other settings" in capsys.readouterr().err


def test_another_video_of_the_same_name_is_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for number, clip in enumerate((CUP, JUICE)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for suffix in (".mp4", ".csv"):
            (folder / f"clip{suffix}").symlink_to(Path(clip).with_suffix(suffix))
        arguments = [str(folder / "clip.mp4"), "--every", "30", "--tracker", "kcf"]
        assert main([*arguments, "--out", str(out), "--worst", "0", "--jobs", "1"]) == 0
        assert ("1 of 1 are run again" in capsys.readouterr().err) == (number == 1)
    found = np.loadtxt(out / "results" / "kcf" / "clip.txt", delimiter=",")
    start = read_annotation(Path(JUICE).with_suffix(".csv"))[0]
    np.testing.assert_allclose(found[0], start, atol=1e-3)


def test_two_workers_find_what_one_finds(tmp_path: Path) -> None:
    for jobs in ("1", "2"):
        arguments = [JUICE, CUP, "--every", "30", "--tracker", "kcf", "--worst", "0"]
        assert (
            main([*arguments, "--jobs", jobs, "--threads", "1", "--out", str(tmp_path / jobs)])
            == 0
        )
    for name in ("juice.txt", "cup.txt"):
        one, two = ((tmp_path / jobs / "results" / "kcf" / name).read_text() for jobs in "12")
        assert one == two


def test_a_broken_sequence_does_not_end_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "broken.csv").write_text("frame,x,y,w,h\n0,1,2,30,40\n")
    arguments = [str(tmp_path / "broken.mp4"), JUICE, "--every", "50", "--tracker", "kcf"]
    assert main([*arguments, "--jobs", "1"]) == 1
    printed = capsys.readouterr()
    assert "kcf on broken" in printed.err
    assert "juice " in printed.out


def test_a_tracker_from_a_file_reports_what_is_wrong_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned = tmp_path / "tuned.yaml"
    tuned.write_text(yaml.safe_dump({"modell": "siamfc_res22"}))
    assert main([JUICE, "--tracker", str(tuned)]) == 2
    assert "modell unknown" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gone.zip"], "gone.zip"),
        ([JUICE, "--tracker", "struck"], "neither a tracker"),
        ([JUICE, "--tracker", "nanotrack"], "--nanotrack"),
        ([JUICE, "--tracker", "nanotrack", "--nanotrack", "a.onnx", "b.onnx"], "a.onnx"),
        ([JUICE, "--tracker", "kcf,kcf"], "different names"),
        ([JUICE, JUICE], "two sequences are called juice"),
        ([JUICE, "--set", "window_influence"], "NAME=VALUE"),
        ([JUICE, "--set", "window_influence=["], "--set window_influence=[: not YAML"),
        ([JUICE, "--tracker", __file__], "test_evaluate.py: not YAML"),
        ([JUICE, "--tracker", "kcf", "--out", __file__], "File exists"),
    ],
)
def test_bad_input_is_reported(
    arguments: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NANOTRACK", raising=False)
    assert main([*arguments, "--jobs", "1"]) > 0
    assert expected in capsys.readouterr().err


@pytest.mark.skipif(
    "NANOTRACK" not in os.environ, reason="$NANOTRACK names no folder of its files"
)
def test_nanotrack_is_one_more_row(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [JUICE, "--every", "30", "--tracker", "kcf", "--jobs", "1"]
    assert main([*arguments, "--nanotrack", os.environ["NANOTRACK"]]) == 0
    assert "nanotrack " in capsys.readouterr().out


def test_folder_without_nanotracks_files_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nanotrack_backbone_sim.onnx").touch()
    assert main([JUICE, "--tracker", "kcf", "--nanotrack", str(tmp_path), "--jobs", "1"]) > 0
    assert "one *head*.onnx" in capsys.readouterr().err


def test_failures_have_contact_sheets_and_a_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [CUP, JUICE, "--every", "10", "--tracker", "kcf", "--out", str(tmp_path)]
    assert main([*arguments, "--worst", "0", "--failures", "--jobs", "1"]) == 0
    (tracker,) = json.loads((tmp_path / "summary.json").read_text())["trackers"]
    sequences = tracker["sequences"]
    failing = [name for name in sequences if sequences[name]["first failure"] is not None]
    assert failing
    sheets = sorted(path.name for path in tmp_path.glob("failure_*.jpg"))
    assert sheets == [f"failure_kcf_{name}.jpg" for name in sorted(failing)]
    figures = tracker["one_pass"]
    by_sequence = [sequence["AO"] for sequence in sequences.values()]
    assert figures["mean AO"] == pytest.approx(np.mean(by_sequence))
    printed = capsys.readouterr().out
    assert "kcf fails at" in printed
    assert "mean over sequences" in printed

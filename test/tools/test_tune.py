"""Tuning finds, keeps and resumes; on a few frames of a shipped video."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml

from siamdw_ros.evaluation.trackers import SiamDW, read_spec
from siamdw_ros.evaluation.tuning import OF_NODE, RANGES, starting_point, write_preset
from siamdw_ros.tools import tune
from siamdw_ros.tools.tune import main

JUICE = str(Path(__file__).parents[1] / "data" / "clips" / "juice.mp4")


@pytest.mark.slow
def test_a_search_is_kept_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    optuna = pytest.importorskip("optuna")
    out = tmp_path / "tuned.yaml"
    arguments = [JUICE, "--every", "60", "--device", "cpu", "--threads", "1", "--out", str(out)]
    arguments += ["--range", "window_influence=0.1:0.5"]
    assert main([*arguments, "--trials", "2"]) == 0
    assert main([*arguments, "--trials", "3"]) == 0
    (study,) = optuna.get_all_study_summaries(f"sqlite:///{out.with_suffix('.db')}")
    assert study.n_trials == 3
    found = read_spec(str(out), SiamDW(), ())
    assert isinstance(found, SiamDW)
    assert 0.1 <= found.overrides["window_influence"] <= 0.5
    node = yaml.safe_load((tmp_path / "tuned_node.yaml").read_text())["/**"]["ros__parameters"]
    assert node["tracker"] == found.overrides
    assert "window_influence" in capsys.readouterr().out


class Search:
    """The command on an objective that costs nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.optuna = pytest.importorskip("optuna")
        self.out = folder / "tuned.yaml"
        self.before: Callable[[Any], None] = lambda trial: None
        monkeypatch.setattr(tune, "objective", lambda *_: self._value)

    def _value(self, trial: Any) -> float:
        value = trial.suggest_float("window_influence", 0.1, 0.5)
        self.before(trial)
        return -((value - 0.3) ** 2)

    def run(self, trials: int, clip: str = JUICE) -> int:
        arguments = [clip, "--every", "60", "--out", str(self.out), "--trials", str(trials)]
        return main([*arguments, "--range", "window_influence=0.1:0.5"])

    def trials(self) -> list[Any]:
        storage = f"sqlite:///{self.out.with_suffix('.db')}"
        studies = self.optuna.get_all_study_summaries(storage)
        (study,) = (
            self.optuna.load_study(study_name=s.study_name, storage=storage) for s in studies
        )
        return study.trials

    def values(self) -> list[float]:
        return [trial.params["window_influence"] for trial in self.trials()]


def present() -> float:
    return starting_point(SiamDW()).window_influence


def test_a_resumed_search_goes_on_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed, whole = (Search(tmp_path / name, monkeypatch) for name in "ab")
    assert [resumed.run(trials) for trials in (3, 6, 14)] == [0, 0, 0]
    whole.run(14)
    assert len(set(resumed.values())) == 14
    assert resumed.values() == whole.values()
    assert resumed.values()[0] == present()


def test_processes_that_search_together_propose_different_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(tmp_path, monkeypatch)

    def other_process(trial: Any) -> None:
        search.before = lambda trial: None
        search.run(6)

    search.before = other_process
    search.run(12)
    values = search.values()
    assert len(values) == 12, "in all"
    values.remove(present())  # the other could not know that this one gets to its end
    assert len(values) == len(set(values)) == 11


def test_an_interrupted_search_still_tries_the_present_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(tmp_path, monkeypatch)
    search.before = Mock(side_effect=KeyboardInterrupt)
    assert search.run(4) != 0
    search.before = lambda trial: None
    search.run(4)
    done = [trial for trial in search.trials() if trial.state.name == "COMPLETE"]
    assert len(done) == 4
    assert done[0].params == {"window_influence": present()}
    search.run(6)
    assert search.values().count(present()) == 2, "the interrupted one, and once more"


def test_another_video_of_the_same_name_is_another_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(tmp_path, monkeypatch)
    search.run(3)
    for suffix in (".mp4", ".csv"):
        (tmp_path / f"juice{suffix}").symlink_to(Path(JUICE).with_suffix(suffix))
    search.run(2, str(tmp_path / "juice.mp4"))
    studies = search.optuna.get_all_study_summaries(f"sqlite:///{search.out.with_suffix('.db')}")
    assert sorted(study.n_trials for study in studies) == [2, 3]


@pytest.mark.parametrize(
    ("range_", "expected"),
    [
        ("window=0:1", "no hyper-parameter window"),
        ("window_influence=0.1:3", "window_influence must lie in"),
    ],
)
def test_an_impossible_range_is_reported_at_once(
    range_: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    assert main([JUICE, "--range", range_, "--out", str(tmp_path / "t.yaml")]) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.ros
@pytest.mark.parametrize(
    "spec",
    [
        SiamDW(overrides={"instance_size": 255, "wide_instance_size": 383}),
        SiamDW(model="siamfc_res22", preset="published", overrides={"scales": 1, "upsampling": 8}),
    ],
    ids=lambda spec: spec.model,
)
def test_the_node_takes_all_that_is_written_for_it(tmp_path: Path, spec: SiamDW) -> None:
    """By the same way as ros2 run --params-file; the file names what the node cannot take."""
    rclpy = pytest.importorskip("rclpy")
    from siamdw_ros.node.settings import KNOWN, Settings
    from siamdw_ros.ros.node_parameters import NodeParameters

    assert {f"tracker.{name}" for name in OF_NODE} == {n for n in KNOWN if "tracker." in n}
    best = {name: low for name, (low, _) in RANGES.items() if hasattr(starting_point(spec), name)}
    write_preset(tmp_path / "tuned.yaml", spec, best, "good")
    file = tmp_path / "tuned_node.yaml"
    left_out = [f"{k}: {v}" for k, v in spec.overrides.items() if k not in OF_NODE]
    assert f"no such parameter: {', '.join(left_out)}" in file.read_text()

    context = rclpy.Context()
    rclpy.init(args=["--ros-args", "--params-file", str(file)], context=context, domain_id=99)
    node = rclpy.create_node("siamdw_tracker", context=context)
    try:
        settings = NodeParameters(node, Settings).settings
        undeclared = set(node._parameter_overrides) - set(node.get_parameters_by_prefix(""))
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
    assert undeclared <= {"use_sim_time"}
    assert (settings.model, settings.preset or None) == (spec.model, spec.preset)
    of_node = {name: value for name, value in spec.overrides.items() if name in OF_NODE}
    assert settings.hyper() == {**of_node, **best}


def test_a_range_the_wrong_way_round(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([JUICE, "--range", "rate=0.5:0.1"])
    assert "must be less than" in capsys.readouterr().err


def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main([JUICE]) == 2
    assert "pip install optuna" in capsys.readouterr().err

"""Tuning finds, keeps and resumes; on a few frames of a shipped video."""

import sys
from pathlib import Path

import pytest
import yaml

from siamdw_ros.evaluation.trackers import SiamDW, read_spec
from siamdw_ros.evaluation.tuning import OF_NODE, RANGES, starting_point, write_preset
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

"""The training command, from files to weights."""

import builtins
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from siamdw_ros.siamdw import create_tracker
from siamdw_ros.tools.train import main

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    # Not importorskip: every worker imports this file, and Lightning takes seconds.
    pytest.mark.skipif(find_spec("lightning") is None, reason="lightning is not installed"),
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write two pictures and a configuration of one step."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(2):
        small = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(small, (300, 200)))
    content = {
        "folder": str(tmp_path / "run"),
        "model": "siamfc_res16",
        "recipe": "matching",
        "learned_scale": True,
        "epochs": 1,
        "pairs_per_epoch": 2,
        "batch": 2,
        "optimizer": {"kind": "adamw", "schedule": "cosine", "rate": 0.001},
        "search_side": 143,
        "photographs": [str(folder)],
        "device": "cpu",
        "workers": 0,
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_it_writes_weights_that_a_tracker_takes(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(config)]) == 0
    weights = config.parent / "run" / "network.pt"
    assert str(weights) in capsys.readouterr().out
    assert create_tracker("siamfc_res16", weights).multi_tracker is not None


def test_training_can_begin_with_weights_of_a_file(
    config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert main([str(config)]) == 0
    run = config.parent / "run"
    with caplog.at_level("INFO"):
        folder = f"folder={config.parent / 'second'}"
        assert main([str(config), folder, f"init={run / 'network.pt'}"]) == 0
    assert "backbone and head" in caplog.text


def test_weights_of_another_network_are_refused(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(config)]) == 0
    other = [f"init={config.parent / 'run' / 'network.pt'}", "model=siamfc_res22w"]
    assert main([str(config), *other, f"folder={config.parent / 'other'}"]) == 2
    assert "holds siamfc_res16, whose backbone is not that of" in capsys.readouterr().err


def test_check_shows_what_would_be_learnt_from_and_trains_nothing(
    config: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        # An option may stand between the file and what replaces its keys.
        assert main([str(config), "--check", "seed=3"]) == 0
    assert "2 photographs, 0 cut-outs" in caplog.text
    sheet = cv2.imread(str(config.parent / "run" / "pairs.jpg"))
    assert sheet is not None
    assert sheet.shape[0] > 600
    assert not (config.parent / "run" / "network.pt").exists()


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("photographs=[gone]", "photographs.0: gone does not exist"),
        ("batches=3", "unknown key 'batches': did you mean 'batch'?"),
        ("init={config}", "is damaged or no checkpoint at all"),
        ("cutouts=[{config}]", "neither a folder nor a zip file"),
        ("device=gpu devices=99", "device=gpu, devices=99: "),
    ],
)
def test_faults_are_one_clear_line(
    config: Path, capsys: pytest.CaptureFixture[str], override: str, expected: str
) -> None:
    overrides = [part.replace("{config}", str(config)) for part in override.split()]
    assert main([str(config), *overrides]) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_without_lightning_it_names_what_to_install(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    true_import = builtins.__import__

    def lacking(name: str, *rest: object) -> object:
        if name.partition(".")[0] == "pydantic":
            raise ModuleNotFoundError(f"No module named '{name}'", name="pydantic")
        return true_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", lacking)
    monkeypatch.delitem(__import__("sys").modules, "siamdw_ros.training.config", raising=False)
    assert main([str(config)]) == 2
    assert "pip install lightning 'pydantic>=2'" in capsys.readouterr().err

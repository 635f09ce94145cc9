"""The command that averages checkpoint files."""

from pathlib import Path

import pytest
import torch

from siamdw_ros.siamdw.checkpoints import load_network, save_network
from siamdw_ros.siamdw.networks import create_network
from siamdw_ros.training.average_checkpoints import main


def written(path: Path, name: str = "siamfc_res16", seed: int = 0) -> Path:
    """A file of a network with random weights."""
    torch.manual_seed(seed)
    save_network(create_network(name, learned_scale=True), path, half=True)
    return path


def test_the_mean_lies_in_the_middle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [written(tmp_path / f"{seed}.pt", seed=seed) for seed in range(3)]
    assert main([*map(str, files), "--out", str(tmp_path / "mean.pt")]) == 0
    assert "mean of 3 files of siamfc_res16" in capsys.readouterr().out
    tables = [load_network("siamfc_res16", file).state_dict() for file in files]
    mean = load_network("siamfc_res16", tmp_path / "mean.pt").state_dict()
    for key, value in mean.items():
        expected = sum(table[key].double() for table in tables) / 3
        torch.testing.assert_close(value.double(), expected, atol=1e-3, rtol=1e-3)


def test_a_folder_that_does_not_exist_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "a.pt")
    assert main([str(file), "--out", str(tmp_path / "no" / "mean.pt")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("average_checkpoints: ")
    assert error.count("\n") == 1


def test_files_of_two_networks_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [written(tmp_path / "a.pt"), written(tmp_path / "b.pt", "siamfc_res19")]
    assert main([*map(str, files), "--out", str(tmp_path / "mean.pt")]) == 1
    assert "b.pt (siamfc_res19) does not hold" in capsys.readouterr().err
    assert not (tmp_path / "mean.pt").exists()

"""The training command, from files to weights."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from siamdw_ros.siamdw import create_tracker
from siamdw_ros.tools.train import main


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Write a folder of two pictures."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(2):
        small = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(small, (300, 200)))
    return folder


def test_it_writes_weights_that_a_tracker_takes(
    tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    options = ["--steps", "1", "--batch", "2", "--workers", "0", "--search-side", "143"]
    assert main([str(run), "--photographs", str(photographs), *options]) == 0
    assert "2 photographs, 0 cut-outs" in capsys.readouterr().out
    assert create_tracker("siamfc_res22", run / "network.pt").method is not None


def test_missing_pictures_are_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "run"), "--photographs", str(tmp_path / "gone")]) == 2
    assert "gone: neither a folder nor a zip file" in capsys.readouterr().err

"""Training of the head that finds boxes at points, on images that are drawn here."""

import zipfile

import cv2
import numpy as np
import pytest
import torch

from siamdw_ros.siamdw.extent import ExtentHead
from siamdw_ros.training import extents


@pytest.fixture
def stills(tmp_path):
    """A zip of discs on plain ground, and a boxes.csv."""
    path = tmp_path / "discs.zip"
    rows = ["file,x,y,w,h"]
    with zipfile.ZipFile(path, "w") as archive:
        for i, radius in enumerate((10, 20, 30)):
            image = np.full((160, 200, 3), 90, np.uint8)
            cv2.circle(image, (100, 80), radius, (20, 30, 220), -1)
            archive.writestr(f"{i}.png", cv2.imencode(".png", image)[1].tobytes())
            rows.append(f"{i}.png,{100 - radius},{80 - radius},{2 * radius},{2 * radius}")
        archive.writestr("boxes.csv", "\n".join(rows))
    return path


def test_distances_are_those_from_the_windows_middle_to_the_object(stills):
    rng = np.random.default_rng(1)
    draw = extents.still_boxes(stills)
    for _ in range(10):
        windows, labels = extents.draw_windows(draw, rng, 0.6)
        for window, (octaves, left, top, right, bottom) in zip(windows, labels, strict=True):
            assert left + right == pytest.approx(0.5 / 2**octaves)
            assert octaves <= 0.6
            if octaves < -0.8:
                continue
            ys, xs = np.nonzero(window[..., 2] > 160)
            across = np.clip([63.5 - left * 127, 63.5 + right * 127], 0, 127)
            down = np.clip([63.5 - top * 127, 63.5 + bottom * 127], 0, 127)
            assert [xs.min(), xs.max() + 1] == pytest.approx(across, abs=5)
            assert [ys.min(), ys.max() + 1] == pytest.approx(down, abs=5)


def test_overlap_of_boxes_around_one_point():
    truth = torch.tensor([[1.0, 1, 1, 1]])
    assert extents.overlap_of_distances(truth, truth).item() == 1
    assert extents.overlap_of_distances(truth, 2 * truth).item() == pytest.approx(0.25)


def test_a_head_learns_from_its_windows():
    torch.manual_seed(0)
    wide = torch.rand(64) < 0.5
    features = torch.randn(64, 8, 5, 5) + 3 * wide[:, None, None, None]
    distances = torch.where(wide[:, None], torch.tensor([0.4, 0.1, 0.4, 0.1]), 0.2)
    head = extents.train_head(
        extents.Windows(features, torch.where(wide, 0.0, 2.0), distances), epochs=60, batch=32
    )
    with torch.no_grad():
        scores, found = head(features)
    assert scores[wide].min() > scores[~wide].max()
    assert extents.overlap_of_distances(found, distances)[wide].mean() > 0.8


def test_the_command_writes_a_head_that_can_be_loaded(stills, tmp_path):
    out = tmp_path / "head.pt"
    command = ["--stills", str(stills), "--out", str(out), "--objects", "4", "--epochs", "1"]
    assert extents.main(command) == 0
    ExtentHead().load_state_dict(torch.load(out, weights_only=True))


def test_missing_data_is_reported(tmp_path, capsys):
    command = ["--stills", str(tmp_path / "none.zip"), "--out", str(tmp_path / "head.pt")]
    assert extents.main(command) == 2
    assert "none.zip" in capsys.readouterr().err

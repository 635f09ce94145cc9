"""The quantize command, on a clip of the repository."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.siamdw.bundled import bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import read_checkpoint
from siamdw_ros.tools import quantize

CLIPS = Path(__file__).parents[1] / "data" / "clips"


def test_a_quantised_checkpoint_has_the_same_weights_and_ranges(tmp_path, capsys):
    out = tmp_path / "out.pt"
    source = bundled_checkpoint("siamfc_res22")
    assert (
        quantize.main([source, str(CLIPS / "cup.mp4"), "--out", str(out), "--windows", "2"]) == 0
    )
    assert "24 convolutions" in capsys.readouterr().out
    before, after = read_checkpoint(source), read_checkpoint(out)
    assert before.weights.keys() == after.weights.keys()
    assert all(torch.equal(before.weights[key], after.weights[key]) for key in before.weights)
    assert after.precision == before.precision
    assert after.activation_ranges["backbone.conv1"][1] == pytest.approx(255, abs=20)


@pytest.mark.parametrize("count", [2, 25])
def test_windows_are_spread_over_all_frames_and_not_more_than_asked_for(count, tmp_path):
    """Each frame is of its own grey, and so are the windows."""
    folder = tmp_path / "grey"
    folder.mkdir()
    for i in range(49):
        cv2.imwrite(str(folder / f"{i:02d}.png"), np.full((40, 40, 3), i, np.uint8))
    rows = [f"{i},10,10,20,20" if i % 7 else f"{i},,,," for i in range(1, 49)]
    (tmp_path / "grey.csv").write_text("\n".join(["frame,x,y,w,h", "0,10,10,20,20", *rows]))
    (sequence,) = find_sequences(folder)
    found = [int(window[0, 0, 0]) for window in quantize.cut_windows([sequence] * 3, count)]
    assert len(found) == count
    if count == 25:
        first = found[:9]
        assert (first[0], first[-1]) == (0, 48)
        assert max(np.diff(first)) - min(np.diff(first)) <= 2
        assert all(i % 7 for i in first[1:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.pt", str(CLIPS / "cup.mp4")], "missing.pt"),
        ([bundled_checkpoint("siamfc_res22"), "missing.mp4"], "missing.mp4"),
    ],
)
def test_what_cannot_be_quantised_gets_one_line(arguments, message, tmp_path, capsys):
    assert quantize.main([*arguments, "--out", str(tmp_path / "out.pt")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("quantize: ")
    assert message in error
    assert error.count("\n") == 1

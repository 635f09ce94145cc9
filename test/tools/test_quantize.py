"""The quantize command, on a clip of the repository."""

from pathlib import Path

import pytest
import torch

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

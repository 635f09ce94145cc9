"""Evaluation through the public face, on a few frames of the shipped film."""

from pathlib import Path

import pytest

from siamdw_ros.tools.evaluate import Score, annotated_frames, main, table

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


def test_every_frame_of_the_film_has_its_box() -> None:
    frames = list(annotated_frames(CLIP))
    assert len(frames) == 217
    assert frames[0][1] == (306, 124, 108, 260)


def test_the_bundled_weights_follow_the_cup(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(CLIP), "--every", "20", "--device", "cpu"]) == 0
    row = capsys.readouterr().out.splitlines()[2]
    name, frames, mean_iou, *_ = (cell.strip() for cell in row.strip("|").split("|"))
    assert (name, frames) == ("cup", "10")
    assert float(mean_iou) > 0.5


def test_the_total_weighs_sequences_by_their_frames() -> None:
    scores = [Score("a", 10, 1.0, 1.0, 5.0), Score("b", 30, 0.0, 0.0, 5.0)]
    assert "| all | 40 | 0.250 | 0.250 | 5.0 |" in table(scores)


def test_a_sequence_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gone.zip"]) == 2
    assert "gone.zip" in capsys.readouterr().err

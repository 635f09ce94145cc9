"""The curve of "the target is absent", and the logistic fit of the presence score."""

import json
from pathlib import Path

import numpy as np
import pytest

from siamdw_ros.measurement import presence
from siamdw_ros.measurement.presence_curve import absent_curve, fit_logistic, points

CLIPS = Path(__file__).parent.parent / "data" / "clips"


def test_precision_and_recall_of_a_hand_worked_case():
    scores, present = np.array([0.1, 0.3, 0.6, 0.9]), np.array([False, True, False, True])
    curve = absent_curve(scores, present)
    found = {t: (p, r) for t, p, r in points(curve, (0.0, 0.2, 0.5, 0.7, 1.0))}
    assert found[0.0] == (1.0, 0.0)
    assert found[0.2] == (1.0, 0.5)
    assert found[0.5] == (0.5, 0.5)
    assert found[0.7] == (pytest.approx(2 / 3), 1.0)
    assert found[1.0] == (0.5, 1.0)


def test_scores_that_separate_all_have_an_average_precision_of_one():
    present = np.arange(20) >= 10
    assert absent_curve(np.where(present, 0.9, 0.1), present).average_precision == pytest.approx(1)


def test_logistic_fit_finds_where_both_kinds_are_as_likely():
    rng = np.random.default_rng(0)
    logits = np.concatenate([rng.normal(4, 1, 4000), rng.normal(0, 1, 1000)])
    present = np.arange(5000) < 4000
    slope, constant = fit_logistic(logits[:, None], present)
    assert -constant / slope == pytest.approx(2, abs=0.1)  # whatever the numbers of both kinds
    assert slope == pytest.approx(4, rel=0.15)  # of two normal distributions: distance / variance


def test_command_measures_the_bundled_weights(tmp_path, capsys):
    videos = [str(CLIPS / f"{name}.mp4") for name in ("cup", "box", "juice")]
    options = ["--frames", "6", "--threads", "1", "--out", str(tmp_path)]
    assert presence.main([*videos, *options]) == 0
    figures = json.loads((tmp_path / "presence.json").read_text())
    assert figures["searches"] > figures["present"] > 9
    assert figures["average_precision"] > 0.9
    assert "presence_midpoint" in capsys.readouterr().out


def test_too_few_videos_are_refused(capsys):
    assert presence.main([str(CLIPS / "cup.mp4")]) == 2
    assert "at least three" in capsys.readouterr().err

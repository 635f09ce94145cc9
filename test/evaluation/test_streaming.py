"""Evaluation through the node: late boxes are punished."""

import json
from pathlib import Path

import numpy as np
import pytest

from siamdw_ros.evaluation.playback import ImageResult
from siamdw_ros.evaluation.streaming import newest_boxes, node_arguments
from siamdw_ros.evaluation.trackers import SiamDW
from siamdw_ros.siamdw import State
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK
from siamdw_ros.tools.evaluate import main

JUICE = Path(__file__).parents[1] / "data" / "clips" / "juice.mp4"
START, A, B = (0.0, 0.0, 9.0, 9.0), (1.0, 1.0, 9.0, 9.0), (2.0, 2.0, 9.0, 9.0)


def test_a_frame_gets_the_newest_box_that_had_arrived() -> None:
    sent = [(-1, 0), (0, 100), (1, 200), (2, 300), (3, 400)]
    results = {
        100: ImageResult(190, [A]),
        200: ImageResult(301, [B]),
    }  # B comes when frame 2 is taken already
    run = newest_boxes(sent, results, START, (100, 80))
    np.testing.assert_array_equal(run.boxes, [START, A, A, B])
    assert run.size == (100, 80)


def test_a_late_answer_does_not_replace_a_newer_one() -> None:
    sent = [(0, 100), (1, 200), (2, 300)]
    results = {100: ImageResult(290, [A]), 200: ImageResult(280, [B])}
    np.testing.assert_array_equal(newest_boxes(sent, results, START, (9, 9)).boxes[2], B)


def test_no_box_means_lost() -> None:
    run = newest_boxes([(0, 100), (1, 200)], {100: ImageResult(150, [])}, START, (9, 9))
    assert np.isnan(run.boxes[1]).all()
    assert list(run.states) == [State.TRACKED, State.LOST]


def test_the_node_is_set_as_the_tracker() -> None:
    arguments = node_arguments(SiamDW(device="cpu", overrides={"window_influence": 0.3}))
    assert f"model:={DEFAULT_NETWORK}" in arguments
    assert "tracker.window_influence:=0.3" in arguments
    assert not any(text.startswith("checkpoint") for text in arguments)


def test_a_setting_that_the_node_would_ignore_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no parameter tracker\.upsampling"):
        node_arguments(SiamDW(overrides={"upsampling": 8}))


@pytest.mark.ros
@pytest.mark.slow
def test_the_node_tracks_through_a_video(ros_domain: None, tmp_path: Path) -> None:
    arguments = [str(JUICE), "--through-node", "--rate", "5", "--device", "cpu", "--worst", "0"]
    arguments += ["--every", "4"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    (tracker,) = json.loads((tmp_path / "summary.json").read_text())["trackers"]
    assert tracker["one_pass"]["frames"] == 38
    assert tracker["one_pass"]["AO"] > 0.1
    assert "## Through the node" in (tmp_path / "report.md").read_text()

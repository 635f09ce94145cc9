"""What is made at first use is made by the warm-up: no image waits for a compiler."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import DEFAULT_FIRST

from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.siamdw import State, create_multi_tracker

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
CUP = (306.0, 124.0, 108.0, 260.0)  # on the first frame


@pytest.fixture(autouse=True)
def _openvino():
    pytest.importorskip("openvino", reason="OpenVINO is not installed")


@pytest.fixture(scope="module", params=DEFAULT_FIRST)
def tracker(request):
    torch.set_num_threads(1)
    made = create_multi_tracker(request.param, precision="full", backend="openvino")
    made.warm_up()
    return made


def test_every_window_side_is_compiled(tracker):
    hyper = tracker.hyper
    sides = {hyper.instance_size, hyper.wide_instance_size} - {0}
    shapes = tracker.runtime.search_features.compiled_shapes
    assert shapes == {(side, side, 3) for side in sides}


def test_both_window_sides_of_siamrpn_are_compiled(official_file):
    options = {"instance_size": 255, "small_instance_size": 287, "backend": "openvino"}
    tracker = create_multi_tracker("siamrpn_res22", official_file("siamrpn_res22"), **options)
    tracker.warm_up(targets=1)
    shapes = tracker.runtime.search_features.compiled_shapes
    assert shapes == {(255, 255, 3), (287, 287, 3)}


def processor_ms(tracker, image, targets):
    """Processor time of one update: other processes of the machine do not count."""
    start = time.process_time()
    results = tracker.update(image, targets)
    return 1e3 * (time.process_time() - start), results


def test_first_image_without_the_target_is_no_slower_than_those_that_follow(tracker):
    """A miss costs SiamFC+ a wide search of 2.3 times the pixels; a compiler cost 20 times."""
    frames = [frame for frame, _ in zip(read_clip(CLIP), range(9), strict=False)]
    target = tracker.start(frames[0], CUP)
    seen = [processor_ms(tracker, frame, [target])[0] for frame in frames[1:]]
    empty = np.full_like(frames[0], 120)
    missed, states = [], []
    for _ in range(4):
        milliseconds, (result,) = processor_ms(tracker, empty, [target])
        missed.append(milliseconds)
        states.append(result.state)
    assert states == [State.UNCERTAIN] * 4, "SiamFC+ searches twice in each of them"
    assert missed[0] < 2 * np.median(missed[1:])
    assert missed[0] < 6 * np.median(seen)


def test_further_targets_cost_no_more_in_their_first_image(tracker):
    frames = [frame for frame, _ in zip(read_clip(CLIP), range(5), strict=False)]
    for count in (2, 3, 4):
        targets = [tracker.start(frames[0], CUP) for _ in range(count)]
        times = [processor_ms(tracker, frame, targets)[0] for frame in frames[1:]]
        assert times[0] < 2 * np.median(times[1:])

"""VOT's supervised experiment, against cases worked by hand."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from scripted import Scripted, still

from siamdw_ros.evaluation.vot import (
    BURN_IN,
    Event,
    VotScore,
    accuracy,
    eao,
    expected_overlap,
    overlap_with_region,
    robustness,
    supervise,
    vot_score,
)

EXACT, HALF, AWAY = (10.0, 10.0, 20.0, 20.0), (10.0, 10.0, 20.0, 10.0), (60.0, 50.0, 20.0, 20.0)


def test_a_failure_is_followed_by_a_new_start_five_frames_later() -> None:
    tracker = Scripted({**dict.fromkeys(range(20), EXACT), 3: AWAY})
    run = supervise(tracker, still(10))
    assert [start for start, _ in tracker.started] == [0, 8]
    assert list(run.events) == [1, 3, 3, 2, 0, 0, 0, 0, 1, 3]
    assert np.isnan(run.boxes[3]).all()


def test_a_start_waits_for_the_target_to_come_back() -> None:
    sequence = still(12)
    sequence.boxes[6:10] = np.nan
    tracker = Scripted({**dict.fromkeys(range(20), EXACT), 2: AWAY})
    run = supervise(tracker, sequence)
    assert [start for start, _ in tracker.started] == [0, 10]
    assert run.events[7] == Event.SKIPPED


def test_an_absent_target_is_no_failure() -> None:
    sequence = still(4)
    sequence.boxes[2] = np.nan
    run = supervise(Scripted({1: EXACT, 2: AWAY, 3: EXACT}), sequence)
    assert list(run.events) == [1, 3, 3, 3]
    assert np.isnan(vot_score(run, sequence).overlaps[2])


def test_accuracy_leaves_out_the_burn_in() -> None:
    sequence = still(BURN_IN + 2)
    boxes = dict.fromkeys(range(BURN_IN), HALF) | {BURN_IN: EXACT, BURN_IN + 1: HALF}
    score = vot_score(supervise(Scripted(boxes), sequence), sequence)
    assert np.isfinite(score.accurate).nonzero()[0].tolist() == [BURN_IN, BURN_IN + 1]
    assert accuracy([score]) == pytest.approx(0.75)


def test_robustness_counts_failures_in_a_hundred_frames() -> None:
    tracker = Scripted({**dict.fromkeys(range(50), EXACT), 3: AWAY, 20: AWAY})
    sequence = still(50)
    score = vot_score(supervise(tracker, sequence), sequence)
    assert score.failures.tolist() == [3, 20]
    assert robustness([score]) == pytest.approx(4.0)


def _scored(overlaps: list[float], starts: list[int], failures: list[int]) -> VotScore:
    values = np.array(overlaps)
    return VotScore("s", values, values, np.array(starts, int), np.array(failures, int))


def test_expected_overlap_of_a_run_without_failure_is_its_running_mean() -> None:
    curve = expected_overlap([_scored([np.nan, 0.8, 0.6, 0.4], [0], [])])
    np.testing.assert_allclose(curve, [1, 0.8, 0.7, 0.6])


def test_a_failure_counts_as_zero_from_there_on_but_the_end_of_a_video_does_not() -> None:
    nan = np.nan
    scores = [
        _scored([nan, 0.8, nan, nan, nan, nan, nan, nan], [0, 7], [2]),  # fails at length 2
        _scored([nan, 0.6, 0.6], [0], []),  # ends at length 2
    ]
    curve = expected_overlap(scores)
    assert curve[1] == pytest.approx((0.8 + 0.6) / 2)
    assert curve[2] == pytest.approx((0.4 + 0.6) / 2)
    assert curve[4] == pytest.approx(0.2)  # only the failed fragment: 0.8 / 4
    assert eao(scores, (1, 2)) == pytest.approx((0.7 + 0.5) / 2)
    assert np.isnan(eao(scores, (100, 356)))


def test_overlap_with_a_rotated_region() -> None:
    # A square on its tip, 20 across: area 200. The box is its left half's bounding box.
    diamond = np.array([[[20.0, 10], [30, 20], [20, 30], [10, 20]]])
    sequence = dataclasses.replace(still(1), polygons=diamond)
    value = overlap_with_region(sequence, 0, (10.0, 10.0, 10.0, 20.0), (100, 80))
    assert value == pytest.approx(100 / (200 + 200 - 100))


def test_what_lies_outside_the_image_does_not_count() -> None:
    sequence = still(1, box=(90, 10, 20, 20))
    assert overlap_with_region(sequence, 0, (90.0, 10.0, 10.0, 20.0), (100, 80)) == 1
    assert overlap_with_region(sequence, 0, (120.0, 10.0, 10.0, 20.0), (100, 80)) == 0


def ends(box: NDArray[np.int64]) -> NDArray[np.int64]:
    return box[:2] + box[2:]


def test_overlap_is_the_share_of_common_pixels() -> None:
    """Boxes of whole pixels, many of which only touch: also those that OpenCV gets wrong."""
    width, height = size = (24, 18)
    generator = np.random.default_rng(3)
    pairs = generator.integers((-4, -4, 1, 1), (22, 16, 10, 10), (800, 2, 4))
    touching = 0
    for truth, found in [*pairs, np.array([(3, 0, 2, 6), (2, 3, 1, 14)])]:
        masks = np.zeros((2, height, width), bool)
        for mask, (x, y, w, h) in zip(masks, (truth, found), strict=True):
            mask[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
        common, union = (masks[0] & masks[1]).sum(), (masks[0] | masks[1]).sum()
        expected = common / union if common else 0.0
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * truth[2:] + truth[:2]
        boxes = still(1, box=tuple(map(float, truth)))
        polygons = dataclasses.replace(boxes, polygons=corners[None].astype(float))
        for sequence in (boxes, polygons):
            value = overlap_with_region(sequence, 0, tuple(map(float, found)), size)
            assert value == pytest.approx(expected, abs=1e-12), (truth, found)
            assert common or value == 0  # exactly: it is what a failure is known by
        low, high = np.maximum(truth[:2], found[:2]), np.minimum(ends(truth), ends(found))
        touching += (low - high).max() == 0
    assert touching > 40


def test_a_box_that_slid_off_the_target_and_touches_it_is_a_failure() -> None:
    tracker = Scripted({**dict.fromkeys(range(20), EXACT), 3: (30.0, 24.0, 25.0, 15.0)})
    assert supervise(tracker, still(5)).events[3] == Event.FAILED


def test_no_box_is_a_failure() -> None:
    tracker = Scripted({**dict.fromkeys(range(20), EXACT), 3: (float("nan"),) * 4})
    assert supervise(tracker, still(5)).events[3] == Event.FAILED


def test_region_overlap_agrees_with_the_got10k_toolkit() -> None:
    theirs = pytest.importorskip("got10k.utils.metrics", exc_type=ImportError)
    generator = np.random.default_rng(1)
    for _ in range(20):
        center, sides = generator.uniform(20, 60, 2), generator.uniform(8, 30, 2)
        angle = generator.uniform(0, np.pi)
        axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corners = center + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * sides / 2 @ axes
        sequence = dataclasses.replace(still(1), polygons=corners[None])
        box = (*(center - 12 + generator.normal(0, 5, 2)), 24.0, 20.0)
        expected = theirs.poly_iou(corners.reshape(8), np.array(box), bound=(100, 80))
        assert overlap_with_region(sequence, 0, box, (100, 80)) == pytest.approx(
            float(np.squeeze(expected)), abs=1e-9
        )

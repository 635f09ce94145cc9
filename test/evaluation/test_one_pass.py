"""OTB's and GOT-10k's figures, against cases worked by hand."""

import dataclasses
import itertools
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scripted import SIZE, Scripted, still

from siamdw_ros.evaluation import one_pass, outcome, runner
from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.evaluation.one_pass import follow, score
from siamdw_ros.evaluation.results import ResultFolder
from siamdw_ros.evaluation.trackers import SiamDW
from siamdw_ros.siamdw import State, TrackResult, create_tracker
from siamdw_ros.siamdw.crops import Image

CLIPS = Path(__file__).parents[1] / "data" / "clips"

EXACT, HALF, AWAY = (10.0, 10.0, 20.0, 20.0), (10.0, 10.0, 20.0, 10.0), (60.0, 50.0, 20.0, 20.0)


def test_a_run_of_known_boxes_has_known_scores() -> None:
    # Overlaps 1 (given), 1, 1/2, 0: the curve has 4/4 at no threshold (0 > 0 is false).
    sequence = still(4)
    run = follow(Scripted({1: EXACT, 2: HALF, 3: AWAY}), sequence)
    result = score(run, sequence)
    assert result.mean_overlap == pytest.approx((1 + 0.5 + 0) / 3)
    assert result.success_rate(0.5) == pytest.approx(1 / 3)
    # 3/4 below 0.5 (ten thresholds), 2/4 from 0.5 to 0.95 (ten), none at 1.
    assert result.success_auc == pytest.approx((10 * 0.75 + 10 * 0.5 + 0) / 21)
    # Centres are off by 0, 0, 5 and 64 pixels.
    assert result.precision_20 == 0.75
    assert result.precision[4] == 0.5
    assert result.precision[5] == 0.75
    # Off by 0, 0, 0.25 and 3.2 box sizes: 2/4 up to 0.24 (25 of 51), 3/4 after it (26).
    assert result.normalised_auc == pytest.approx((25 * 0.5 + 26 * 0.75) / 51)


def test_the_tracker_is_started_once_on_the_first_box() -> None:
    tracker = Scripted({1: AWAY, 2: AWAY})
    run = follow(tracker, still(3))
    assert tracker.started == [(0, EXACT)]
    assert run.size == SIZE
    np.testing.assert_array_equal(run.boxes, [EXACT, AWAY, AWAY])


def test_absent_frames_count_for_presence_only() -> None:
    sequence = still(6)
    sequence.boxes[2:5] = np.nan
    states = {2: State.UNCERTAIN, 3: State.LOST, 4: State.LOST, 5: State.LOST}
    result = score(follow(Scripted(dict.fromkeys(range(6), EXACT), states), sequence), sequence)
    assert (result.frames, result.mean_overlap) == (3, 1.0)
    assert (result.absent, result.absent_lost, result.absent_uncertain) == (3, 2, 1)
    assert result.visible_lost == 1


def test_an_attribute_looks_at_its_frames_only() -> None:
    sequence = still(4)
    run = follow(Scripted({1: EXACT, 2: AWAY, 3: AWAY}), sequence)
    assert score(run, sequence, np.array([False, True, False, False])).mean_overlap == 1.0
    assert score(run, sequence, np.array([False, False, True, True])).mean_overlap == 0.0


def test_boxes_are_cut_off_at_the_image_as_got10k_does() -> None:
    # The part inside the image, 10 x 20, is all of both boxes that counts.
    sequence = still(2, box=(90, 10, 10, 20))
    run = follow(Scripted({1: (90, 10, 50, 20)}), sequence)
    assert score(run, sequence).mean_overlap == pytest.approx(1.0)


def test_no_box_at_all_scores_zero() -> None:
    sequence = still(2)
    run = follow(Scripted({1: (math.nan,) * 4}), sequence)
    assert score(run, sequence).mean_overlap == 0


def test_every_other_frame_is_left_out() -> None:
    sequence = still(7).thinned(3)
    tracker = Scripted({3: EXACT, 6: AWAY})
    assert len(sequence) == 3
    assert score(follow(tracker, sequence), sequence).mean_overlap == 0.5


def test_results_of_another_sequence_are_refused() -> None:
    run = follow(Scripted({1: EXACT}), still(2))
    with pytest.raises(ValueError, match="2 results, 3 frames"):
        score(run, still(3))


def test_more_or_fewer_images_than_boxes_is_an_error() -> None:
    sequence = still(3)
    with pytest.raises(ValueError, match="2 boxes for more images"):
        list(dataclasses.replace(sequence, boxes=sequence.boxes[:2]).images())
    longer = dataclasses.replace(sequence, boxes=np.vstack([sequence.boxes] * 2))
    with pytest.raises(ValueError, match="6 boxes for only 3 images"):
        list(longer.images())


def test_figures_agree_with_the_got10k_toolkit() -> None:
    theirs = pytest.importorskip("got10k.utils.metrics", exc_type=ImportError)
    generator = np.random.default_rng(4)
    truth = np.hstack([generator.uniform(0, 60, (50, 2)), generator.uniform(5, 40, (50, 2))])
    found = truth + generator.normal(0, 8, (50, 4))
    found[:, 2:] = found[:, 2:].clip(2)
    found[0] = truth[0]
    sequence = dataclasses.replace(still(50), boxes=truth)
    run = follow(Scripted(dict(enumerate(map(tuple, found)))), sequence)
    ours = score(run, sequence)
    overlaps = theirs.rect_iou(found, truth)
    curve = (overlaps[:, None] > np.linspace(0, 1, 21)).mean(axis=0)
    np.testing.assert_allclose(ours.success, curve)
    errors = theirs.center_error(found, truth)
    np.testing.assert_allclose(ours.precision, (errors[:, None] <= np.arange(51)).mean(axis=0))
    bounded = theirs.rect_iou(found[1:].copy(), truth[1:].copy(), bound=SIZE)
    np.testing.assert_allclose(ours.overlaps, bounded, atol=1e-12)


class Compiled(Scripted):
    """Needs 4 s for its first image, and 0.1 s for each later one; moves a clock by that."""

    def __init__(self, clock: SimpleNamespace) -> None:
        super().__init__(dict.fromkeys(range(60), HALF))
        self.clock = clock
        self.costs = itertools.chain([4.0], itertools.repeat(0.1))

    def track(self, image: Image) -> TrackResult:
        self.clock.now += next(self.costs)
        return super().track(image)


class CompiledSpec:
    label = "compiled"

    def __init__(self, clock: SimpleNamespace) -> None:
        self.tracker = Compiled(clock)

    def build(self) -> Compiled:
        return self.tracker


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    for module in (one_pass, outcome):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(runner, "_built", {})
    return clock


def test_what_only_the_first_images_cost_is_not_timed(
    clock: SimpleNamespace, tmp_path: Path
) -> None:
    sequence, spec, folder = still(8), CompiledSpec(clock), ResultFolder(tmp_path)
    for _ in range(2):
        runner.Job(spec, sequence, "one-pass", folder).run()
        run = folder.read_run(sequence)
        assert score(run, sequence).frames_per_second == pytest.approx(10)
        np.testing.assert_array_equal(run.boxes, [EXACT] + [HALF] * 7)
    assert spec.tracker.started == [(0, EXACT)] * 3, "warmed up once"


def test_the_speed_of_a_tracker_is_without_what_its_first_images_cost(
    clock: SimpleNamespace,
) -> None:
    (row,) = outcome.speeds([CompiledSpec(clock)], still(8), None).rows
    assert row["frames/s (mean)"] == pytest.approx(10)


@pytest.mark.parametrize("model", ["siambox_res22", "siamfc_res22"])
def test_a_tracker_is_built_with_all_that_it_compiles(model: str) -> None:
    pytest.importorskip("openvino")
    spec = SiamDW(model=model, overrides={"backend": "openvino"})
    tracker = spec.build()
    sides = tracker.multi_tracker.window_sides()
    compiled = tracker.multi_tracker.runtime.search_features.compiled_shapes
    assert compiled == {(side, side, 3) for side in sides}
    (clip,) = find_sequences(CLIPS / "juice.mp4")
    clip = clip.thinned(40)
    cold = create_tracker(model, backend="openvino")
    np.testing.assert_array_equal(follow(tracker, clip).boxes, follow(cold, clip).boxes)

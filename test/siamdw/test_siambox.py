"""The box tracker: shape and size of the box, batches, wide search, refusals."""

import functools
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.siamdw import State, create_multi_tracker, create_tracker
from siamdw_ros.siamdw.backends import OpenVinoModule

CLIPS = Path(__file__).parents[1] / "data" / "clips"


def first_frame(name):
    return next(iter(read_clip(CLIPS / name)))


def place():
    """A room, 320 x 240."""
    return cv2.resize(first_frame("cup.mp4"), (320, 240))


@functools.cache
def thing():
    """A printed carton, seen from the front."""
    return first_frame("box.mp4")[10:234, 300:596]


def scene(center, size, background=None):
    """A carton in a room; and its box."""
    image = place() if background is None else background.copy()
    width, height = (round(side) for side in size)
    left, top = round(center[0] - width / 2), round(center[1] - height / 2)
    image[top : top + height, left : left + width] = cv2.resize(
        thing(), (width, height), interpolation=cv2.INTER_AREA
    )
    return image, (left, top, width, height)


@pytest.fixture(scope="module")
def tracker():
    """The bundled network, in float32."""
    return create_multi_tracker("siambox_res22", precision="full", backend="torch")


@pytest.fixture(scope="module")
def fast():
    """The same as OpenVINO computes it, where it is installed: in half the time."""
    return create_multi_tracker("siambox_res22", device="cpu", precision="full")


def show(tracker, target, image, times):
    """Show the same image several times; return the last result."""
    return [tracker.update(image, [target])[0] for _ in range(times)][-1]


def iou(found, truth):
    return overlap(np.array([found], float), np.array([truth], float))[0]


def test_the_box_follows_a_change_of_shape(tracker):
    image, box = scene((160, 120), (44, 44))
    target = tracker.start(image, box)
    for step in range(1, 31):
        image, truth = scene((160, 120), (44 * 1.03**step, 44))
        (result,) = tracker.update(image, [target])
    assert truth[2] / truth[3] > 2.2
    assert result.box[2] / result.box[3] > 1.1, "the box became wider as the object did"
    assert iou(result.box, truth) > 0.5


def test_targets_of_a_batch_are_found_as_alone(tracker):
    image, box = scene((120, 90), (40, 50))
    other = (200.0, 130.0, 40.0, 30.0)
    together = [tracker.start(image, box), tracker.start(image, other)]
    alone = [tracker.start(image, box), tracker.start(image, other)]
    for step in range(1, 4):
        image, _ = scene((120 + 4 * step, 90), (40, 50))
        results = tracker.update(image, together)
        for result, target in zip(results, alone, strict=True):
            (single,) = tracker.update(image, [target])
            np.testing.assert_allclose(result.box, single.box, atol=0.05)
            assert abs(result.score - single.score) < 1e-3


def test_a_target_lost_by_a_jump_of_the_camera_is_found_by_the_wide_search():
    tracker = create_multi_tracker("siambox_res22", backend="torch")
    background = place()
    image, box = scene((110, 120), (36, 36), background)
    target = tracker.start(image, box)
    tracker.update(image, [target])
    moved, _ = scene((110, 120), (36, 36), background)
    moved = np.roll(moved, 120, axis=1)
    results = [tracker.update(moved, [target])[0] for _ in range(15)]
    assert State.LOST in [result.state for result in results]
    assert results[-1].state is State.TRACKED
    assert iou(results[-1].box, (box[0] + 120, box[1], box[2], box[3])) > 0.5


def test_a_target_that_vanishes_is_lost_and_its_box_stays(tracker):
    image, box = scene((160, 120), (40, 40))
    target = tracker.start(image, box)
    show(tracker, target, image, 3)
    assert show(tracker, target, place(), 12).state is State.LOST
    returned = show(tracker, target, image, 6)
    assert returned.state is State.TRACKED
    assert iou(returned.box, box) > 0.6


def test_what_occludes_a_target_is_not_taken_for_it_by_growing_to_its_size(tracker):
    """A lost box that took the occluder's size would search, and find, the occluder."""
    image, box = scene((160, 120), (40, 40))
    target = tracker.start(image, box)
    show(tracker, target, image, 3)
    occluded = place()
    occluded[60:180, 120:200] = cv2.resize(first_frame("juice.mp4")[:300, :200], (80, 120))
    result = show(tracker, target, occluded, 20)
    assert result.state is State.LOST
    assert 40 / 1.6 < min(result.box[2:]) <= max(result.box[2:]) < 40 * 1.6
    returned = show(tracker, target, image, 6)
    assert returned.state is State.TRACKED
    assert iou(returned.box, box) > 0.6


@pytest.mark.parametrize("growth", [1.0, 2.5])
def test_a_lost_target_is_found_elsewhere_also_nearer(tracker, growth):
    image, marked = scene((100, 80), (30, 30))
    target = tracker.start(image, marked)
    show(tracker, target, image, 3)
    assert show(tracker, target, place(), 12).state is State.LOST
    side = round(30 * growth)
    nearer, box = scene((240, 170), (side, side))
    returned = show(tracker, target, nearer, 12)
    assert returned.state is State.TRACKED
    assert iou(returned.box, box) > 0.6


def test_each_loss_is_searched_from_the_nearest_part_of_the_image_on(monkeypatch):
    tracker = create_multi_tracker("siambox_res22", backend="torch")
    background = place()
    image, box = scene((160, 120), (40, 40), background)
    target = tracker.start(image, box)
    turns = []
    part_of_image = tracker._part_of_image
    monkeypatch.setattr(
        tracker, "_part_of_image", lambda *one: turns.append(one[2]) or part_of_image(*one)
    )
    for _ in range(2):
        turns.clear()
        target.presence.lose()
        for _ in range(3):
            tracker.update(background, [target])
        assert turns == [1, 2, 3]
        states = [tracker.update(image, [target])[0].state for _ in range(8)]
        assert states[-1] is State.TRACKED


def test_size_stays_within_limits_whatever_is_seen(fast):
    image, box = scene((160, 120), (30, 30))
    target = fast.start(image, box)
    noise = np.random.default_rng(0)
    for _ in range(40):
        frame = noise.integers(0, 256, image.shape, dtype=np.uint8)
        (result,) = fast.update(frame, [target])
        assert np.isfinite(result.box).all()
        assert min(result.box[2:]) >= 3.0
        assert result.box[2] <= 320
        assert result.box[3] <= 240


def test_openvino_gives_the_boxes_of_torch(tracker, fast):
    pytest.importorskip("openvino")
    fast.warm_up(2)
    assert isinstance(fast.runtime.search_features, OpenVinoModule)
    image, box = scene((120, 90), (40, 50))
    targets = tracker.start(image, box), fast.start(image, box)
    for step in range(1, 6):
        image, _ = scene((120 + 3 * step, 90 + step), (40 + step, 50))
        (plain,) = tracker.update(image, [targets[0]])
        (result,) = fast.update(image, [targets[1]])
        np.testing.assert_allclose(result.box, plain.box, atol=0.1)


@pytest.mark.parametrize("options", [{"parity": True}, {"preset": "published"}])
def test_there_is_nothing_published_to_be_equal_to(options):
    with pytest.raises(ValueError, match="siambox_res22 is not published"):
        create_tracker("siambox_res22", **options)


def test_changed_hyper_parameters_count_at_once():
    changing = create_multi_tracker("siambox_res22", precision="full", backend="torch")
    image, box = scene((160, 120), (40, 40))
    grown, _ = scene((160, 120), (46, 46))
    still = create_multi_tracker("siambox_res22", precision="full", backend="torch", rate=0.0)
    for tracker, changes in ((changing, True), (still, False)):
        target = tracker.start(image, box)
        (result,) = tracker.update(grown, [target])
        assert (result.box[2] != 40) == changes
    from dataclasses import replace

    changing.configure(replace(changing.hyper, rate=0.0), changing.thresholds)
    target = changing.start(image, box)
    (result,) = changing.update(grown, [target])
    assert result.box[2] == 40


def test_memory_moves_the_template_towards_what_is_seen():
    tracker = create_multi_tracker(
        "siambox_res22", precision="full", backend="torch", memory=0.5, memory_rate=1.0
    )
    image, box = scene((160, 120), (44, 44))
    target = tracker.start(image, box)
    away = []
    for shown in (image, cv2.convertScaleAbs(image, alpha=0.6)):
        tracker.update(shown, [target])
        away.append(float((target.current.kernels - target.template.kernels).abs().mean()))
    assert away[0] < 0.5 * away[1], "the same image taught something new"
    mixed = (target.template.features + target.memory[0]) / 2
    np.testing.assert_allclose(target.current.features, mixed, atol=1e-5)
    assert target.current.extents.tolist() == target.template.extents.tolist()
    create_multi_tracker("siambox_res22", precision="full", backend="torch", memory=0.0).update(
        image, [target]
    )
    assert target.current is target.template, "switched off, and still used"


def test_memory_learns_nothing_from_what_is_not_the_target():
    tracker = create_multi_tracker("siambox_res22", backend="torch", memory=0.5)
    image, box = scene((160, 120), (44, 44))
    target = tracker.start(image, box)
    (result,) = tracker.update(np.full_like(image, 120), [target])
    assert result.score < 0.5
    assert target.memory is None

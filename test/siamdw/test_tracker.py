"""The trackers' behaviour, on networks that cost next to nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from tiny import tiny_method

from siamdw_ros.siamdw import CheckpointError, State, Tracker, create_multi_tracker, create_tracker
from siamdw_ros.siamdw.checkpoints import save_network
from siamdw_ros.siamdw.networks import create_network
from siamdw_ros.siamdw.siamfc_step import Peak
from siamdw_ros.siamdw.siamrpn_step import Proposals, decode
from siamdw_ros.siamdw.tracker import checked_box
from siamdw_ros.siamdw.wide_search import Place

KINDS = ["siamfc", "siamrpn"]
METHODS = {(kind, parity): tiny_method(kind, parity=parity) for kind in KINDS for parity in (0, 1)}
SWITCHING = tiny_method("siamrpn", instance_size=255, small_instance_size=287, small_area=0.03)

methods = pytest.mark.parametrize("method", METHODS.values(), ids=map(str, METHODS))


def noise(height, width, seed):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene(x, y, seed=0):
    """A bright patch of 24 x 16 px with a dark stripe, at (x, y) on a dim image."""
    image = noise(120, 160, seed) // 8 + 60
    image[y : y + 16, x : x + 24] = (40, 160, 230)
    image[y + 6 : y + 10, x : x + 24] = (200, 30, 10)
    return image


def is_usable(box, height, width):
    """Is at least 2 x 2 px of it inside the image?"""
    x, y, w, h = box
    return min(x + w, width) - max(x, 0) >= 2 and min(y + h, height) - max(y, 0) >= 2


def locate(method, response):
    """Return the row of the peak in S x cells x cells logits."""
    influence = torch.tensor([method.hyper.window_influence])
    return method.runtime.step.locate(torch.from_numpy(response[None]), influence)[0].numpy()


sides = st.integers(4, 90)
shares = st.floats(0, 1)


@methods
@given(height=sides, width=sides, place=st.tuples(shares, shares, shares, shares), data=st.data())
def test_boxes_stay_finite_and_inside_their_limits(method, height, width, place, data):
    w, h = 2 + place[2] * (2 * width), 2 + place[3] * (2 * height)
    box = (place[0] * (width - 2) - w / 2 + 1, place[1] * (height - 2) - h / 2 + 1, w, h)
    assume(is_usable(box, height, width))
    tracker = Tracker(method)
    seed = data.draw(st.integers(0, 99))
    tracker.init(noise(height, width, seed), box)
    smallest = 10 if method.parity else 3
    marked = tracker._target.size
    for step in range(3):
        result = tracker.track(noise(height, width, seed + step % 2))
        x, y, w, h = result.box
        assert np.isfinite(result.box).all()
        assert w <= max(10, width)
        assert h <= max(10, height)
        size = tracker._target.size
        assert (size >= smallest).all() or (size == marked).all(), "a target that was not moved"
        if not method.parity:
            assert x + w <= width
            assert y + h <= height
            assert min(w, h) >= smallest / 2, "the centre is inside the image"
        assert 0 <= x <= width
        assert 0 <= y <= height
        assert 0 <= result.score <= 1
        assert result.state in (State.TRACKED, State.UNCERTAIN, State.LOST)


@pytest.mark.parametrize("method", [*METHODS.values(), SWITCHING], ids=[*map(str, METHODS), "sw"])
@given(
    boxes=st.lists(
        st.tuples(st.floats(0, 90), st.floats(0, 70), st.floats(12, 60), st.floats(12, 40)),
        max_size=4,
    )
)
def test_targets_in_one_batch_move_as_they_do_alone(method, boxes):
    first, frames = noise(120, 160, 1), [noise(120, 160, seed) for seed in (1, 2)]
    together = [method.start(first, box) for box in boxes]
    alone = [method.start(first, box) for box in boxes]
    for frame in frames:
        batch = method.update(frame, together)
        single = [method.update(frame, [target])[0] for target in alone]
        assert [r.state for r in batch] == [r.state for r in single]
        for one, other in zip(batch, single, strict=True):
            assert one.box == pytest.approx(other.box, abs=1e-2)
            assert one.score == pytest.approx(other.score, abs=1e-4)


@methods
def test_targets_of_several_images_share_a_batch_and_move_as_they_do_alone(method):
    here, there = scene(100, 80), scene(60, 90, seed=1)
    here_later, there_later = scene(104, 82), scene(57, 91, seed=1)

    def start():
        targets = [method.start(here, box) for box in ((100, 80, 40, 30), (30, 30, 50, 60))]
        return targets, [method.start(there, (60, 90, 40, 30))]

    ours, theirs = start()
    expected = method.update(here_later, ours) + method.update(there_later, theirs)
    ours, theirs = start()
    of_here, of_there = method.update_many([(here_later, ours), (there_later, theirs)])
    assert len(of_here) == 2
    for found, result in zip(of_here + of_there, expected, strict=True):
        np.testing.assert_allclose(found.box, result.box, atol=1e-3)
        assert found.score == pytest.approx(result.score, abs=1e-5)


@methods
def test_an_image_without_targets_costs_nothing_in_a_batch(method):
    image = scene(100, 80)
    target = method.start(image, (100, 80, 40, 30))
    assert method.update_many([]) == []
    none, one = method.update_many([(image, []), (image, [target])])
    assert (none, len(one)) == ([], 1)


def test_instance_size_follows_the_target_s_share_of_the_image():
    image = noise(100, 100, 0)
    small, large = SWITCHING.start(image, (9, 9, 17, 17)), SWITCHING.start(image, (9, 9, 18, 18))
    assert (small.instance_size, large.instance_size) == (287, 255)


# Not SiamRPN+: the corrections of a random region proposal network lead anywhere.
@pytest.mark.parametrize("parity", [0, 1], ids=["exact", "parity"])
def test_moved_target_is_followed(parity):
    tracker = Tracker(METHODS["siamfc", parity])
    tracker.init(scene(60, 50), (60, 50, 24, 16))
    for step in range(1, 8):
        box = tracker.track(scene(60 + 3 * step, 50 - 2 * step, seed=step)).box
        center = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
        assert np.abs(center - (72 + 3 * step, 58 - 2 * step)).max() < 6


def test_template_kernels_of_siamrpn_are_computed_once_a_target():
    method, calls = tiny_method("siamrpn"), []
    head = method.runtime.network.head
    for convolution in (head.template_cls, head.template_reg):
        convolution.register_forward_hook(lambda *_: calls.append(1))
    target = method.start(scene(60, 50), (60, 50, 24, 16))
    for _ in range(3):
        method.update(scene(60, 50), [target])
    assert len(calls) == 2


@methods
def test_network_and_targets_are_apart(method):
    image = scene(60, 50)
    one, other = method.start(image, (60, 50, 24, 16)), method.start(image, (20, 20, 30, 30))
    before = other.box
    method.update(image, [one])
    assert other.box == before


@methods
def test_no_targets_give_no_results(method):
    assert method.update(scene(60, 50), []) == []


@methods
def test_numbers_that_overflowed_leave_the_target_where_it_is(method, monkeypatch):
    target = method.start(scene(60, 50), (60, 50, 24, 16))
    search = method.runtime.search_features
    overflowed = lambda windows: tuple(part * np.nan for part in search(windows))  # noqa: E731
    monkeypatch.setattr(method.runtime, "search_features", overflowed)
    result = method.update(scene(60, 50), [target])[0]
    assert (result.box, result.score) == ((60, 50, 24, 16), 0.0)


@methods
def test_image_may_change_its_size(method):
    tracker = Tracker(method)
    tracker.init(noise(120, 160, 0), (130, 90, 25, 25))
    tracker.track(noise(60, 80, 0))
    target = tracker._target
    assert (target.center <= (80, 60)).all()
    assert (target.size <= (80, 60)).all()


def test_displacement_is_measured_at_the_scale_where_it_was_found():
    """Parity takes the unscaled search side, as the release does; see siamfc.py."""
    moved = []
    for parity in (False, True):
        method = tiny_method(
            "siamfc",
            parity=parity,
            preset="published",
            scale_step=1.2,
            window_influence=0.0,
        )
        target = method.start(scene(60, 50), (60, 50, 24, 16))
        response = np.zeros((3, 17, 17), np.float32)
        response[2, 4, 12] = 5
        side = target.search_side
        peak = locate(method, response)
        found = method._read(Place(target.center), np.append(peak, response[2]), torch.zeros(1))
        method._move(scene(60, 50), target, found)
        moved.append((target.center - (72, 58)) / (found.peak.displacement * side / 255))
    np.testing.assert_allclose(moved, [[1.2, 1.2], [1.0, 1.0]])


def test_peak_of_a_symmetric_response_is_the_middle_of_the_search_region():
    method = tiny_method("siamfc")
    response = np.tile(np.hanning(17)[:, None] * np.hanning(17), (3, 1, 1)).astype(np.float32)
    peak = Peak.from_row(locate(method, response))
    assert peak.scale == 1
    assert np.abs(peak.displacement).max() <= 0.25


def test_penalty_prefers_proposals_of_the_target_s_size_and_shape():
    boxes = torch.zeros(1, 4, 5, 17, 17)
    sizes = torch.tensor([[30.0, 50, 60, 25, 90], [50, 30, 20, 25, 90]])
    boxes[:, 2:] = sizes[:, :, None, None]
    method = tiny_method("siamrpn", window_influence=0.0, penalty_k=1.0)
    proposals = Proposals(torch.full((1, 5, 17, 17), 0.5), boxes)
    (choice,) = method.runtime.step.choose(proposals, torch.tensor([[51.0, 30.0]])).tolist()
    assert choice[2:4] == [50, 30]
    assert 0.95 < choice[5] < 1


def test_wild_offsets_decode_to_finite_boxes():
    offsets = torch.full((4, 5, 17, 17), 1e4)
    assert decode(offsets, METHODS["siamrpn", 0].runtime.step.anchors_17).isfinite().all()


def test_track_before_init_is_refused():
    with pytest.raises(RuntimeError, match="call init"):
        Tracker(METHODS["siamfc", 0]).track(noise(50, 50, 0))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
        None,
    ],
    ids=["grey", "four channels", "float", "empty", "none"],
)
def test_unusable_image_is_refused(image):
    tracker = Tracker(METHODS["siamfc", 0])
    with pytest.raises(ValueError, match="image must be H x W x 3"):
        tracker.init(image, (1, 1, 5, 5))
    tracker.init(scene(60, 50), (60, 50, 24, 16))
    with pytest.raises(ValueError, match="image must be H x W x 3"):
        tracker.track(image)


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ((5, 7, 20, 0), r"box 20x0 px at \(5, 7\): width and height must be at least 2 px"),
        ((5, 7, -20, 20), "at least 2 px"),
        ((200, 7, 20, 20), "outside the image of 160x120 px"),
        ((-19, 7, 20, 20), "outside the image"),
        ((np.nan, 7, 20, 20), "four finite numbers"),
        ((5, 7, np.inf, 20), "four finite numbers"),
        ((5, 7, 20), "four finite numbers"),
    ],
)
def test_unusable_box_is_refused(box, problem):
    with pytest.raises(ValueError, match=problem):
        checked_box(box, noise(120, 160, 0))


@given(
    st.tuples(st.floats(-60, 200), st.floats(-60, 150), st.floats(2, 300), st.floats(2, 300)),
)
def test_checked_box_is_the_part_inside_the_image(box):
    image = noise(120, 160, 0)
    if not is_usable(box, 120, 160):
        with pytest.raises(ValueError, match="outside the image"):
            checked_box(box, image)
        return
    x, y, w, h = checked_box(box, image)
    assert (x, y) == (max(box[0], 0), max(box[1], 0))
    assert min(x, y) >= 0
    assert min(w, h) >= 2
    assert x + w == pytest.approx(min(box[0] + box[2], 160))
    assert y + h == pytest.approx(min(box[1] + box[3], 120))


@pytest.mark.parametrize(
    ("center", "expected"),
    [((5, 60), (0, 50, 15, 20)), ((155, 60), (145, 50, 15, 20)), ((80, 118), (70, 108, 20, 12))],
    ids=["left", "right", "bottom"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_reported_box_is_the_part_inside_the_image_on_every_side(kind, center, expected):
    image = scene(60, 50)
    target = METHODS[kind, 0].start(image, (70, 50, 20, 20))
    target.move(np.array(center, float), target.size, image)
    assert target.box == pytest.approx(expected)
    published = METHODS[kind, 1].start(image, (70, 50, 20, 20))
    published.move(np.array((5, 60), float), published.size, image)
    assert published.box == (0, 50, 20, 20), "parity shifts the box, as the release does"


def test_scale_penalty_never_favours_another_scale():
    """A factor below 1 makes a negative logit larger; the release does so, and so does parity."""
    response = np.full((3, 17, 17), -9, np.float32)
    response[:, 8, 8] = (-2.01, -2.0, -2.01)
    scales = [
        Peak.from_row(locate(tiny_method("siamfc", parity=parity, preset="published"), response))
        for parity in (0, 1)
    ]
    assert [peak.scale for peak in scales] == [1, 0]
    response = -response  # positive logits: both apply the same penalty
    response[:, 8, 8] = (20.0, 19.9, 1.0)
    for parity in (0, 1):
        method = tiny_method("siamfc", parity=parity, preset="published")
        assert Peak.from_row(locate(method, response)).scale == 1


def test_box_over_the_border_is_cut_except_with_parity():
    image, box = scene(60, 50), (-10.0, -4.0, 40.0, 30.0)
    sizes = []
    for parity in (0, 1):
        tracker = Tracker(METHODS["siamfc", parity])
        tracker.init(image, box)
        sizes.append(tracker._target.size.tolist())
    assert sizes == [[30, 26], [40, 30]]


def test_options_reach_the_method(official_file):
    options = {"preset": "res22_otb2013", "scale_rate": 0.1}
    method = create_multi_tracker("siamfc_res22", official_file("siamfc_res22"), **options)
    assert (method.hyper.scale_rate, method.hyper.scale_step) == (0.1, 1.0482)
    path = official_file("siamfc_incep22")
    assert create_multi_tracker(
        "siamfc_incep22", path, old_stem=True
    ).runtime.network.backbone.old_stem


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("siamfc_res23", {}, "res23"),
        ("siamfc_res22", {"device": "tpu"}, "not one of auto, cpu, cuda"),
        ("siamfc_res22", {"device": "cuda:99"}, "CUDA devices found"),
        ("siamfc_res22", {"old_stem": True}, "only siamfc_incep22 has an old stem"),
        ("siamfc_res22", {"learned_scale": True}, "no learned scale"),
    ],
)
def test_unusable_option_is_refused(name, options, problem, official_file):
    with pytest.raises(ValueError, match=problem):
        create_tracker(name, official_file("siamfc_res22"), **options)


def test_network_without_a_bundled_file_needs_one():
    with pytest.raises(ValueError, match="no checkpoint is bundled for siamrpn_res22"):
        create_tracker("siamrpn_res22")
    with pytest.raises(CheckpointError, match="no such checkpoint file"):
        create_tracker("siamrpn_res22", Path("nowhere.pth"))


def test_network_with_stride_4_tracks(tmp_path):
    torch.manual_seed(0)
    save_network(create_network("siamfc_res43"), tmp_path / "res43.pt")
    tracker = create_tracker("siamfc_res43", tmp_path / "res43.pt", preset="published", scales=1)
    tracker.init(scene(60, 50), (60, 50, 24, 16))
    assert tracker._target.templates.shape[-1] == 6
    box = tracker.track(scene(64, 52)).box
    assert (box[0] + box[2] / 2, box[1] + box[3] / 2) == pytest.approx((76, 60), abs=6)

"""SiamFC+ beyond the paper: scales by templates, memory, wide search, recovery."""

import cv2
import numpy as np
import pytest
import torch

from siamdw_ros.siamdw import State, create_multi_tracker, motion
from siamdw_ros.siamdw.crops import crop_window
from siamdw_ros.siamdw.hyperparameters import hyperparameters
from siamdw_ros.siamdw.motion import camera_shift, small_view, tile_centers
from siamdw_ros.siamdw.networks import create_network
from siamdw_ros.siamdw.runtime import Runtime
from siamdw_ros.siamdw.search_step import SearchStep
from siamdw_ros.siamdw.siamfc import SiamFC
from siamdw_ros.siamdw.template_memory import exemplar_features

FILL = np.full(3, 90.0)


@pytest.fixture(scope="module")
def method():
    """Make a method with the bundled network, in float32; networks are shared."""
    runtime = create_multi_tracker("siamfc_res22", precision="full", backend="torch").runtime

    def make(**options):
        options = {"memory": 0.0, "scales": 1, **options}
        return SiamFC(runtime, hyperparameters("siamfc_res22", **options))

    return make


def texture(height=240, width=320, seed=0):
    """Blurred noise: a background that is different everywhere."""
    noise = np.random.default_rng(seed).integers(60, 160, (height // 8, width // 8, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def scene(x, y, radius=14, seed=0, background=None):
    """A target of red and yellow rings with a blue cross, around (x, y)."""
    image = texture(seed=seed) if background is None else background.copy()
    for share, color in ((1.0, (30, 30, 220)), (0.7, (40, 220, 230)), (0.4, (30, 30, 220))):
        cv2.circle(image, (x, y), round(radius * share), color, -1, cv2.LINE_AA)
    cv2.line(image, (x - radius, y), (x + radius, y), (200, 60, 20), 3)
    return image


def moved(image, x, y):
    """The scene after the camera turned: everything lies (x, y) further."""
    return np.roll(image, (y, x), axis=(0, 1))


def test_exemplar_s_features_are_a_part_of_the_search_region_s():
    torch.manual_seed(0)
    runtime = Runtime(SearchStep(create_network("siamfc_res22")), torch.device("cpu"))
    image = texture()
    search = runtime.features(crop_window(image, np.array([160.0, 120]), 255, 255, FILL)[None])
    for cells in ((0, 0), (3, -2)):
        center = np.array([160.0, 120]) + 8 * np.array(cells)
        exemplar = runtime.features(crop_window(image, center, 127, 127, FILL)[None])
        part = exemplar_features(search, np.array(cells, float), 5)
        torch.testing.assert_close(part, exemplar, rtol=1e-3, atol=1e-3)


def test_features_between_cells_are_interpolated():
    search = torch.arange(21.0).expand(1, 1, 21, 21)
    part = exemplar_features(search, np.array([0.25, -20.0]), 5)  # cut off at the border
    assert part[0, 0, 0].tolist() == pytest.approx([8.25, 9.25, 10.25, 11.25, 12.25])


@pytest.mark.parametrize("growth", [1.15, 0.87])
def test_scale_by_templates_follows_a_target_that_grows(method, growth):
    tracker = method(scales=3, scale_step=1.15, scale_rate=1.0)
    image, center = scene(160, 120, 40), np.array([160.0, 120])
    target = tracker.start(image, (120, 80, 80, 80))
    zoomed = crop_window(image, center, 320 / growth, 320, FILL)[40:280]
    tracker.update(zoomed, [target])
    assert target.size == pytest.approx(80 * growth * np.ones(2), rel=0.01)
    assert target.center == pytest.approx(center, abs=4)


def test_one_window_a_target_whatever_the_scales(method):
    tracker = method(scales=5)
    target, batches = tracker.start(scene(160, 120), (146, 106, 28, 28)), []
    hook = tracker.runtime.network.backbone.register_forward_hook(
        lambda _module, inputs, _output: batches.append(inputs[0].shape[0])
    )
    tracker.update(scene(160, 120), [target])
    hook.remove()
    assert batches == [1]


def test_memory_moves_the_kernels_towards_what_is_seen(method):
    tracker = method(scales=3, memory=0.5, memory_rate=1.0)
    target = tracker.start(scene(160, 120), (146, 106, 28, 28))
    tracker.update(scene(160, 120), [target])
    away = [(target.kernels - target.templates).abs().mean()]
    tracker.update(scene(164, 122, seed=1), [target])
    away.append((target.kernels - target.templates).abs().mean())
    assert away[0] < 0.5 * away[1], "the same image taught something new"
    middle = target.templates[1:2]
    mixed = target.templates + 0.5 * (target.memory - middle)
    torch.testing.assert_close(target.kernels, mixed)
    method(scales=3, memory=0.0).update(scene(160, 120), [target])
    assert target.kernels is target.templates, "switched off, and still used"


@pytest.mark.parametrize(("wide", "is_found"), [(0, False), (383, True)])
def test_wide_look_finds_a_target_that_the_camera_took_away(method, wide, is_found):
    """It jumps further than the usual search region reaches."""
    tracker, image = method(wide_instance_size=wide), scene(160, 120)
    target = tracker.start(image, (146, 106, 28, 28))
    tracker.update(moved(image, 64, 24), [target])
    assert (np.abs(target.center - (224, 144)).max() < 4) == is_found


def test_vanished_target_is_lost_where_it_was_and_taken_back_on_evidence(method):
    tracker, empty = method(), np.full((240, 320, 3), 120, np.uint8)
    target = tracker.start(scene(260, 190, background=empty), (246, 176, 28, 28))
    results = [tracker.update(empty, [target])[0] for _ in range(6)]
    assert results[-1].state is State.LOST
    assert target.center == pytest.approx((260, 190), abs=1)
    states = []
    while len(states) < 60 and (not states or states[-1] is State.LOST):
        image = scene(50, 60, background=empty)
        states.append(tracker.update(image, [target])[0].state)
    assert states[-1] is State.TRACKED
    assert len(states) > 1, "one image is no evidence"
    assert target.center == pytest.approx((50, 60), abs=4)


def test_small_views_are_computed_only_when_the_target_is_not_seen(method, monkeypatch):
    computed = []
    monkeypatch.setattr(motion, "small_view", lambda i: computed.append(1) or small_view(i))
    tracker, image = method(wide_instance_size=383), scene(160, 120)
    target = tracker.start(image, (146, 106, 28, 28))
    for x in (162, 164):
        tracker.update(scene(x, 120), [target])
    assert not computed
    tracker.update(np.full_like(image, 120), [target, target])
    assert len(computed) == 2, "the image before and this one, whatever the number of targets"


def test_camera_shift_is_measured_in_image_pixels():
    image = texture(480, 640)
    shift = camera_shift(small_view(image), small_view(moved(image, 40, -24)), 640)
    assert shift == pytest.approx((40, -24), abs=1.5)


def test_unlike_views_give_no_shift():
    flat = np.full((60, 160), 90, np.float32)
    assert camera_shift(flat, np.zeros((90, 160), np.float32), 640).tolist() == [0, 0]
    noise = [np.random.default_rng(i).random((60, 160)).astype(np.float32) for i in (0, 1)]
    assert camera_shift(*noise, 640).tolist() == [0, 0]


def test_tiles_cover_the_image_and_begin_near():
    image = np.zeros((100, 230, 3), np.uint8)
    tiles = tile_centers(image, 50, np.array([200.0, 90]))
    assert tiles[0] == pytest.approx((207, 75))
    ys, xs = np.mgrid[0:100, 0:230]
    distance = np.maximum(
        np.abs(xs[..., None] - tiles[:, 0]), np.abs(ys[..., None] - tiles[:, 1])
    ).min(-1)
    assert distance.max() <= 25

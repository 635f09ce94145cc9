"""The way of an image through a GPU. Without one, all but the graphs runs on the CPU."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_method

from siamdw_ros.siamdw import create_multi_tracker
from siamdw_ros.siamdw.crops import Windows
from siamdw_ros.siamdw.cuda_graph import GraphSearch, bucket, cut_windows
from siamdw_ros.siamdw.heads import SiamFCHead

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])

METHODS = {
    "three scales": ("siamfc", {"preset": "published"}),
    "templates": ("siamfc", {}),
    "wide look": ("siamfc", {"wide_instance_size": 383}),
    "siamrpn": ("siamrpn", {"instance_size": 255, "small_instance_size": 287, "small_area": 0.03}),
}


def smooth_image(seed=0, height=120, width=160):
    coarse = np.random.default_rng(seed).integers(30, 220, (height // 8, width // 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def on_device(method, device):
    """Let a method cut, search and choose as it does on a GPU."""
    runtime = method.runtime
    runtime.graphs = GraphSearch(runtime.step, torch.device(device))
    return method


@devices
@given(
    places=st.lists(
        st.tuples(st.floats(-60, 220), st.floats(-60, 180), st.floats(3, 300)), min_size=1
    )
)
def test_windows_are_those_that_opencv_cuts(device, places):
    image, numbers = smooth_image(), np.array(places)
    windows = Windows(numbers[:, :2], numbers[:, 2], np.full((len(places), 3), 99.6))
    rows = torch.from_numpy(windows.numbers()).to(device)
    found = cut_windows(torch.from_numpy(image).to(device), rows, 33).cpu().numpy()
    difference = np.abs(found.astype(int) - windows.cut([image], 33))
    # OpenCV knows coordinates to 1/32 px; at the image's edge that is worth up to 120 / 32.
    assert difference.max() <= 6
    assert difference.mean() < 1


@devices
@pytest.mark.parametrize(("kind", "options"), METHODS.values(), ids=METHODS)
def test_targets_move_as_they_do_on_the_host(device, kind, options):
    host, gpu = tiny_method(kind, **options), tiny_method(kind, device=device, **options)
    gpu = on_device(gpu, device)
    boxes = [(60, 50, 24, 16), (10, 80, 30, 30), (100, 20, 40, 44), (5, 5, 14, 14), (70, 9, 20, 9)]
    for count in (1, 5, 3, 1):
        started = [
            [method.start(smooth_image(), box) for box in boxes[:count]] for method in (host, gpu)
        ]
        for seed in (1, 2):
            image = smooth_image(seed)
            results = [m.update(image, t) for m, t in zip((host, gpu), started, strict=True)]
            for one, other in zip(*results, strict=True):
                assert one.box == pytest.approx(other.box, abs=0.5)
                assert one.score == pytest.approx(other.score, abs=0.02)


@devices
def test_image_of_another_size_is_searched_as_well(device):
    method = on_device(tiny_method("siamfc", device=device), device)
    target = method.start(smooth_image(), (60, 50, 24, 16))
    for height in (120, 200, 120):
        (result,) = method.update(smooth_image(height=height), [target])
        assert np.isfinite(result.box).all()


@devices
def test_images_of_several_cameras_are_searched_together(device):
    host, gpu = (tiny_method("siamfc", device=d) for d in ("cpu", device))
    gpu = on_device(gpu, device)
    boxes, results = [(60, 50, 24, 16), (10, 80, 30, 30), (100, 20, 40, 44)], []
    for method in (host, gpu):
        targets = [method.start(smooth_image(), box) for box in boxes]
        frames = [
            (smooth_image(1), targets[:1]),
            (smooth_image(2, 200), targets[1:]),
        ]
        results.append([one for each in method.update_many(frames) for one in each])
    for one, other in zip(*results, strict=True):
        assert one.box == pytest.approx(other.box, abs=0.5)


def test_bucket_holds_what_is_asked_for():
    assert [bucket(n) for n in (1, 2, 3, 9, 32, 33, 65)] == [1, 2, 4, 16, 32, 64, 96]


@devices
def test_correlation_of_large_half_precision_features_stays_in_range(device):
    features = torch.full((1, 512, 21, 21), 200.0, dtype=torch.float16, device=device)
    kernels = features[:, None, :, :5, :5].float()
    assert torch.isinf((features[0, :, :5, :5] * kernels[0, 0].half()).sum())  # in float16
    responses = SiamFCHead().to(device).compare(kernels, features.float())
    torch.testing.assert_close(responses, torch.full_like(responses, 0.1 * 200**2 * 12800))


@devices
@given(seed=st.integers(0, 99))
def test_peak_is_that_of_opencv_s_interpolation(device, seed):
    step = tiny_method("siamfc", device=device, preset="published").runtime.step
    responses = np.random.default_rng(seed).normal(size=(2, 3, 17, 17)).astype(np.float32)
    found = (
        step.locate(torch.from_numpy(responses).to(device), torch.zeros(2, device=device))
        .cpu()
        .numpy()
    )
    for maps, (scale, x, y, logit) in zip(responses, found, strict=True):
        upsampled = cv2.resize(maps[int(scale)], (272, 272), interpolation=cv2.INTER_CUBIC)
        column, row = (x * 2 + 135.5).round().astype(int), (y * 2 + 135.5).round().astype(int)
        assert upsampled[row, column] == pytest.approx(upsampled.max(), abs=1e-5)
        assert logit == pytest.approx(upsampled.max(), abs=1e-5)


@needs_gpu
def test_graph_that_cannot_be_captured_is_told_and_done_without(monkeypatch, caplog):
    def broken():
        raise RuntimeError("operation not permitted")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", broken)
    method = on_device(tiny_method("siamfc", device="cuda"), "cuda")
    target = method.start(smooth_image(), (60, 50, 24, 16))
    assert np.isfinite(method.update(smooth_image(), [target])[0].box).all()
    assert "no CUDA graph, searching will be slower: operation not permitted" in caplog.text


@needs_gpu
def test_gpu_follows_as_the_cpu_does(film):
    frames, boxes = film
    cpu, gpu, half = (
        create_multi_tracker(device=device, half=half)
        for device, half in (("cpu", False), ("cuda", False), ("cuda", True))
    )
    targets = [method.start(frames[0], tuple(boxes[0])) for method in (cpu, gpu, half)]
    for frame in frames[1:]:
        expected, found, halved = (
            method.update(frame, [target])[0].box
            for method, target in zip((cpu, gpu, half), targets, strict=True)
        )
        assert found == pytest.approx(expected, abs=0.5)
        assert halved == pytest.approx(expected, abs=2)

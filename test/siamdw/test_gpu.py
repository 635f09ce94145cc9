"""The backend cuda_graph. Without a GPU everything but the graphs themselves runs on the CPU."""

import copy
import dataclasses

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_method
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from siamdw_ros.siamdw import create_multi_tracker
from siamdw_ros.siamdw.crops import Windows
from siamdw_ros.siamdw.cuda_graph import (
    MAX_PROGRAMS,
    MAX_SHAPES,
    GraphSearch,
    bucket,
    cut_windows,
    search_program,
)
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
    # OpenCV rounds coordinates to 1/32 px; at the image's edge that is worth up to 120 / 32.
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


def boxes_of(targets):
    return [target.box for target in targets]


def programs_of(method):
    """The programs alive, by image shape."""
    shapes = method.runtime.graphs.shapes
    return {shape: list(buffers.programs) for shape, buffers in shapes.items()}


@devices
def test_parameters_change_without_another_program(device):
    method = on_device(tiny_method("siamfc", device=device), device)
    target = method.start(smooth_image(), (60, 50, 24, 16))
    method.update(smooth_image(1), [target])
    before = programs_of(method)
    programs = [p for b in method.runtime.graphs.shapes.values() for p in b.programs.values()]
    for influence in (0.1, 0.2, 0.3, 0.4):
        changed = dataclasses.replace(method.hyper, window_influence=influence, scale_penalty=0.9)
        method.configure(changed, method.thresholds)
        method.update(smooth_image(1), [target])
    assert programs_of(method) == before
    after = [p for b in method.runtime.graphs.shapes.values() for p in b.programs.values()]
    assert all(one is other for one, other in zip(programs, after, strict=True))


@devices
@pytest.mark.parametrize("kind", ["siamfc", "siamrpn"])
def test_changed_parameters_are_used_by_programs_made_before(device, kind):
    option = {"siamfc": {"scale_penalty": 0.5}, "siamrpn": {"penalty_k": 1.0}}[kind]
    image, results = smooth_image(1), []
    for first in ({}, option):
        method = on_device(tiny_method(kind, device=device, **first), device)
        targets = [method.start(smooth_image(), (60, 50, 24, 16))]
        method.update(image, [copy.copy(targets[0])])
        changed = dataclasses.replace(method.hyper, window_influence=0.0, **option)
        method.configure(changed, method.thresholds)
        method.update(image, targets)
        results.append(boxes_of(targets))
    fresh = tiny_method(kind, device=device, window_influence=0.0, **option)
    fresh = on_device(fresh, device)
    targets = [fresh.start(smooth_image(), (60, 50, 24, 16))]
    fresh.update(image, targets)
    for found in results:
        np.testing.assert_allclose(found, boxes_of(targets), atol=1e-4)


@devices
def test_parameters_that_shapes_depend_on_release_the_programs(device):
    method = on_device(tiny_method("siamfc", device=device), device)
    method.update(smooth_image(), [method.start(smooth_image(), (60, 50, 24, 16))])
    assert programs_of(method)
    changed = dataclasses.replace(method.hyper, scales=5)
    method.configure(changed, method.thresholds)
    assert not programs_of(method)
    target = method.start(smooth_image(), (60, 50, 24, 16))
    assert np.isfinite(method.update(smooth_image(), [target])[0].box).all()


@devices
def test_ten_image_sizes_keep_the_buffers_of_the_last_three(device):
    method = on_device(tiny_method("siamfc", device=device), device)
    target = method.start(smooth_image(), (60, 50, 24, 16))
    heights = [120 + 8 * i for i in range(10)]
    for height in heights:
        method.update(smooth_image(height=height), [target])
    assert list(programs_of(method)) == [(height, 160, 3) for height in heights[-MAX_SHAPES:]]


@devices
def test_programs_of_one_image_size_are_bounded(device):
    method = on_device(tiny_method("siamfc", device=device), device)
    image = smooth_image()
    target = method.start(image, (60, 50, 24, 16))
    for count in (1, 2, 4, 8, 16, 32, 64, 96, 128):
        method.update(image, [copy.copy(target) for _ in range(count)])
    (programs,) = programs_of(method).values()
    assert len(programs) <= MAX_PROGRAMS


@devices
def test_activations_find_no_buffers_and_make_as_many_as_before(device):
    method = on_device(tiny_method("siamfc", device=device), device)
    counts = []
    for _ in range(4):
        method.warm_up()
        counts.append(programs_of(method))
        method.release()
        assert not programs_of(method)
    assert counts == counts[:1] * 4


@devices
def test_warm_up_makes_all_programs_of_four_targets_seen_or_not(device):
    method = on_device(tiny_method("siamfc", device=device, wide_instance_size=383), device)
    method.warm_up()
    made = {shape: set(programs) for shape, programs in programs_of(method).items()}
    image = smooth_image(height=480, width=640)
    target = method.start(image, (280, 200, 80, 80))
    for count in (1, 2, 3, 4):
        targets = [copy.copy(target) for _ in range(count)]
        method.update(image, targets)
        method.update(np.full_like(image, 120), targets)
    used = {shape: set(programs) for shape, programs in programs_of(method).items()}
    assert used == made


class NoHostAccess(TorchDispatchMode):
    """Refuses what a CUDA graph cannot capture: other devices, waiting, shapes from data."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "item", "is_nonzero", "lift_fresh", "unique")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in self.FORBIDDEN:
            raise AssertionError(f"{name} in the captured region")
        for value in tree_leaves((args, kwargs or {})):
            if isinstance(value, torch.Tensor) and value.device.type != "meta":
                raise AssertionError(f"{name} reads a tensor of {value.device}")
            if isinstance(value, torch.device) and value.type != "meta":
                raise AssertionError(f"{name} writes to {value}")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("kind", "options"), [("siamfc", {}), ("siamfc", {"preset": "published"}), ("siamrpn", {})]
)
def test_captured_region_touches_its_device_alone(kind, options):
    """On the meta device, which computes shapes only: whatever leaves it is refused."""
    method = tiny_method(kind, **options)
    program = meta_program(method)
    with torch.inference_mode(), NoHostAccess():
        answer, features = program.run()
    assert answer.shape[0] == 2
    assert all(part.device.type == "meta" for part in features)


@pytest.mark.parametrize("mistake", ["host copy", "waiting"])
def test_guard_of_the_captured_region_finds_mistakes(mistake, monkeypatch):
    """The penalties of an earlier version lay in host memory and were copied at each search."""
    method = tiny_method("siamfc")
    program = meta_program(method)
    step = method.runtime.step
    host = torch.ones(1)
    wrong = {
        "host copy": lambda maxima: maxima * host.to(maxima.device),
        "waiting": lambda maxima: maxima * float(maxima.sum()),
    }[mistake]
    monkeypatch.setattr(step, "_penalised", wrong)
    with pytest.raises(AssertionError), torch.inference_mode(), NoHostAccess():
        program.run()


def meta_program(method):
    """The program of two targets, all of it on the meta device."""
    step, image = method.runtime.step, smooth_image()
    targets = [method.start(image, (60, 50, 24, 16)) for _ in range(2)]
    seen = []
    search = method.runtime.search
    method.runtime.search = lambda *given: seen.append(given) or search(*given)
    method.update(image, targets)
    _, windows, side, inputs = seen[0]
    step.to("meta")
    frame = torch.empty(image.shape, dtype=torch.uint8, device="meta")
    rows = torch.from_numpy(windows.numbers()).to("meta")
    return search_program(step, frame, rows, side, [torch.stack(t).to("meta") for t in inputs])


@needs_gpu
@pytest.mark.parametrize("precision", ["full", "half"])
@pytest.mark.parametrize("name", ["siambox_res22", "siamfc_res22", "siamfc_res22 published"])
def test_graphs_are_captured_and_replayed_on_a_gpu(name, precision, video, caplog):
    network, _, preset = name.partition(" ")
    frames, boxes = video
    method = create_multi_tracker(
        network, device="cuda", precision=precision, backend="cuda_graph", preset=preset or None
    )
    target = method.start(frames[0], tuple(boxes[0]))
    for frame in frames[1:]:
        method.update(frame, [target])
    graphs = method.runtime.graphs
    assert "no CUDA graph" not in caplog.text
    assert graphs.captures >= 1
    assert graphs.replays >= len(frames) - 1
    assert all(p.captured for b in graphs.shapes.values() for p in b.programs.values())


@needs_gpu
def test_memory_of_a_gpu_is_flat_over_a_thousand_updates(video):
    frames, boxes = video
    method = create_multi_tracker(device="cuda", backend="cuda_graph")
    targets = [method.start(frames[0], tuple(boxes[0])) for _ in range(3)]
    for number in range(300):  # every batch size
        method.update(frames[number % len(frames)], targets[: 1 + number % 3])
    torch.cuda.synchronize()
    settled = torch.cuda.memory_allocated(), method.runtime.graphs.captures
    for number in range(1000):
        method.update(frames[number % len(frames)], targets[: 1 + number % 3])
    torch.cuda.synchronize()
    assert method.runtime.graphs.captures == settled[1]
    assert torch.cuda.memory_allocated() - settled[0] < 2**20


@needs_gpu
def test_graph_that_cannot_be_captured_is_logged_and_done_without(monkeypatch, caplog):
    def broken():
        raise RuntimeError("operation not permitted")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", broken)
    method = on_device(tiny_method("siamfc", device="cuda"), "cuda")
    target = method.start(smooth_image(), (60, 50, 24, 16))
    assert np.isfinite(method.update(smooth_image(), [target])[0].box).all()
    assert "no CUDA graph, searching will be slower: operation not permitted" in caplog.text


@needs_gpu
def test_gpu_follows_as_the_cpu_does(video):
    frames, boxes = video
    cpu, gpu, half = (
        create_multi_tracker(device=device, precision=precision, backend=backend)
        for device, precision, backend in (
            ("cpu", "full", "torch"),
            ("cuda", "full", "cuda_graph"),
            ("cuda", "half", "torch"),
        )
    )
    targets = [method.start(frames[0], tuple(boxes[0])) for method in (cpu, gpu, half)]
    for frame in frames[1:]:
        expected, found, halved = (
            method.update(frame, [target])[0].box
            for method, target in zip((cpu, gpu, half), targets, strict=True)
        )
        assert found == pytest.approx(expected, abs=0.5)
        assert halved == pytest.approx(expected, abs=2)

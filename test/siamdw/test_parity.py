"""Parity with the authors' release: features, responses, windows, anchors and whole tracks.

Features and responses hold to a relative 1e-4 in float32, on any device: the order of summation
differs. In float16 they hold to 2 % of the largest value. Tracks hold to 1e-3 px; on a GPU, where
the order of summation may turn a near tie, to 0.5 px.
"""

import golden
import numpy as np
import pytest
import torch

from siamdw_ros.siamdw import create_tracker
from siamdw_ros.siamdw.crops import mean_color, published_pyramid, published_window
from siamdw_ros.siamdw.heads import anchor_grid

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
CPU = pytest.param("cpu", "full", id="cpu-float32")
GPU = pytest.param("cuda", "full", id="cuda-float32", marks=needs_gpu)
GPU_HALF = pytest.param("cuda", "half", id="cuda-float16", marks=needs_gpu)

WINDOWS = {  # centre, side of the result, side in the image
    "c0": ((60, 100), 127, 128),
    "c1": ((60, 100), 127, 127),
    "c2": ((5, 5), 127, 200),
    "c3": ((315, 238), 255, 321),
    "c4": ((60.5, 100.5), 255, 257),
}


@pytest.fixture(scope="module")
def tracker(official_file):
    """Make a tracker once a network, device and precision."""
    made = {}

    def get(name, device="cpu", precision="full"):
        if (key := (name, device, precision)) not in made:
            path = official_file(name)
            made[key] = create_tracker(name, path, device, parity=True, precision=precision)
        return made[key]

    return get


def assert_close(actual, expected, precision):
    half = precision == "half"
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        actual, expected, rtol=0.02 if half else 1e-4, atol=scale * (0.02 if half else 1e-5)
    )


@pytest.mark.parametrize(("device", "precision"), [CPU, GPU, GPU_HALF])
@pytest.mark.parametrize("name", golden.MODELS)
def test_features_are_those_of_the_release(name, device, precision, tracker):
    expected = golden.NUMBERS[golden.MODELS[name]]
    runtime = tracker(name, device, precision).multi_tracker.runtime
    template = runtime.features(golden.TEMPLATE).cpu().double()
    search = runtime.features(golden.SEARCH).cpu().double()
    assert list(template.shape) == expected["zf_shape"]
    assert_close(template.flatten()[:8], expected["zf_first"], precision)
    assert_close(template.abs().sum(), expected["zf_abs"], precision)
    assert_close(search.abs().sum(), expected["xf_abs"], precision)
    # Values of both signs cancel in these two; they are as exact as the sum of the absolute ones.
    share = 0.02 if precision == "half" else 1e-4
    assert template.sum() == pytest.approx(expected["zf_sum"], abs=share * expected["zf_abs"])
    assert search.sum() == pytest.approx(expected["xf_sum"], abs=share * expected["xf_abs"])


@torch.inference_mode()
@pytest.mark.parametrize(("device", "precision"), [CPU, GPU, GPU_HALF])
@pytest.mark.parametrize("name", golden.SIAMFC)
def test_siamfc_responses_are_those_of_the_release(name, device, precision, tracker):
    expected = golden.NUMBERS[golden.MODELS[name]]
    runtime = tracker(name, device, precision).multi_tracker.runtime
    template, search = runtime.features(golden.TEMPLATE), runtime.features(golden.SEARCH)
    response = runtime.network.head(template, search).cpu()
    assert list(response.shape) == expected["score_shape"]
    assert_close(response.flatten(), expected["score"], precision)


@torch.inference_mode()
@pytest.mark.parametrize(("device", "precision"), [CPU, GPU, GPU_HALF])
def test_siamrpn_outputs_are_those_of_the_release(device, precision, tracker):
    expected = golden.NUMBERS["SiamRPNRes22"]
    runtime = tracker("siamrpn_res22", device, precision).multi_tracker.runtime
    kernels = runtime.network.head.kernels(runtime.features(golden.TEMPLATE))
    logits, offsets = runtime.network.head(kernels, runtime.features(golden.SEARCH))
    assert logits.shape == (1, 5, 17, 17)
    assert offsets.shape == (1, 20, 17, 17)
    assert_close(logits.cpu().double().abs().sum(), expected["cls_abs"], precision)
    assert_close(offsets.cpu().double().abs().sum(), expected["reg_abs"], precision)
    assert_close(logits.cpu().flatten()[:8], expected["cls_first"], precision)
    assert_close(offsets.cpu().flatten()[:8], expected["reg_first"], precision)


@pytest.mark.parametrize(("device", "precision"), [CPU, GPU])
@pytest.mark.parametrize("name", golden.MODELS)
def test_track_is_that_of_the_release(name, device, precision, tracker, video):
    frames, boxes = video
    follower = tracker(name, device, precision)
    follower.init(frames[0], tuple(boxes[0]))
    track = []
    for frame in frames[1:]:
        result = follower.track(frame)
        x, y, w, h = result.box
        track.append([x + w / 2, y + h / 2, w, h, result.score])
    expected = np.array(golden.NUMBERS[golden.MODELS[name]]["track_default_hp_cxcywh"])
    columns = expected.shape[1]  # with SiamRPN the fifth is the score
    tolerance = 1e-3 if device == "cpu" else 0.5
    np.testing.assert_allclose(np.array(track)[:, :columns], expected, atol=tolerance)


@pytest.mark.parametrize("key", WINDOWS)
def test_window_is_that_of_the_release(key, video):
    center, out, side = WINDOWS[key]
    image = video[0][0]
    window = published_window(image, np.array(center), side, out, mean_color(image))
    np.testing.assert_array_equal(window, golden.CROPS[key])


def test_pyramid_is_that_of_the_release(video):
    image = video[0][0]
    sides = (246.7, 256.3, 265.9)
    pyramid = published_pyramid(image, np.array([60.0, 100.0]), sides, 255, mean_color(image))
    np.testing.assert_array_equal(pyramid.transpose(0, 3, 1, 2), golden.CROPS["pyr"])


def test_anchors_are_those_of_the_release():
    expected = golden.NUMBERS["anchors"]
    anchors = anchor_grid(17)
    assert list(anchors.shape) == expected["shape"]
    assert anchors[2:, :, 0, 0].T.tolist() == expected["wh"]
    assert anchors[0, 0, 0].tolist() == expected["x_row"]
    assert anchors[1, 0, :, 0].tolist() == expected["y_col"]

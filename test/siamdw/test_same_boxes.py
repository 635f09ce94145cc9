"""Every way to compute follows the clips as plain torch in float32 does.

On a CPU and in float32 boxes agree within 0.5 px over a whole clip. In half precision small
differences may add up to another path; the mean overlap with the truth stays within 0.005 then.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from siamdw_ros.evaluation.annotations import read_annotation
from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.siamdw import create_multi_tracker
from siamdw_ros.siamdw.cuda_graph import GraphSearch

CLIPS = Path(__file__).parents[1] / "data" / "clips"
PIXELS, OVERLAP = 0.5, 0.005
FEW = 12

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
CUDA = pytest.param("cuda", marks=needs_gpu)
CUDA_GRAPH = pytest.param("cuda_graph", marks=needs_gpu)


def make(way, precision="full"):
    """A method that computes in one of several ways."""
    if way == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed")
    if way == "cuda":
        return create_multi_tracker("siamfc_res22", device="cuda", precision=precision)
    if way == "cuda_graph":
        return create_multi_tracker(
            "siamfc_res22", device="cuda", precision=precision, backend="cuda_graph"
        )
    backend = "openvino" if way == "openvino" else "torch"
    method = create_multi_tracker("siamfc_res22", precision=precision, backend=backend)
    if way == "as on a GPU":
        runtime = method.runtime
        runtime.graphs = GraphSearch(runtime.step, runtime.device)
    return method


def follow(method, clip, frames):
    """The boxes of the first frames of a clip, and what is true of them."""
    truth = read_annotation(CLIPS / f"{clip}.csv")
    target, boxes = None, []
    for image, _ in zip(read_clip(CLIPS / f"{clip}.mp4"), range(frames), strict=False):
        if target is None:
            target = method.start(image, truth[0])
        else:
            boxes.append(method.update(image, [target])[0].box)
    return np.array(boxes), truth[1 : len(boxes) + 1]


def mean_overlap(boxes, truth):
    return float(np.nanmean(overlap(boxes, truth)))  # nan: the target is out of view


def test_boxes_of_openvino_are_those_of_plain_torch():
    expected, _ = follow(make("torch"), "cup", FEW)
    found, _ = follow(make("openvino"), "cup", FEW)
    assert len(found) == FEW - 1
    np.testing.assert_allclose(found, expected, atol=PIXELS)


@pytest.mark.parametrize(
    "frames", [FEW, pytest.param(10**6, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_parity_holds_with_openvino(frames):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    expected, _ = follow(create_multi_tracker("siamfc_res22", parity=True), "cup", frames)
    found, _ = follow(
        create_multi_tracker("siamfc_res22", parity=True, backend="openvino"), "cup", frames
    )
    np.testing.assert_allclose(found, expected, atol=PIXELS)


@pytest.mark.parametrize("way", ["as on a GPU", CUDA, CUDA_GRAPH])
def test_boxes_of_a_gpu_overlap_those_of_plain_torch(way):
    """Windows differ by rounding, and so, now and then, peaks: by a step, here 0.7 px."""
    expected, _ = follow(make("torch"), "cup", FEW)
    found, _ = follow(make(way), "cup", FEW)
    assert overlap(found, expected).min() > 0.95


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("clip", ["cup", "box"])
def test_boxes_of_openvino_are_those_of_plain_torch_over_whole_clips(clip):
    expected, _ = follow(make("torch"), clip, 10**6)
    found, _ = follow(make("openvino"), clip, 10**6)
    np.testing.assert_allclose(found, expected, atol=PIXELS)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", ["torch", "openvino", "int8", CUDA, CUDA_GRAPH])
@pytest.mark.parametrize("clip", ["cup", "box"])
def test_lower_precision_follows_as_well(clip, way):
    expected = mean_overlap(*follow(make("torch"), clip, 10**6))
    lower = make("openvino", "int8") if way == "int8" else make(way, "half")
    found = mean_overlap(*follow(lower, clip, 10**6))
    assert abs(found - expected) < OVERLAP

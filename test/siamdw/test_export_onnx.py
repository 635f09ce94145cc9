"""The exported files compute what the tracker's networks compute."""

import sys

import golden
import numpy as np
import pytest
import torch
from tiny import CHANNELS, TinyBackbone
from torch.nn import functional as F

from siamdw_ros.siamdw.box_head import BoxHead
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK
from siamdw_ros.siamdw.heads import SiamFCHead, SiamRPNHead, correlate_shifted
from siamdw_ros.siamdw.networks import BoxNetwork, SiamFCNetwork, SiamRPNNetwork
from siamdw_ros.tools import export_onnx

# What our networks need of the operators that TensorRT 8.4 and later can read; the list is that of
# https://github.com/onnx/onnx-tensorrt, docs/operators.md. No operator on sequences is in it.
OPERATORS = (
    "Add AveragePool BatchNormalization Cast Clip Concat Constant ConstantOfShape Conv Div Exp "
    "Expand Gather Gemm Identity Log MatMul MaxPool Mul ReduceSum Relu Reshape Shape Sigmoid "
    "Slice Softmax Split Squeeze Sub Tanh Tile Transpose Unsqueeze"
)


def nchw(image):
    return image.transpose(0, 3, 1, 2).astype(np.float32)


@pytest.fixture
def run():
    """Run a file with onnxruntime; it must be one that TensorRT can read."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

    def run(path, **inputs):
        check_for_tensorrt(path)
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(None, inputs)

    return run


def check_for_tensorrt(path):
    graph = sys.modules["onnx"].load(str(path)).graph
    assert {node.op_type for node in graph.node} <= set(OPERATORS.split())
    constants = {value.name for value in graph.initializer}
    # Equal weights are stored once; Identity gives the others their names.
    constants |= {n.output[0] for n in graph.node if n.op_type in ("Constant", "Identity")}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert convolutions
    assert all(set(node.input[1:]) <= constants for node in convolutions)  # no weight is an input


def test_correlation_by_shifts_equals_a_convolution():
    kernels, searches = torch.randn(4, 3, 2, 5), torch.randn(2, 3, 7, 8)
    expected = F.conv2d(searches, kernels)
    torch.testing.assert_close(correlate_shifted(kernels[None], searches), expected)


def test_exported_siamfc_gives_the_response_of_the_release(run, official_file, tmp_path, capsys):
    path = str(official_file("siamfc_res22"))
    arguments = [str(tmp_path), "--model", "siamfc_res22", "--checkpoint", path, "--scales", "1"]
    status = export_onnx.main(arguments)
    assert status == 0
    assert capsys.readouterr().out.count("agrees with torch") == 2
    (features,) = run(tmp_path / "siamfc_res22_template.onnx", template=nchw(golden.TEMPLATE))
    search = tmp_path / "siamfc_res22_search.onnx"
    (response,) = run(search, features=features, search=nchw(golden.SEARCH))
    expected = np.array(golden.NUMBERS["SiamFCRes22"]["score"])
    np.testing.assert_allclose(response.ravel(), expected, rtol=1e-3)


@pytest.mark.parametrize("thicker", [False, True], ids=["thinner", "thicker"])
def test_exported_siamrpn_gives_scores_and_offsets(thicker, run, tmp_path):
    name = "siamrpn_res22_thicker" if thicker else "siamrpn_res22"
    network = SiamRPNNetwork(name, TinyBackbone(), SiamRPNHead(CHANNELS, thicker=thicker))
    template, search = nchw(golden.TEMPLATE), nchw(golden.SEARCH)
    with torch.no_grad():
        logits, offsets = network(torch.from_numpy(template), torch.from_numpy(search))
        scores = network.head.probabilities(logits)
    first, second = export_onnx.export(network, tmp_path, scales=3, instance_size=255)
    cls_kernels, reg_kernels = run(first, template=template)
    found = run(second, cls_kernels=cls_kernels, reg_kernels=reg_kernels, search=search)
    np.testing.assert_allclose(found[0], scores, atol=1e-5)
    np.testing.assert_allclose(found[1], offsets, atol=1e-4)


def test_exported_box_network_gives_the_maps(run, tmp_path):
    torch.manual_seed(0)
    network = BoxNetwork("siambox_res22", TinyBackbone(), BoxHead(CHANNELS))
    template, search = nchw(golden.TEMPLATE), nchw(golden.SEARCH)
    extents = torch.tensor([[70.0, 40.0]])
    network.eval()
    with torch.no_grad():
        learned = network.template(torch.from_numpy(template), extents)
        expected = network.head(learned, *network.search(torch.from_numpy(search)))
    first, second = export_onnx.export(network, tmp_path, scales=3, instance_size=255)
    features, kernels = run(first, template=template, extents=extents.numpy())
    inputs = {"features": features, "kernels": kernels, "extents": extents.numpy()}
    for found, wanted in zip(run(second, search=search, **inputs), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("run")
def test_without_options_the_bundled_default_is_exported(tmp_path, capsys):
    assert export_onnx.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("agrees with torch") == 2
    for path in tmp_path.iterdir():
        check_for_tensorrt(path)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {f"{DEFAULT_NETWORK}_template.onnx", f"{DEFAULT_NETWORK}_search.onnx"}


@pytest.mark.usefixtures("run")
def test_shapes_are_fixed(tmp_path):
    network = SiamFCNetwork("siamfc_res22", TinyBackbone(), SiamFCHead())
    _, search = export_onnx.export(network, tmp_path, scales=3, instance_size=263)
    graph = sys.modules["onnx"].load(str(search)).graph
    shapes = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in [*graph.input, *graph.output]
    }
    assert shapes == {
        "features": [1, CHANNELS, 6, 6],
        "search": [3, 3, 263, 263],
        "response": [3, 1, 17, 17],
    }


def test_missing_package_is_named(monkeypatch, official_file, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    path = str(official_file("siamfc_res22"))
    arguments = [str(tmp_path), "--model", "siamfc_res22", "--checkpoint", path]
    assert export_onnx.main(arguments) == 2
    assert "pip install onnx onnxruntime" in capsys.readouterr().err


@pytest.mark.usefixtures("run")
def test_difference_from_torch_is_an_error(official_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export_onnx, "TOLERANCE", 0.0)
    path = str(official_file("siamfc_res22"))
    arguments = [str(tmp_path), "--model", "siamfc_res22", "--checkpoint", path, "--scales", "1"]
    assert export_onnx.main(arguments) == 2
    assert "differs from torch" in capsys.readouterr().err


def test_file_of_another_network_is_an_error(official_file, tmp_path, capsys):
    path = str(official_file("siamfc_res22"))
    arguments = [str(tmp_path), "--model", "siamfc_next22", "--checkpoint", path]
    assert export_onnx.main(arguments) == 2
    assert "holds siamfc_res22, not siamfc_next22" in capsys.readouterr().err

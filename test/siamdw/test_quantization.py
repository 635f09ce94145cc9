"""int8: ranges of activations, their place in a checkpoint, and who computes with them."""

import golden
import numpy as np
import pytest
import torch
from torch import nn

from siamdw_ros.siamdw import create_multi_tracker, create_tracker
from siamdw_ros.siamdw.bundled import BUNDLED, bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import CheckpointError, read_checkpoint, save_network
from siamdw_ros.siamdw.networks import create_network
from siamdw_ros.siamdw.quantization import measure_ranges


@pytest.fixture
def network():
    torch.manual_seed(0)
    return create_network("siamfc_res16")


def test_ranges_are_those_of_what_goes_into_the_convolutions(network):
    ranges = measure_ranges(network, golden.SEARCH)
    convolutions = [n for n, m in network.backbone.named_modules() if isinstance(m, nn.Conv2d)]
    assert set(ranges) == {f"backbone.{name}" for name in convolutions}
    pixels = golden.SEARCH.reshape(len(golden.SEARCH), -1)
    low, high = ranges["backbone.conv1"]
    assert low == min(np.median(pixels.min(axis=1)), 0)
    assert high == np.median(pixels.max(axis=1))
    assert all(low == 0 for name, (low, _) in ranges.items() if ".conv2" in name)  # after a ReLU


def test_measuring_leaves_the_network_as_it_was(network):
    network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    measure_ranges(network, golden.SEARCH)
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_nothing_to_measure_is_refused(network):
    with pytest.raises(ValueError, match="no search window"):
        measure_ranges(network, [])


def test_ranges_are_kept_in_a_checkpoint(network, tmp_path):
    ranges = measure_ranges(network, golden.SEARCH)
    save_network(network, tmp_path / "int8.pt", activation_ranges=ranges)
    assert read_checkpoint(tmp_path / "int8.pt").activation_ranges == ranges
    runtime = create_multi_tracker("siamfc_res16", tmp_path / "int8.pt").runtime
    assert runtime.network.activation_ranges == ranges


def test_a_trained_network_is_saved_without_old_ranges(network, tmp_path):
    network.activation_ranges = measure_ranges(network, golden.SEARCH)
    save_network(network, tmp_path / "trained.pt")
    assert read_checkpoint(tmp_path / "trained.pt").activation_ranges is None


@pytest.mark.parametrize("ranges", [3, {"conv": 1}, {"conv": [0, "x"]}, {"conv": [1.0, 2.0]},
                                    {"conv": [0.0, 0.0]}, {"conv": [0.0, float("nan")]},
                                    {"conv": [0.0, float("inf")]}])  # fmt: skip
def test_damaged_ranges_are_refused(ranges, network, tmp_path):
    save_network(network, tmp_path / "a.pt")
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    torch.save({**content, "activation_ranges": ranges}, tmp_path / "b.pt")
    with pytest.raises(CheckpointError, match="activation"):
        read_checkpoint(tmp_path / "b.pt")


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ({}, "full"),
        ({"avx512_vnni": True}, "int8"),
        ({"avx_vnni": True}, "int8"),
        ({"avx512_vnni": True, "avx512_bf16": True}, "half"),
    ],
)
def test_auto_takes_int8_where_the_cpu_has_it_and_no_bfloat16(capabilities, chosen, monkeypatch):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    for name in BUNDLED:
        assert create_multi_tracker(name).runtime.precision == chosen
    assert create_multi_tracker("siamfc_res22", parity=True).runtime.precision == "full"
    assert create_multi_tracker("siamfc_res22", backend="torch").runtime.precision in (
        "full",
        "half",
    )


def test_int8_names_what_it_needs(network, tmp_path):
    save_network(network, tmp_path / "plain.pt")
    with pytest.raises(ValueError, match="needs the backend openvino on a CPU, not torch"):
        create_tracker("siamfc_res22", precision="int8", backend="torch")
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    with pytest.raises(ValueError, match=r"siamdw_ros\.tools\.quantize"):
        create_tracker("siamfc_res16", tmp_path / "plain.pt", precision="int8")
    with pytest.raises(ValueError, match="precision 'int4' is not one of auto, full, half, int8"):
        create_tracker("siamfc_res22", precision="int4")


@pytest.mark.parametrize("name", BUNDLED)
def test_int8_features_are_rounded_but_alike(name):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    assert read_checkpoint(bundled_checkpoint(name)).activation_ranges
    full, int8 = (
        create_multi_tracker(name, backend="openvino", precision=precision).runtime
        for precision in ("full", "int8")
    )
    expected, found = (
        runtime.search_features(golden.SEARCH)[0].numpy().copy() for runtime in (full, int8)
    )
    assert not np.array_equal(expected, found)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99

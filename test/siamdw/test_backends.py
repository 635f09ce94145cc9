"""What computes search regions: OpenVINO gives what torch gives."""

import functools
import gc
import sys
from pathlib import Path

import golden
import numpy as np
import psutil
import pytest
import torch

from siamdw_ros.siamdw.backends import choose_backend
from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.networks import NETWORKS, create_network
from siamdw_ros.siamdw.quantization import measure_ranges
from siamdw_ros.siamdw.runtime import Runtime
from siamdw_ros.siamdw.search_step import SearchStep
from siamdw_ros.siamdw.tracker import create_tracker

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def _openvino():
    pytest.importorskip("openvino", reason="OpenVINO is not installed")


@pytest.fixture
def _no_openvino(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)


@pytest.fixture(scope="module")
def measured(official_file):
    """Return what loads a network with its ranges, and computes its features with torch; once."""

    @functools.cache
    def load(name):
        network = load_network(name, official_file(name))
        network.activation_ranges = measure_ranges(network, golden.SEARCH)
        return network, Runtime(SearchStep(network), CPU).search_features(golden.SEARCH)

    return load


def assert_alike(found, expected, tolerance):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        assert one.shape == other.shape
        assert ((one - other).norm() / other.norm()).item() < tolerance


@pytest.mark.usefixtures("_openvino")
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("full", 1e-5), ("half", 0.03), ("int8", 0.1)]
)
@pytest.mark.parametrize("name", golden.MODELS)
def test_openvino_computes_what_torch_computes(name, precision, tolerance, measured):
    network, expected = measured(name)
    openvino = Runtime(SearchStep(network), CPU, precision=precision, backend="openvino")
    assert_alike(openvino.search_features(golden.SEARCH), expected, tolerance)


@pytest.mark.usefixtures("_openvino")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.endswith("thicker") else ())
        for name in sorted(set(NETWORKS) - set(golden.MODELS))
    ],
)
def test_openvino_takes_every_network(name):
    network, windows = create_network(name), golden.SEARCH
    openvino = Runtime(SearchStep(network), CPU, backend="openvino")
    assert_alike(
        openvino.search_features(windows),
        Runtime(SearchStep(network), CPU).search_features(windows),
        1e-4,
    )


@pytest.mark.usefixtures("_openvino")
def test_openvino_takes_windows_of_any_size_and_number(official_file):
    network = load_network("siamfc_res22", official_file("siamfc_res22"))
    openvino, torch_runtime = (
        Runtime(SearchStep(network), CPU, backend=b) for b in ("openvino", "torch")
    )
    for count, side in [(1, 127), (3, 136), (2, 136), (1, 127)]:
        windows = np.random.default_rng(side).integers(0, 256, (count, side, side, 3), np.uint8)
        assert_alike(
            openvino.search_features(windows), torch_runtime.search_features(windows), 1e-5
        )


@pytest.mark.slow
@pytest.mark.usefixtures("_openvino")
def test_a_network_that_is_loaded_again_and_again_takes_no_more_memory(official_file):
    megabytes = []
    for _ in range(10):
        network = load_network("siamfc_res22", official_file("siamfc_res22"))
        Runtime(SearchStep(network), CPU, backend="openvino").search_features(golden.SEARCH)
        del network
        gc.collect()
        megabytes.append(psutil.Process().memory_info().rss / 2**20)
    assert megabytes[-1] - megabytes[1] < 15  # tracing anew would take 4 or more each time


@pytest.mark.usefixtures("_openvino")
def test_networks_of_other_weights_compute_other_features():
    torch.manual_seed(0)
    networks = [create_network("siamfc_res22") for _ in range(2)]
    first, second = (
        Runtime(SearchStep(network), CPU, backend="openvino")
        .search_features(golden.SEARCH)[0]
        .clone()
        for network in networks
    )
    assert not torch.allclose(first, second, rtol=0.1)


@pytest.mark.usefixtures("_openvino")
def test_openvino_is_chosen_on_a_cpu_but_not_with_parity(official_file):
    path = official_file("siamfc_res22")
    assert choose_backend("auto", GPU) == "torch"
    assert create_tracker("siamfc_res22", path).multi_tracker.runtime.backend == "openvino"
    assert (
        create_tracker("siamfc_res22", path, parity=True).multi_tracker.runtime.backend == "torch"
    )


@pytest.mark.usefixtures("_openvino")
def test_openvino_reports_nothing_to_its_vendor(official_file, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for module in [name for name in sys.modules if name.startswith("openvino_telemetry")]:
        monkeypatch.delitem(sys.modules, module)
    network = load_network("siamfc_res22", official_file("siamfc_res22"))
    Runtime(SearchStep(network), CPU, backend="openvino").search_features(golden.TEMPLATE)
    assert "openvino_telemetry" not in sys.modules
    assert not list(Path(tmp_path).iterdir())


@pytest.mark.usefixtures("_no_openvino")
def test_torch_computes_where_openvino_is_not_installed():
    assert choose_backend("auto", CPU) == "torch"
    with pytest.raises(ValueError, match=r"openvino does not work .*: pip install openvino"):
        choose_backend("openvino", CPU)


def test_unknown_or_unfit_backend_is_refused():
    with pytest.raises(
        ValueError, match="'tensorrt' is not one of auto, torch, openvino, cuda_graph"
    ):
        choose_backend("tensorrt", CPU)
    with pytest.raises(ValueError, match="on the CPU, not on cuda: use torch"):
        choose_backend("openvino", GPU)

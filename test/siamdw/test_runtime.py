"""The runtime: folded batch norms, devices, and what it leaves alone."""

import golden
import pytest
import torch
from torch import nn

from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.runtime import Runtime, choose_device, half_is_faster
from siamdw_ros.siamdw.search_step import SearchStep
from siamdw_ros.siamdw.tracker import create_tracker


@torch.inference_mode()
@pytest.mark.parametrize("name", golden.SIAMFC)
def test_folding_batch_norms_keeps_the_features(name, official_file):
    network = load_network(name, official_file(name)).eval()
    crops = torch.from_numpy(golden.TEMPLATE).permute(0, 3, 1, 2).float()
    expected = network.features(crops)
    runtime = Runtime(SearchStep(network), torch.device("cpu"))
    norms = [m for m in runtime.network.modules() if isinstance(m, nn.BatchNorm2d)]
    # ResNeXt's norms after the sum have no convolution to go into, one in each of seven units.
    assert len(norms) == (7 if name == "siamfc_next22" else 0)
    found = runtime.features(golden.TEMPLATE)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_network_given_is_left_as_it_was(official_file):
    network = load_network("siamfc_res22", official_file("siamfc_res22")).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    Runtime(SearchStep(network), torch.device("cpu")).features(golden.TEMPLATE)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda:0")


@pytest.mark.parametrize("name", ["tpu", "", "meta", "cuda:x"])
def test_unknown_device_is_refused(name):
    with pytest.raises(ValueError, match="is not one of auto, cpu, cuda, cuda:N"):
        choose_device(name)


def test_absent_gpu_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda") == torch.device("cuda")
    with pytest.raises(ValueError, match="'cuda:1' is not there: 1 CUDA devices found"):
        choose_device("cuda:1")


@pytest.mark.parametrize("name", golden.SIAMFC)
def test_half_precision_on_a_cpu_stays_close(name, official_file):
    network = load_network(name, official_file(name))
    full, half = (
        Runtime(SearchStep(network), torch.device("cpu"), precision=precision)
        for precision in ("full", "half")
    )
    expected, found = full.features(golden.TEMPLATE), half.features(golden.TEMPLATE)
    assert found.dtype == torch.float32
    assert ((found - expected).norm() / expected.norm()).item() < 0.02


@pytest.mark.parametrize("native", [True, False])
def test_half_precision_is_chosen_where_the_cpu_has_it_but_not_with_parity(
    native, official_file, monkeypatch
):
    capabilities = {"avx512_bf16": native}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    path = official_file("siamfc_res22")
    chosen = create_tracker("siamfc_res22", path).multi_tracker.runtime.dtype
    assert chosen == (torch.bfloat16 if native else torch.float32)
    assert (
        create_tracker("siamfc_res22", path, parity=True).multi_tracker.runtime.dtype
        == torch.float32
    )


@pytest.mark.parametrize(("capability", "faster"), [((6, 1), False), ((7, 0), True)])
def test_half_precision_is_chosen_where_the_gpu_has_it(capability, faster, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert half_is_faster(torch.device("cuda")) == faster


def test_half_precision_is_not_chosen_where_nothing_is_known_of_the_cpu(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not half_is_faster(torch.device("cpu"))

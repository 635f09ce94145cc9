"""Checkpoints: every known layout of the weights is read, others are refused with a reason."""

import io
import zipfile

import golden
import numpy as np
import pytest
import torch
from golden import assert_same_weights

from siamdw_ros.siamdw import CheckpointError, checkpoint_files
from siamdw_ros.siamdw.checkpoints import load_network, read_checkpoint, save_network
from siamdw_ros.siamdw.networks import NETWORKS, create_network

CORE_MODULES = {"numpy-1": b"numpy.core.multiarray", "numpy-2": b"numpy._core.multiarray"}


def with_prefix(weights, prefix):
    return {key.replace("features.features.", prefix): value for key, value in weights.items()}


def shaped_like(shapes):
    """Weights that take no room in a file: all zero, all the same zero."""
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}


@pytest.mark.parametrize("name", golden.MODELS)
def test_full_official_file_loads_and_survives_a_round_trip(name, official_file, tmp_path):
    network = load_network(name, official_file(name))
    assert_same_weights(network, torch.load(official_file(name), weights_only=True))
    save_network(network, tmp_path / "own.pt")
    again = load_network(name, tmp_path / "own.pt")
    assert network.state_dict().keys() == again.state_dict().keys()
    for key, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: weights,
        lambda weights: {"state_dict": weights, "epoch": 30, "arch": "SiamFCRes22"},
        lambda weights: {"model": weights},
        lambda weights: {"net": weights},
        lambda weights: {f"module.{key}": value for key, value in weights.items()},
        lambda weights: with_prefix(weights, "backbone."),
        lambda weights: with_prefix(weights, "features."),
        lambda weights: with_prefix(weights, "feature_extractor.features."),
        lambda weights: with_prefix(weights, ""),
        lambda weights: {**weights, "features.features.bn1.num_batches_tracked": torch.tensor(7)},
        lambda weights: {"model_state_dict": weights, "loss": 0.1},
        lambda weights: {"model": {"state_dict": weights}},
        lambda weights: {f"model.{key}": value for key, value in weights.items()},
        lambda weights: {f"_orig_mod.{key}": value for key, value in weights.items()},
        lambda weights: {f"module._orig_mod.{key}": value for key, value in weights.items()},
        lambda weights: {"state_dict": {f"network.{k}": v for k, v in weights.items()}},
        lambda weights: with_prefix(weights, "backbone._orig_mod."),
    ],
    ids=[
        "bare",
        "state_dict",
        "model",
        "net",
        "module",
        "backbone",
        "features",
        "extractor",
        "unprefixed",
        "counters",
        "model_state_dict",
        "nested",
        "of a model",
        "compiled",
        "compiled and parallel",
        "lightning",
        "compiled backbone",
    ],
)
def test_layouts_of_the_authors_are_read(wrap, weights, save):
    assert_same_weights(load_network("siamfc_res22", save(wrap(weights))), weights)


def test_format_of_old_torch_is_read(weights, save):
    path = save(weights, _use_new_zipfile_serialization=False)
    assert_same_weights(load_network("siamfc_res22", path), weights)


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < checkpoint_files.TORCH_WITH_NAMED_GLOBALS,
    reason="this torch cannot take NumPy scalars as safe globals",
)
@pytest.mark.parametrize("module", CORE_MODULES.values(), ids=CORE_MODULES)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_training_file_with_numpy_scalars_is_read(module, zipped, weights, save):
    optimizer = {"param_groups": [{"lr": np.logspace(-2, -5, 50)[3]}]}
    content = {"epoch": 3, "state_dict": weights, "optimizer": optimizer}
    path = save(content, _use_new_zipfile_serialization=zipped)
    path.write_bytes(call_numpy(path.read_bytes(), module, zipped))
    assert_same_weights(load_network("siamfc_res22", path), weights)


def call_numpy(data, module, zipped):
    """Rewrite a file as if a NumPy had written it whose core module has another name."""

    def renamed(part):
        for other in CORE_MODULES.values():
            part = part.replace(b"c" + other + b"\n", b"c" + module + b"\n")
        assert module in part
        return part

    if not zipped:
        return renamed(data)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, renamed(part) if name.endswith("data.pkl") else part)
    return out.getvalue()


@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_read_off_the_shapes(name, save):
    path = save(shaped_like({k: v.shape for k, v in meta_network(name).state_dict().items()}))
    assert read_checkpoint(path).network == name


def meta_network(name):
    with torch.device("meta"):
        return create_network(name)


def test_thicker_official_file_is_distinguished_from_the_thinner(save):
    path = save(shaped_like(golden.official_shapes("siamrpn_res22_thicker")))
    assert read_checkpoint(path).network == "siamrpn_res22_thicker"


def test_learned_scale_of_the_authors_is_used_only_when_asked_for(weights, save):
    scale = {
        "connect_model.loc_adjust.weight": torch.full((1, 1, 1, 1), 0.004),
        "connect_model.loc_adjust.bias": torch.full((1,), -1.5),
    }
    path = save({**weights, **scale})
    assert load_network("siamfc_res22", path).head.loc_adjust is None
    adjust = load_network("siamfc_res22", path, learned_scale=True).head.loc_adjust
    assert adjust(torch.tensor([1000.0])).item() == pytest.approx(2.5)


def test_learned_scale_of_our_own_is_used_unless_unwanted(tmp_path):
    network = create_network("siamfc_res22", learned_scale=True)
    torch.nn.init.constant_(network.head.loc_adjust.bias, -2.0)
    save_network(network, tmp_path / "own.pt")
    torch.save({"step": 7, "state_dict": network.state_dict()}, tmp_path / "training.pt")
    for file in ("own.pt", "training.pt"):
        assert load_network("siamfc_res22", tmp_path / file).head.loc_adjust.bias.item() == -2.0
    without = load_network("siamfc_res22", tmp_path / "own.pt", learned_scale=False)
    assert without.head.loc_adjust is None


def test_learned_scale_that_is_not_there_is_refused(weights, save):
    with pytest.raises(CheckpointError, match="no learned scale"):
        load_network("siamfc_res22", save(weights), learned_scale=True)


def test_half_precision_file_is_half_as_large_and_as_exact(weights, save, tmp_path):
    network = load_network("siamfc_res22", save(weights))
    save_network(network, tmp_path / "full.pt")
    save_network(network, tmp_path / "half.pt", half=True)
    sizes = [(tmp_path / file).stat().st_size for file in ("half.pt", "full.pt")]
    assert sizes[0] < 0.55 * sizes[1]
    assert read_checkpoint(tmp_path / "half.pt").precision == "float16 and float32"
    again = load_network("siamfc_res22", tmp_path / "half.pt").state_dict()
    for key, value in network.state_dict().items():
        exact = value.half().float() if value.ndim == 4 else value
        assert torch.equal(again[key], exact), key


@pytest.mark.parametrize("asked", ["siamrpn_res22", "siamrpn_res22_thicker"])
def test_siamfc_file_asked_for_as_siamrpn_names_both_and_what_is_missing(asked, weights, save):
    with pytest.raises(CheckpointError) as error:
        load_network(asked, save(weights))
    for part in ("holds siamfc_res22", f"not {asked}", "missing: head.adjust.bias", "7 more"):
        assert part in str(error.value)


def test_siamrpn_file_asked_for_as_siamfc_is_refused(save):
    path = save(shaped_like(golden.official_shapes("siamrpn_res22")))
    with pytest.raises(CheckpointError, match=r"holds siamrpn_res22, not siamfc_res22 \(unknown"):
        load_network("siamfc_res22", path)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda w: w.pop("features.features.layer2.4.bn3.bias"), "missing: backbone.layer2.4"),
        (lambda w: w.update({"features.features.extra": torch.zeros(1)}), "unknown: backbone.ex"),
        (lambda w: w.update({"features.features.bn1.bias": torch.zeros(3)}), "of another shape"),
        (lambda w: w["features.features.bn1.bias"].fill_(torch.nan), "not finite: backbone.bn1"),
        (lambda w: w.update({"backbone.bn1.bias": torch.zeros(64)}), "several networks"),
        (lambda w: w.update({"features.features.bn1.bias": "text"}), "not a tensor"),
        (lambda w: w.update({"features.features.bn1.bias": torch.ones(64).int()}), "not a tensor"),
        (lambda w: w.update({"x": torch.ones(1).to_sparse()}), "sparse"),
        (lambda w: w.update({"x": torch.ones(1, device="meta")}), "no numbers"),
        (lambda w: w.update({"x": torch.zeros(()).half().expand(10**12)}), "numbers: no SiamDW"),
        (lambda w: w.clear(), "not a SiamDW network: it has the weights none"),
    ],
    ids=[
        "missing",
        "unknown",
        "shape",
        "nan",
        "twice",
        "text",
        "integer",
        "sparse",
        "meta",
        "huge",
        "empty",
    ],
)
def test_weights_that_do_not_fit_are_refused(spoil, problem, weights, save):
    spoiled = {key: value.clone() for key, value in weights.items()}
    spoil(spoiled)
    with pytest.raises(CheckpointError, match=problem):
        load_network("siamfc_res22", save(spoiled))

"""Checkpoint files: every layout known is read, everything else is refused with a reason."""

import io
import json
import os
import pickle
import tarfile
import zipfile

import golden
import numpy as np
import pytest
import torch

from siamdw_ros.siamdw import CheckpointError, checkpoint_files
from siamdw_ros.siamdw.checkpoints import load_network, read_checkpoint, save_network
from siamdw_ros.siamdw.networks import NETWORKS, create_network

CORE_MODULES = {"numpy-1": b"numpy.core.multiarray", "numpy-2": b"numpy._core.multiarray"}


class RunsCode:
    """What a hostile pickle holds: loading it without care runs a command."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


@pytest.fixture(scope="module")
def weights():
    """The smallest official table of weights."""
    return golden.official_weights("siamfc_res22")


@pytest.fixture
def save(tmp_path):
    """Save something as a file; give its path."""

    def save(content, **options):
        torch.save(content, tmp_path / "file.pth", **options)
        return tmp_path / "file.pth"

    return save


def with_prefix(weights, prefix):
    return {key.replace("features.features.", prefix): value for key, value in weights.items()}


def shaped_like(shapes):
    """Weights that take no room in a file: all zero, all the same zero."""
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}


def assert_same_weights(network, weights):
    """The network has exactly the weights of an official table."""
    state = network.state_dict()
    for key, value in weights.items():
        ours = key.replace("features.features.", "backbone.").replace("connect_model.", "head.")
        assert torch.equal(state[ours], value), ours


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
    reason="this torch cannot be told that NumPy scalars are safe",
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


def test_thicker_official_file_is_told_from_the_thinner(save):
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


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([1, 2], "holds a list"),
        (torch.zeros(3), "holds a Tensor"),
        ({"fc.weight": torch.zeros(3)}, "not a SiamDW network"),
        ({"format": "siamdw_ros/9", "state_dict": {}}, "format 'siamdw_ros/9'"),
    ],
)
def test_file_of_something_else_is_refused(content, problem, save):
    with pytest.raises(CheckpointError, match=problem):
        read_checkpoint(save(content))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_hostile_file_is_refused_and_does_not_run(zipped, save, tmp_path):
    content = {"state_dict": RunsCode(tmp_path / "witness")}
    with pytest.raises(CheckpointError, match=r"asks to run posix\.mkdir"):
        read_checkpoint(save(content, _use_new_zipfile_serialization=zipped))
    assert not (tmp_path / "witness").exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_bare_pickle_is_refused_and_does_not_run(tmp_path):
    (tmp_path / "file.pth").write_bytes(pickle.dumps(RunsCode(tmp_path / "witness")))
    with pytest.raises(CheckpointError, match=r"damaged or no checkpoint|asks to run"):
        read_checkpoint(tmp_path / "file.pth")
    assert not (tmp_path / "witness").exists()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
def test_truncated_file_is_refused(kept, zipped, weights, save):
    path = save(weights, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(CheckpointError, match="damaged or no checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (b"", "is empty: copy or download it again"),
        (b"<!DOCTYPE html><html>", "is a web page, .* fetch the file in a browser"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        (b"\x89HDF\r\n\x1a\n", r"HDF5 file: .*torch\.save"),
        (b"\x08\x08\x12\x07pytorch", r"ONNX model: .*torch\.save"),
        (bytes(range(256)) * 4, "damaged or no checkpoint"),
    ],
    ids=["empty", "web page", "git lfs", "hdf5", "onnx", "bytes"],
)
def test_file_of_other_bytes_is_refused_with_advice(data, advice, tmp_path):
    (tmp_path / "file.pth").write_bytes(data)
    with pytest.raises(CheckpointError, match=advice) as error:
        read_checkpoint(tmp_path / "file.pth")
    assert "weights_only" not in str(error.value)  # torch advises to open it unsafely
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tar_archive_is_refused_with_advice(mode, weights, save, tmp_path):
    with tarfile.open(tmp_path / "file.pth.tar", mode) as archive:
        archive.add(save(weights), "file.pth")
    with pytest.raises(CheckpointError, match="is a tar archive: unpack it"):
        read_checkpoint(tmp_path / "file.pth.tar")


def test_checkpoint_that_is_only_called_tar_is_read(weights, save, tmp_path):
    path = save(weights).rename(tmp_path / "checkpoint_e50.pth.tar")
    assert_same_weights(load_network("siamfc_res22", path), weights)


def test_zipped_checkpoint_is_refused_with_advice(weights, save, tmp_path):
    with zipfile.ZipFile(tmp_path / "weights.zip", "w") as archive:
        archive.write(save(weights), "file.pth")
    with pytest.raises(CheckpointError, match=r"zip archive .*: unpack it"):
        read_checkpoint(tmp_path / "weights.zip")


def test_torchscript_is_refused_with_advice(tmp_path):
    torch.jit.script(torch.nn.Conv2d(3, 4, 1)).save(str(tmp_path / "file.pt"))
    with pytest.raises(CheckpointError, match=r"TorchScript .*torch\.save\(network\.state_dict"):
        read_checkpoint(tmp_path / "file.pt")


def safetensors(header, data=b""):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_safetensors_file_is_read(dtype, weights, tmp_path):
    kind = checkpoint_files.SAFETENSORS_DTYPES[dtype]
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for key, value in weights.items():
        part = value.to(kind).contiguous().view(torch.uint8).numpy().tobytes()
        places = [len(data), len(data) + len(part)]
        header[key] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": places}
        data += part
    counter = {"dtype": "I64", "shape": [], "data_offsets": [len(data), len(data) + 8]}
    header["features.features.bn1.num_batches_tracked"] = counter
    (tmp_path / "file.safetensors").write_bytes(safetensors(header, data + bytes(8)))
    exact = {key: value.to(kind).float() for key, value in weights.items()}
    assert_same_weights(load_network("siamfc_res22", tmp_path / "file.safetensors"), exact)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 8]},
        {"dtype": "Q7", "shape": [2], "data_offsets": [0, 8]},
        {"shape": [2]},
        [],
    ],
    ids=["beyond the end", "negative", "huge", "dtype", "missing", "no entry"],
)
def test_damaged_safetensors_file_is_refused(entry, tmp_path):
    (tmp_path / "file.safetensors").write_bytes(safetensors({"w": entry}, bytes(8)))
    with pytest.raises(CheckpointError, match="damaged or no checkpoint"):
        read_checkpoint(tmp_path / "file.safetensors")


def test_dict_that_holds_itself_is_refused(save):
    content = {}
    content["model"] = content
    with pytest.raises(CheckpointError, match="not a tensor"):
        read_checkpoint(save(content))


@pytest.mark.parametrize(
    ("path", "problem"), [("nowhere.pth", "no such checkpoint file"), (".", "is a folder: give")]
)
def test_path_without_a_file_is_refused(path, problem, tmp_path):
    with pytest.raises(CheckpointError, match=problem):
        read_checkpoint(tmp_path / path)


def test_oversized_file_is_refused_unread(tmp_path):
    with (tmp_path / "file.pth").open("wb") as file:
        file.truncate(checkpoint_files.MAX_BYTES + 1)  # a hole, which takes no room on the disk
    with pytest.raises(CheckpointError, match=r"has 2\.1 GB: no SiamDW checkpoint is larger"):
        read_checkpoint(tmp_path / "file.pth")


def test_file_that_unpacks_to_too_much_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_files, "MAX_BYTES", 10**6)
    with zipfile.ZipFile(tmp_path / "file.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(2 * 10**6))
    assert (tmp_path / "file.pth").stat().st_size < 10**4
    with pytest.raises(CheckpointError, match="no SiamDW checkpoint is larger"):
        read_checkpoint(tmp_path / "file.pth")

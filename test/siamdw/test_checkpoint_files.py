"""Files that are damaged or no checkpoints are refused with a reason; containers are read."""

import json
import os
import pickle
import tarfile
import zipfile

import pytest
import torch
from golden import assert_same_weights

from siamdw_ros.siamdw import CheckpointError, checkpoint_files
from siamdw_ros.siamdw.checkpoints import load_network, read_checkpoint


class RunsCode:
    """What a hostile pickle holds: loading it without care runs a command."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


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

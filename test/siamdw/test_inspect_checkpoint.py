"""The command that describes a checkpoint file."""

import hashlib

import golden
import pytest
import torch

from siamdw_ros.siamdw.bundled import BUNDLED, bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import load_network, save_network
from siamdw_ros.siamdw.extent import bundled_extents
from siamdw_ros.siamdw.networks import create_network
from siamdw_ros.tools import inspect_checkpoint


def lines(capsys, *paths):
    status = inspect_checkpoint.main([str(path) for path in paths])
    printed = capsys.readouterr()
    table = dict(
        line.strip().split(maxsplit=1) for line in printed.out.splitlines() if "  " in line
    )
    return status, table, printed.err


@pytest.fixture
def official(official_file):
    return official_file("siamfc_res22")


def test_official_file_is_described(official, capsys):
    status, table, errors = lines(capsys, official)
    data = official.read_bytes()
    assert (status, errors) == (0, "")
    assert table["network"] == "siamfc_res22, 1,444,928 parameters"
    assert table["complete"] == "yes"
    assert table["layout"] == "features.features."
    assert table["precision"] == "float32"
    assert table["sha256"] == hashlib.sha256(data).hexdigest()
    assert table["md5"] == hashlib.md5(data).hexdigest()
    assert table["published"].startswith("not known")


def test_own_half_precision_file_is_described(tmp_path, capsys):
    save_network(
        create_network("siamfc_res16", learned_scale=True), tmp_path / "own.pt", half=True
    )
    _, table, _ = lines(capsys, tmp_path / "own.pt")
    assert table["network"] == "siamfc_res16, 1,304,130 parameters"
    assert (table["layout"], table["precision"]) == ("siamdw_ros/1", "float16 and float32")
    assert table["learned"] == "scale 0.1 * correlation +0, used"


def test_published_file_is_known_by_its_checksum(official, capsys, monkeypatch):
    md5 = hashlib.md5(official.read_bytes()).hexdigest()
    monkeypatch.setitem(inspect_checkpoint.PUBLISHED, md5, "CIResNet22")
    assert lines(capsys, official)[1]["published"] == "CIResNet22"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *((name, bundled_checkpoint(name)) for name in BUNDLED),
        ("extent_res22", bundled_extents()),
    ],
)
def test_bundled_file_is_known_and_complete(name, path, capsys):
    status, table, _ = lines(capsys, path)
    assert table["network"].startswith(f"{name}, ")
    assert (status, table["complete"]) == (0, "yes")
    assert table["published"] == f"the file of {name} that comes with this package"


def test_a_network_for_taps_is_no_trackers():
    with pytest.raises(ValueError, match="finds the box of a tapped object"):
        load_network("siamfc_res22", bundled_extents())


def test_checksum_of_the_one_known_file_is_listed():
    assert "5415686007b313685065cf8f3b916742" in inspect_checkpoint.PUBLISHED


def test_incomplete_file_is_described_with_what_is_missing(tmp_path, capsys):
    weights = golden.official_weights("siamfc_res22")
    del weights["features.features.bn1.bias"]
    torch.save(weights, tmp_path / "file.pth")
    status, table, _ = lines(capsys, tmp_path / "file.pth")
    assert status == 0
    assert table["complete"].startswith("no:")
    assert "missing: backbone.bn1.bias" in table["complete"]


def test_unreadable_file_does_not_keep_others_from_being_described(tmp_path, official, capsys):
    status, table, errors = lines(capsys, tmp_path / "nowhere.pth", official)
    assert status == 1
    assert "nowhere.pth: no such checkpoint file" in errors
    assert table["complete"] == "yes"

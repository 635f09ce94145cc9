"""A source distribution has everything that it is built from."""

import tarfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def unpacked(workspace, tmp_path_factory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    workspace.run("python", "setup.py", "-q", "egg_info", "-e", folder, "sdist", "-d", folder)
    (archive,) = folder.glob("*.tar.gz")
    safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11.2 has none
    with tarfile.open(archive) as files:
        files.extractall(folder, **safe)
    (unpacked,) = (path for path in folder.glob("siamdw_ros-*") if path.is_dir())
    return unpacked


def test_source_distribution_holds_interfaces_launch_file_and_weights(workspace, unpacked):
    for folder in ("msg", "launch", "config", "siamdw_ros/weights"):
        given = workspace.source / folder
        files = [path for path in given.rglob("*") if path.is_file()]
        files = [path for path in files if "__pycache__" not in path.parts]
        assert files
        missing = [
            path for path in files if not (unpacked / folder / path.relative_to(given)).exists()
        ]
        assert missing == []


def test_without_msg_the_build_names_what_is_missing(workspace, unpacked, tmp_path):
    (tmp_path / "setup.py").write_bytes((unpacked / "setup.py").read_bytes())
    printed = workspace.run("sh", "-c", f"python {tmp_path}/setup.py --version 2>&1 || true")
    assert "the folder msg/ with the interfaces is missing" in printed
    assert "underlay" not in printed


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_source_distribution_builds_with_its_interfaces(workspace, unpacked, tmp_path):
    venv = workspace.empty_venv(tmp_path / "venv")
    workspace.run(venv / "bin" / "pip", "install", "--no-deps", unpacked)
    assert workspace.probe_venv(venv).is_relative_to(venv)

"""`pip install .` into an empty virtual environment gives the node and its interfaces as well."""

import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def venv(workspace, tmp_path) -> Path:
    """An empty virtual environment."""
    folder = tmp_path / "venv"
    workspace.run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", folder)
    return folder


@pytest.mark.parametrize("options", [(), ("--editable",)], ids=["plain", "editable"])
def test_pip_install_brings_the_interfaces(workspace, venv, options):
    workspace.run(venv / "bin" / "pip", "install", "--no-deps", *options, workspace.source)
    assert workspace.probe_venv(venv).is_relative_to(venv)
    assert (venv / "bin" / "tracker_node").is_file()

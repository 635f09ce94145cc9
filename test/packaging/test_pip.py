"""`pip install .` into an empty virtual environment gives the node and its interfaces as well."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def venv(workspace, tmp_path) -> Path:
    """An empty virtual environment."""
    return workspace.empty_venv(tmp_path / "venv")


def test_pip_install_brings_the_interfaces(workspace, venv):
    workspace.run(venv / "bin" / "pip", "install", "--no-deps", workspace.source)
    assert workspace.probe_venv(venv).is_relative_to(venv)
    assert (venv / "bin" / "tracker_node").is_file()
    assert (venv / "share" / "siamdw_ros" / "package.xml").is_file()


def test_editable_install_is_refused_with_a_way_out(workspace, venv):
    pip = venv / "bin" / "pip"
    printed = workspace.run(
        "sh", "-c", '"$0" install --no-deps --editable "$1" || true', pip, workspace.source
    )
    assert "colcon build --symlink-install" in printed

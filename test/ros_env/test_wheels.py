"""The wheels' CMake exports are pointed to this environment."""

import os
from importlib.metadata import distributions
from pathlib import Path

import numpy
import pytest

from ros_env import wheels
from ros_env.host import SetupError
from ros_env.layout import Layout
from ros_env.process import run_logged

EXPORT = (
    'INTERFACE_INCLUDE_DIRECTORIES "/opt/python/cp311-cp311/include/python3.11;'
    '/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"\n'
    ": ${AMENT_CURRENT_PREFIX:=/opt/python/cp311-cp311}\n"
)


def test_folders_of_the_builder_become_ours():
    mended = wheels.mend(EXPORT, "/usr/include/python3.11", Path("/e/site-packages"), Path("/e"))
    assert mended == (
        'INTERFACE_INCLUDE_DIRECTORIES "/usr/include/python3.11;'
        '/e/site-packages/numpy/_core/include"\n'
        ": ${AMENT_CURRENT_PREFIX:=/e}\n"
    )


def test_nothing_of_the_builder_is_left_in_the_environment():
    venv = os.environ.get("SIAMDW_ROS_VENV", "")
    exports = list(Path(venv, "share").glob("*/cmake/*.cmake"))
    if not exports:
        pytest.skip("ROS 2 does not come from wheels here")
    assert [path for path in exports if "/opt/python" in path.read_text()] == []


def test_beside_ros_a_missing_opencv_is_left_to_rosdep(tmp_path, monkeypatch):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("opencv-contrib-python-headless==1.0  # why\n")
    monkeypatch.setattr(wheels, "_importable", lambda _: False)
    with pytest.raises(SetupError, match=r"cv2: rosdep install"):
        wheels.install_missing(Layout(tmp_path, "humble", wheels=False), [requirements])


def test_beside_ros_only_what_is_missing_is_installed(tmp_path, monkeypatch):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# comment\nnumpy==0.1\nno-such-module==2.0\n")
    installed = []
    monkeypatch.setattr(wheels, "install", lambda *arguments: installed.append(arguments[-1]))
    wheels.install_missing(Layout(tmp_path, "humble", wheels=False), [requirements])
    assert installed == [["no-such-module==2.0", f"numpy=={numpy.__version__}"]]


@pytest.mark.parametrize(
    "file", ["build", "run", "test", "train", "evaluate", "export", "docs"], ids=str
)
def test_packages_that_are_installed_count_as_importable(file):
    requirements = wheels.pins(Path(wheels.__file__).parent / f"requirements-{file}.txt")
    names = {line.split("==")[0] for line in requirements} & installed_here()
    assert [name for name in names if not wheels._importable(name)] == []


def installed_here():
    """Names of the installed distributions, as requirement files spell them."""
    return {distribution.metadata["Name"] for distribution in distributions()} | {
        distribution.metadata["Name"].replace("_", "-") for distribution in distributions()
    }


def install_over(distribution, tmp_path, monkeypatch):
    """Install our OpenCV where a distribution is installed; return the commands of pip."""
    layout = Layout(tmp_path, "jazzy", wheels=True)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"{wheels.OPENCV}==2.0\n")
    (layout.site_packages / f"{distribution}.dist-info").mkdir(parents=True)
    commands = []
    monkeypatch.setattr(wheels, "run_logged", lambda command, *_, **__: commands.append(command))
    wheels.install(layout, [requirements], "packages")
    return commands


def test_another_opencv_is_removed_before_ours_is_installed(tmp_path, monkeypatch):
    """All wheels of OpenCV have the same files: two of them would break each other."""
    commands = install_over("opencv_python_headless-1.0", tmp_path, monkeypatch)
    assert [command[3] for command in commands] == ["uninstall", "install"]
    assert {"opencv-python-headless", wheels.OPENCV} <= set(commands[0])


def test_our_opencv_alone_is_left_as_it_is(tmp_path, monkeypatch):
    commands = install_over("opencv_contrib_python_headless-2.0", tmp_path, monkeypatch)
    assert [command[3] for command in commands] == ["install"]


def test_lost_network_is_one_line_that_states_what_to_do(tmp_path):
    cry = ["sh", "-c", "echo NewConnectionError: no route; exit 1"]
    with pytest.raises(SetupError, match=r"Check the network.*PIP_INDEX_URL"):
        run_logged(cry, tmp_path / "log", what="installing")


def test_failed_command_shows_the_end_of_its_output(tmp_path, capsys):
    with pytest.raises(SetupError, match="compile: failed"):
        run_logged(["sh", "-c", "seq 100; exit 2"], tmp_path / "log", what="compile")
    assert capsys.readouterr().out.splitlines()[-1] == "100"
    assert (tmp_path / "log").read_text().startswith("1\n2\n")

"""What a person's shell gets is what our own commands get."""

import shutil
import subprocess

import pytest

from ros_env import shell
from ros_env.layout import Layout

NAMES = ("AMENT_PREFIX_PATH", "LD_LIBRARY_PATH", "PATH", "ROS_DISTRO", "VIRTUAL_ENV")


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "v e n v", "jazzy", wheels=True)
    (layout.site_packages / "ros_rcl.libs").mkdir(parents=True)
    (layout.site_packages / "numpy.libs").mkdir()
    layout.scripts[0].write_text(shell.script(layout))
    return layout


def sourced(layout, command, times=1, environ=None, program="sh"):
    """What `command` prints in a shell that has sourced the script."""
    source = f'. "{layout.scripts[0]}" || exit 1\n' * times
    return subprocess.run(
        [shutil.which(program), "-c", source + command],
        env={"PATH": "/usr/bin:/bin"} | (environ or {}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("program", ["sh", "bash", "zsh"])
def test_script_sets_what_commands_get(layout, times, program):
    if not shutil.which(program):
        pytest.skip(f"there is no {program}")
    command = "".join(f'echo "{name}=${name}"\n' for name in NAMES)
    printed = sourced(layout, command, times, program=program).stdout.splitlines()
    expected = shell.variables(layout, {"PATH": "/usr/bin:/bin"})
    assert printed == [f"{name}={expected[name]}" for name in NAMES]


def test_only_libraries_of_ros_are_searched(layout):
    found = shell.variables(layout, {})["LD_LIBRARY_PATH"].split(":")
    assert found == [str(layout.venv / "lib"), str(layout.site_packages / "ros_rcl.libs")]


def test_environment_beside_ros_needs_the_same_ros_sourced(layout):
    beside = Layout(layout.venv, "humble", wheels=False)
    layout.scripts[0].write_text(shell.script(beside))
    refused = sourced(layout, "echo entered")
    assert refused.returncode == 1
    assert "source /opt/ros/humble/setup.sh first" in refused.stderr
    entered = sourced(layout, "echo $AMENT_PREFIX_PATH", environ={"ROS_DISTRO": "humble"})
    assert (entered.returncode, entered.stdout.strip()) == (0, "")

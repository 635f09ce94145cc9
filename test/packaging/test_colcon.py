"""One `colcon build` of the clone gives the node and its interfaces, whichever way it is run.

Each test builds in its own way in the same workspace, whatever was built there before: what
compiles is reused, what belongs to another way must be gone.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)

CPP_USER = {
    "CMakeLists.txt": """
cmake_minimum_required(VERSION 3.16)
project(user CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(siamdw_msgs REQUIRED)
add_executable(user user.cpp)
target_link_libraries(user ${siamdw_msgs_TARGETS})
""",
    "user.cpp": """
#include "siamdw_msgs/msg/tracker_status.hpp"
int main() {
    siamdw_msgs::msg::TrackerStatus status;
    status.targets.emplace_back().state = siamdw_msgs::msg::TargetState::LOST;
    return static_cast<int>(status.targets.size()) - 1;
}
""",
}
USER_MANIFEST = """<?xml version="1.0"?>
<package format="3">
  <name>user</name>
  <version>0.0.0</version>
  <description>Depends on the interfaces.</description>
  <maintainer email="user@example.org">user</maintainer>
  <license>MIT</license>
  <depend>siamdw_msgs</depend>
  <export><build_type>cmake</build_type></export>
</package>
"""


@pytest.mark.slow
def test_plain_build_brings_the_interfaces(workspace):
    workspace.colcon_build()
    assert workspace.probe().is_relative_to(workspace.prefix)
    share = workspace.prefix / "share"
    assert (share / "siamdw_msgs" / "srv" / "StartTracking.srv").is_file()
    assert (share / "siamdw_ros" / "clips" / "cup.mp4").is_file()
    assert (workspace.prefix / "lib" / "siamdw_ros" / "tracker_node").is_file()


@pytest.mark.slow
def test_installed_interfaces_do_not_name_the_folder_they_were_built_in(workspace):
    workspace.colcon_build()
    share = workspace.prefix / "share" / "siamdw_msgs"
    files = [path for path in share.rglob("*") if path.is_file()]
    assert share / "cmake" / "siamdw_msgsConfig.cmake" in files
    staging = str(workspace.staging).encode()
    assert [path for path in files if staging in path.read_bytes()] == []


@pytest.mark.slow
def test_second_build_compiles_nothing(workspace):
    workspace.colcon_build()
    before = (workspace.staging / "stamp").stat().st_mtime_ns
    workspace.colcon_build()
    assert (workspace.staging / "stamp").stat().st_mtime_ns == before
    assert workspace.probe().is_relative_to(workspace.prefix)


@pytest.mark.slow
def test_building_in_a_shell_that_has_sourced_the_build_changes_nothing(workspace):
    workspace.colcon_build()
    before = (workspace.staging / "stamp").stat().st_mtime_ns
    build = 'source "$0" && python -m colcon --log-base "$1/log" build '
    build += '--build-base "$1/build" --install-base "$1/install"'
    setup = workspace.output / "install" / "setup.bash"
    workspace.run("bash", "-c", build, setup, workspace.output)
    assert (workspace.staging / "stamp").stat().st_mtime_ns == before
    assert workspace.probe().is_relative_to(workspace.prefix)


@pytest.mark.slow
def test_symlink_install_links_the_interfaces_and_plain_install_copies_them_again(workspace):
    library = workspace.prefix / "lib" / "libsiamdw_msgs__rosidl_typesupport_c.so"
    for _ in range(2):
        workspace.colcon_build("--symlink-install")
        assert library.is_symlink()
        assert workspace.probe().is_relative_to(workspace.prefix)
    workspace.colcon_build()
    assert not library.is_symlink()
    assert workspace.probe().is_relative_to(workspace.prefix)


@pytest.mark.slow
def test_both_packages_are_built_in_order(both):
    assert both.probe().is_relative_to(both.output / "install" / "siamdw_msgs")
    assert list(both.prefix.rglob("*siamdw_msgs*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--symlink-install",)])
def test_interfaces_of_the_underlay_are_used_and_earlier_ones_go(workspace, both, options):
    workspace.environ = workspace.environ.copy()
    workspace.colcon_build(*options)
    underlay = both.output / "install" / "siamdw_msgs"
    sourced = f'source "{underlay}/share/siamdw_msgs/package.bash" && env -0'
    printed = workspace.run("bash", "-c", sourced)
    own = workspace.environ
    workspace.environ = dict(line.split("=", 1) for line in printed.split("\0") if line)
    try:
        assert "of the underlay" in workspace.colcon_build(*options)
        assert workspace.probe().is_relative_to(underlay)
    finally:
        workspace.environ = own
    assert not workspace.staging.exists()
    assert [path for path in workspace.prefix.rglob("*siamdw_msgs*") if path.is_file()] == []


@pytest.mark.slow
def test_cpp_packages_can_use_the_interfaces(workspace, tmp_path):
    workspace.colcon_build()
    for name, text in CPP_USER.items():
        (tmp_path / name).write_text(text)
    setup = workspace.output / "install" / "setup.bash"
    build = 'source "$0" && cd "$1" && cmake -DPython3_EXECUTABLE=$(which python) -B b . '
    workspace.run("bash", "-c", build + "&& cmake --build b && b/user", setup, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("layout", [(), ("--merge-install",)], ids=["isolated", "merged"])
def test_a_package_of_the_same_workspace_can_depend_on_the_interfaces(workspace, tmp_path, layout):
    """As in docs/get_started.md: `--base-paths . msg` makes siamdw_msgs a package for colcon."""
    user = tmp_path / "user"
    user.mkdir()
    for name, text in (CPP_USER | {"package.xml": USER_MANIFEST}).items():
        (user / name).write_text(text)
    other = type(workspace)(workspace.source, tmp_path / "output")
    python = f"-DPython3_EXECUTABLE={sys.executable}"
    other.colcon_build("--base-paths", ".", "msg", user, *layout, "--cmake-args", python)
    (program,) = (tmp_path / "output" / "build").rglob("user/user")
    other.run("bash", "-c", 'source "$0" && "$1"', tmp_path / "output/install/setup.bash", program)


@pytest.mark.slow
def test_setuptools_80_builds_in_both_ways(workspace, tmp_path):
    """It gave `setup.py develop --editable` to pip: colcon installs copies instead of links."""
    newer = tmp_path / "setuptools"
    workspace.run("python", "-m", "pip", "install", "-q", "--target", newer, "setuptools==80.9.0")
    other = type(workspace)(workspace.source, tmp_path / "output")
    other.environ["PYTHONPATH"] = f"{newer}:{other.environ.get('PYTHONPATH', '')}"
    for options in ((), ("--symlink-install",)):
        other.colcon_build(*options)
        assert other.probe().is_relative_to(other.prefix)
        assert (other.prefix / "lib" / "siamdw_ros" / "tracker_node").is_file()


@pytest.mark.slow
def test_options_for_cmake_reach_the_interfaces(workspace, tmp_path):
    other = type(workspace)(workspace.source, tmp_path / "output")
    other.environ |= {"CMAKE_BUILD_TYPE": "Debug", "CMAKE_ARGS": "-DA_MARK=of_the_test"}
    other.colcon_build()
    cache = (other.staging / "cmake" / "CMakeCache.txt").read_text()
    assert "CMAKE_BUILD_TYPE:STRING=Debug" in cache
    assert "A_MARK:UNINITIALIZED=of_the_test" in cache


@pytest.mark.slow
def test_colcon_test_runs_pytest_and_reports_it(workspace):
    workspace.colcon_build()
    base = ("--build-base", workspace.output / "build")
    installed = ("--install-base", workspace.output / "install")
    log = ("--log-base", workspace.output / "log")
    select = ("--packages-select", "siamdw_ros", "--pytest-args", "test/packaging/test_staging.py")
    workspace.run("python", "-m", "colcon", *log, "test", *base, *installed, *select)
    result = ("test-result", "--test-result-base", workspace.output / "build")
    printed = workspace.run("python", "-m", "colcon", *log, *result)
    tests = int(re.search(r"Summary: (\d+) tests, 0 errors, 0 failures", printed)[1])
    assert tests >= 10


@pytest.fixture(scope="module")
def both(workspace, tmp_path_factory):
    """A workspace with siamdw_msgs as a package of its own."""
    other = type(workspace)(workspace.source, tmp_path_factory.mktemp("both"))
    other.colcon_build("--base-paths", ".", "msg")
    return other


def test_without_ros_the_build_states_what_to_do(workspace):
    environ = {
        name: value for name, value in workspace.environ.items() if name != "AMENT_PREFIX_PATH"
    }
    finished = subprocess.run(
        ["python", "setup.py", "build_interfaces", "-b", str(Path(workspace.output, "none"))],
        cwd=workspace.source,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "source /opt/ros/DISTRO/setup.bash or ros_env/activate.sh" in finished.stderr

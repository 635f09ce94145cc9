"""One `colcon build` of the clone gives the node and its interfaces, whichever way it is run.

Each test builds in its own way in the same workspace, whatever was built there before: what
compiles is reused, what belongs to another way must be gone.
"""

import subprocess
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


def test_plain_build_brings_the_interfaces(workspace):
    workspace.colcon_build()
    assert workspace.probe().is_relative_to(workspace.prefix)
    share = workspace.prefix / "share"
    assert (share / "siamdw_msgs" / "srv" / "StartTracking.srv").is_file()
    assert (share / "siamdw_ros" / "clips" / "cup.mp4").is_file()
    assert (workspace.prefix / "lib" / "siamdw_ros" / "tracker_node").is_file()


def test_installed_interfaces_do_not_name_the_folder_they_were_built_in(workspace):
    workspace.colcon_build()
    share = workspace.prefix / "share" / "siamdw_msgs"
    files = [path for path in share.rglob("*") if path.is_file()]
    assert share / "cmake" / "siamdw_msgsConfig.cmake" in files
    staging = str(workspace.staging).encode()
    assert [path for path in files if staging in path.read_bytes()] == []


def test_second_build_compiles_nothing(workspace):
    workspace.colcon_build()
    before = (workspace.staging / "stamp").stat().st_mtime_ns
    workspace.colcon_build()
    assert (workspace.staging / "stamp").stat().st_mtime_ns == before
    assert workspace.probe().is_relative_to(workspace.prefix)


def test_building_in_a_shell_that_has_sourced_the_build_changes_nothing(workspace):
    workspace.colcon_build()
    before = (workspace.staging / "stamp").stat().st_mtime_ns
    build = 'source "$0" && python -m colcon --log-base "$1/log" build '
    build += '--build-base "$1/build" --install-base "$1/install"'
    setup = workspace.output / "install" / "setup.bash"
    workspace.run("bash", "-c", build, setup, workspace.output)
    assert (workspace.staging / "stamp").stat().st_mtime_ns == before
    assert workspace.probe().is_relative_to(workspace.prefix)


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


@pytest.fixture(scope="module")
def both(workspace, tmp_path_factory):
    """A workspace with siamdw_msgs as a package of its own."""
    other = type(workspace)(workspace.source, tmp_path_factory.mktemp("both"))
    other.colcon_build("--base-paths", ".", "msg")
    return other


def test_without_ros_the_build_says_what_to_do(workspace):
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

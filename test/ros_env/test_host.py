"""What this machine must have: every lack is one line that states what to do."""

import ast
import os
import subprocess
import sys

import pytest

from ros_env import host
from ros_env.layout import REPOSITORY


def test_supported_pythons_pass():
    for version in host.WHEEL_PYTHONS:
        host.check_python(version + (1,), has_ros=False)


@pytest.mark.parametrize(
    ("version", "has_ros"), [((3, 9), False), ((3, 14), False), ((3, 9), True)]
)
def test_other_python_is_refused_with_a_way_out(version, has_ros):
    with pytest.raises(host.SetupError, match=r"3\.10 to 3\.13.*make PYTHON="):
        host.check_python(version, has_ros)


def test_sourced_ros_may_bring_a_newer_python():
    host.check_python((3, 14), has_ros=True)


@pytest.mark.parametrize("module", ["__main__.py", "host.py"])
def test_message_can_be_given_by_a_python_that_is_too_old(module):
    ast.parse((REPOSITORY / "ros_env" / module).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("system", "machine", "named"),
    [("Linux", "aarch64", "aarch64"), ("Darwin", "x86_64", "Darwin")],
)
def test_platform_without_wheels_is_refused_with_advice_to_install_ros(system, machine, named):
    with pytest.raises(host.SetupError, match=f"{named}.*install ROS 2"):
        host.check_platform(system, machine, ("glibc", "2.36"))


@pytest.mark.parametrize("libc", [("glibc", "2.27"), ("", "")])
def test_old_or_other_c_library_is_refused(libc):
    with pytest.raises(host.SetupError, match=r"glibc 2\.28"):
        host.check_platform("Linux", "x86_64", libc)


def test_new_c_library_passes():
    host.check_platform("Linux", "x86_64", ("glibc", "2.39"))


def test_missing_compiler_is_named_with_its_debian_package(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    present = {"cmake": "/usr/bin/cmake", "make": "/usr/bin/make"}
    with pytest.raises(host.SetupError, match=r"C\+\+ compiler.*apt install g\+\+$"):
        host.check_tools(False, which=present.get)


def test_compiler_named_by_cxx_is_enough(monkeypatch):
    monkeypatch.setenv("CXX", "my-c++")
    present = {"cmake": "cmake", "make": "make", "my-c++": "/opt/my-c++"}
    host.check_tools(False, which=present.get)


def test_all_missing_things_are_in_one_message(tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(host.SetupError) as refusal:
        host.check_tools(True, which={}.get, include=str(tmp_path))
    wanted = "cmake make g++ python3-dev python3-colcon-common-extensions"
    assert str(refusal.value).endswith(f"sudo apt install {wanted}")


def test_run_without_tools_ends_with_one_line(tmp_path):
    clean = {"PATH": str(tmp_path), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    keep = ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")
    clean.update({name: os.environ[name] for name in keep if name in os.environ})
    finished = subprocess.run(
        [sys.executable, "-m", "ros_env"],
        cwd=REPOSITORY,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1
    assert "sudo apt install cmake make g++" in finished.stderr


def test_wheels_default_to_jazzy_and_refuse_the_unknown():
    assert host.wanted_distro({}) == "jazzy"
    assert host.wanted_distro({"ROS_WHEELS": "kilted"}) == "kilted"
    with pytest.raises(host.SetupError, match="jazzy and kilted"):
        host.wanted_distro({"ROS_WHEELS": "noetic"})


def test_sourced_ros_is_a_prefix_with_rclpy_that_is_not_ours(tmp_path):
    (tmp_path / "share" / "rclpy").mkdir(parents=True)
    sourced = {"AMENT_PREFIX_PATH": f"/nowhere:{tmp_path}", "ROS_DISTRO": "humble"}
    assert host.sourced_ros(sourced) == "humble"
    assert host.sourced_ros(sourced | {"SIAMDW_ROS_VENV": str(tmp_path)}) is None
    assert host.sourced_ros({}) is None

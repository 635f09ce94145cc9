"""Builds the interfaces of this folder with CMake, for setup.py.

colcon finds no packages inside a package. So that one `colcon build` of one clone is enough,
setup.py builds siamdw_msgs together with the node, unless the underlay has the same interfaces.
"""

import filecmp
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

NAME = "siamdw_ros"
INTERFACES = "siamdw_msgs"
SOURCES = Path(__file__).resolve().parent
# Lists the interface files that we have installed: they distinguish our own from an underlay's.
MANIFEST = Path("share", INTERFACES, f"installed_by_{NAME}.txt")
# Scripts of the staging folder; colcon and the ROS distribution write their own.
LEFT_OUT = ("__pycache__", "environment", "local_setup.*", "package.dsv", "parent_prefix_path")


def underlay_prefixes(environ=os.environ):
    """The prefixes of the sourced ROS 2 workspaces, less those with interfaces of our own."""
    prefixes = map(Path, filter(None, environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)))
    return [path for path in prefixes if path.is_dir() and not (path / MANIFEST).exists()]


def has_our_interfaces(prefix):
    """Whether this prefix has the interfaces, as they are defined here."""
    share = prefix / "share" / INTERFACES
    definitions = [*SOURCES.glob("msg/*.msg"), *SOURCES.glob("srv/*.srv")]
    pairs = [(path, share / path.relative_to(SOURCES)) for path in definitions]
    return bool(pairs) and all(
        theirs.exists() and filecmp.cmp(ours, theirs, False) for ours, theirs in pairs
    )


class Staging:
    """The folder that the interfaces are built in and collected from.

    A stamp, written last, holds the key of what it was made from; with another key it is emptied.
    """

    def __init__(self, folder):
        self.folder = Path(folder).absolute()
        self.prefix = self.folder / "prefix"
        self.stamp = self.folder / "stamp"

    def bring_up_to_date(self, prefixes):
        """Build the interfaces unless they were built from the same inputs."""
        key = self._key(prefixes)
        if self.stamp.is_file() and self.stamp.read_text() == key:
            return
        self.clear()
        self._cmake(prefixes)
        manifest = self.prefix / MANIFEST
        manifest.write_text("".join(f"{path}\n" for path in [*self.files(), MANIFEST]))
        self.stamp.write_text(key)

    def clear(self):
        """Nothing of an earlier configuration may come along."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def files(self):
        """The built files that belong into an installation, relative to its prefix."""
        files = (
            path.relative_to(self.prefix) for path in self.prefix.rglob("*") if path.is_file()
        )
        return sorted(path for path in files if not self._is_left_out(path))

    @staticmethod
    def _is_left_out(path):
        return any(Path(part).match(pattern) for part in path.parts for pattern in LEFT_OUT)

    @staticmethod
    def _key(prefixes):
        total = hashlib.sha256()
        inputs = [sys.executable, sys.version, os.environ.get("ROS_DISTRO", ""), *prefixes]
        inputs += cmake_options()
        total.update("\n".join(map(str, inputs)).encode())
        for path in sorted(SOURCES.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(str(path.relative_to(SOURCES)).encode() + path.read_bytes())
        return total.hexdigest()

    def _cmake(self, prefixes):
        build = self.folder / "cmake"
        configure = [
            "cmake",
            *("-S", str(SOURCES), "-B", str(build)),
            "-DBUILD_TESTING=OFF",
            f"-DPython3_EXECUTABLE={sys.executable}",
            *cmake_options(),
            # Last: files are collected from there.
            f"-DCMAKE_INSTALL_PREFIX={self.prefix}",
        ]
        jobs = str(len(os.sched_getaffinity(0)))
        install = ["cmake", "--build", str(build), "-j", jobs, "--target", "install"]
        for command in (configure, install):
            try:
                subprocess.run(command, env=cmake_environment(prefixes), check=True)
            except FileNotFoundError:
                sys.exit(f"{NAME}: cmake is not installed: sudo apt install cmake g++")
            except subprocess.CalledProcessError:
                sys.exit(f"{NAME}: building {INTERFACES} failed, see CMake's lines above")


def cmake_options(environ=os.environ):
    """Options for CMake from the variables that CMake and Python's build tools read.

    colcon gives its --cmake-args to CMake packages only.
    """
    options = [f"-DCMAKE_BUILD_TYPE={environ.get('CMAKE_BUILD_TYPE') or 'Release'}"]
    if toolchain := environ.get("CMAKE_TOOLCHAIN_FILE"):
        options.append(f"-DCMAKE_TOOLCHAIN_FILE={toolchain}")
    # After ours: the last one counts.
    return [*options, *shlex.split(environ.get("CMAKE_ARGS", ""))]


def cmake_environment(prefixes):
    """The environment for CMake: Python has to find ROS 2 and what else is installed.

    colcon and pip put a sitecustomize module in front that changes where Python looks, and pip
    drops the PYTHONPATH of the sourced ROS 2.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    of_ros = [prefix / "lib" / version / "site-packages" for prefix in prefixes]
    given = map(Path, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))
    kept = [path for path in given if not (path / "sitecustomize.py").exists()]
    paths = dict.fromkeys(map(str, [*kept, *filter(Path.is_dir, of_ros)]))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def installed_files(prefix):
    """The interface files that an earlier build installed: they may be others, or none, now."""
    manifest = prefix / MANIFEST
    lines = manifest.read_text().splitlines() if manifest.exists() else []
    return [prefix / line for line in lines]


def build(staging):
    """Build the interfaces into a staging folder, or empty it where none are needed.

    Args:
        staging: the Staging folder.

    Raises:
        SystemExit: the build is not possible; the message states why.
    """
    prefixes = underlay_prefixes()
    if os.environ.get("SIAMDW_ROS_WITHOUT_ROS"):
        print(f"{NAME}: without ROS 2: no {INTERFACES}, the node will not start")
        staging.clear()
    elif not prefixes:
        sys.exit(
            f"{NAME}: no ROS 2 is sourced: source /opt/ros/DISTRO/setup.bash or "
            "ros_env/activate.sh, or set SIAMDW_ROS_WITHOUT_ROS=1 for the tracker alone"
        )
    elif any(map(has_our_interfaces, prefixes)):
        print(f"{NAME}: using {INTERFACES} of the underlay")
        staging.clear()
    else:
        staging.bring_up_to_date(prefixes)

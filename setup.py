"""Builds the package and, where the underlay lacks them, the interfaces in msg/ with it.

colcon looks for no packages inside a package. So that one `colcon build` of one clone is enough,
the command `build_interfaces` runs CMake on msg/ and installs the result as data files.
"""

import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Command, find_packages, setup
from setuptools.command.develop import develop as base_develop

from distutils.command.install_data import install_data as base_install_data  # isort: skip

NAME = "siamdw_ros"
INTERFACES = "siamdw_msgs"
# With --symlink-install, colcon runs a link to this file.
HERE = Path(__file__).resolve().parent
SOURCES = HERE / "msg"
# Lists the interface files that we have installed: what tells our own from an underlay's.
MANIFEST = Path("share", INTERFACES, f"installed_by_{NAME}.txt")
# Scripts of the staging folder; colcon and the ROS distribution write their own.
LEFT_OUT = ("__pycache__", "environment", "local_setup.*", "package.dsv", "parent_prefix_path")

TOOLS = [
    "annotate",
    "demo",
    "evaluate",
    "export_onnx",
    "inspect_checkpoint",
    "play_clip",
    "train",
    "tune",
    "vot_trax",
]


def files_under(source, target):
    """Pairs for data_files: every file below the folder `source`, with its subfolders."""
    folders = sorted({path.parent for path in (HERE / source).rglob("*") if path.is_file()})
    pairs = []
    for folder in folders:
        inner = folder.relative_to(HERE / source)
        if "__pycache__" in inner.parts:
            continue
        names = sorted(str(path.relative_to(HERE)) for path in folder.iterdir() if path.is_file())
        pairs.append((str(Path(target, inner)), names))
    return pairs


def underlay_prefixes(environ=os.environ):
    """The prefixes of the sourced ROS 2 workspaces, less those with interfaces of our own."""
    prefixes = map(Path, filter(None, environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)))
    return [path for path in prefixes if path.is_dir() and not (path / MANIFEST).exists()]


def has_our_interfaces(prefix):
    """Are the interfaces in this prefix, as they are defined here?"""
    share = prefix / "share" / INTERFACES
    definitions = [*SOURCES.glob("msg/*.msg"), *SOURCES.glob("srv/*.srv")]
    pairs = [(path, share / path.relative_to(SOURCES)) for path in definitions]
    return all(theirs.exists() and filecmp.cmp(ours, theirs, False) for ours, theirs in pairs)


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
        total.update("\n".join(map(str, inputs)).encode())
        for path in [Path(__file__).resolve(), *sorted(SOURCES.rglob("*"))]:
            if path.is_file():
                total.update(str(path.relative_to(HERE)).encode() + path.read_bytes())
        return total.hexdigest()

    def _cmake(self, prefixes):
        build = self.folder / "cmake"
        configure = [
            "cmake",
            *("-S", str(SOURCES), "-B", str(build)),
            "-DCMAKE_BUILD_TYPE=Release",
            "-DBUILD_TESTING=OFF",
            f"-DCMAKE_INSTALL_PREFIX={self.prefix}",
            f"-DPython3_EXECUTABLE={sys.executable}",
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


class build_interfaces(Command):  # noqa: N801  (the name of the command)
    """Builds the interfaces, unless the underlay has them."""

    description = f"build {INTERFACES} from msg/ unless the underlay has it"
    user_options = [("build-base=", "b", "base folder for the build")]

    def initialize_options(self):
        self.build_base = None
        self.staging = None

    def finalize_options(self):
        self.set_undefined_options("build", ("build_base", "build_base"))
        self.staging = Staging(Path(self.build_base, "interfaces"))

    def run(self):
        prefixes = underlay_prefixes()
        if os.environ.get("SIAMDW_ROS_WITHOUT_ROS"):
            print(f"{NAME}: without ROS 2: no {INTERFACES}, the node will not start")
            self.staging.clear()
        elif not prefixes:
            sys.exit(
                f"{NAME}: no ROS 2 is sourced: source /opt/ros/DISTRO/setup.bash or "
                "ros_env/activate.sh, or set SIAMDW_ROS_WITHOUT_ROS=1 for the tracker alone"
            )
        elif any(map(has_our_interfaces, prefixes)):
            print(f"{NAME}: using {INTERFACES} of the underlay")
            self.staging.clear()
        else:
            self.staging.bring_up_to_date(prefixes)


def installed_interfaces(prefix):
    """The interface files that an earlier build installed: they may be others, or none, now."""
    manifest = prefix / MANIFEST
    lines = manifest.read_text().splitlines() if manifest.exists() else []
    return [prefix / line for line in lines]


class install_data(base_install_data):  # noqa: N801
    """What `colcon build` and pip run: the interfaces are installed as data files."""

    def run(self):
        earlier = installed_interfaces(Path(self.install_dir))
        self.run_command("build_interfaces")
        for path in earlier:
            path.unlink(missing_ok=True)
        staging = self.get_finalized_command("build_interfaces").staging
        base = Path(os.path.relpath(staging.prefix))
        staged = [(str(path.parent), [str(base / path)]) for path in staging.files()]
        self.data_files = [*self.data_files, *staged]
        super().run()


class develop(base_develop):  # noqa: N801
    """What `colcon build --symlink-install` runs: the interfaces are installed as links.

    colcon links data files itself, but only those it knew before the build.
    """

    def run(self):
        prefix = Path(self.get_finalized_command("install_data").install_dir)
        earlier = installed_interfaces(prefix)
        super().run()
        if self.uninstall:
            return
        self.run_command("build_interfaces")
        for path in earlier:
            path.unlink(missing_ok=True)
        staging = self.get_finalized_command("build_interfaces").staging
        for path in staging.files():
            (prefix / path).parent.mkdir(parents=True, exist_ok=True)
            (prefix / path).symlink_to(staging.prefix / path)


class editable_wheel(Command):  # noqa: N801
    """What `pip install --editable` runs, which would leave out all data files without a word."""

    description = "refused: it would install neither interfaces nor launch files"
    user_options = [("dist-dir=", "d", ""), ("dist-info-dir=", "I", "")]

    def initialize_options(self):
        self.dist_dir = self.dist_info_dir = None

    def finalize_options(self):
        pass

    def run(self):
        sys.exit(
            f"{NAME}: `pip install --editable` installs no data files: use "
            "`colcon build --symlink-install` (or `make build`)"
        )


setup(
    name=NAME,
    version="0.1.0",
    description="Follows visual targets with SiamDW and says where they are, as a ROS 2 node",
    author="siamdw_ros maintainers",
    maintainer="siamdw_ros maintainers",
    maintainer_email="siamdw-ros@example.org",
    license="MIT",
    python_requires=">=3.10",
    # measurement is for developers, with a clone: robots need none of it.
    packages=find_packages(include=[NAME, f"{NAME}.*"], exclude=[f"{NAME}.measurement*"]),
    package_data={NAME: ["py.typed", "tools/*.html", "weights/*.pt", "weights/*.md"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *files_under("launch", f"share/{NAME}/launch"),
        *files_under("config", f"share/{NAME}/config"),
        *files_under("test/data/clips", f"share/{NAME}/clips"),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    entry_points={
        "console_scripts": [
            f"tracker_node = {NAME}.node.tracker_node:main",
            f"respawning_tracker_node = {NAME}.node.process.respawning:main",
            *(f"{tool} = {NAME}.tools.{tool}:main" for tool in TOOLS),
        ],
    },
    cmdclass={
        "build_interfaces": build_interfaces,
        "develop": develop,
        "editable_wheel": editable_wheel,
        "install_data": install_data,
    },
    # Compiled interfaces fit one Python and one machine: pip must not call the wheel universal.
    has_ext_modules=lambda: True,
)

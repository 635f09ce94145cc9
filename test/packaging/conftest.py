"""A copy of the repository to build in, and an environment without its own build."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SEARCH_PATHS = (
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
)
# Asks rclpy, which loads the compiled type support, and ROS 2's index, which `ros2 run` reads.
PROBE = """
import siamdw_msgs.msg, siamdw_msgs.srv
from rclpy.type_support import check_for_type_support
check_for_type_support(siamdw_msgs.msg.TrackerStatus)
check_for_type_support(siamdw_msgs.srv.StartTracking)
from ament_index_python import get_resource, get_package_share_directory
get_package_share_directory("siamdw_ros")
get_resource("rosidl_interfaces", "siamdw_msgs")
print(siamdw_msgs.__file__)
"""


def clean_environment() -> dict[str, str]:
    """This environment without what was built in this repository."""
    result = dict(os.environ)
    ours = (str(REPOSITORY / "install"), str(REPOSITORY / "build"))
    for name in SEARCH_PATHS:
        entries = result.get(name, "").split(os.pathsep)
        kept = [entry for entry in entries if entry and not entry.startswith(ours)]
        result[name] = os.pathsep.join(kept)
    return {name: value for name, value in result.items() if value}


@dataclass
class Workspace:
    """A copy of the repository, and the folders that it is built into."""

    source: Path
    output: Path
    environ: dict[str, str] = field(default_factory=clean_environment)

    @property
    def prefix(self) -> Path:
        """Where siamdw_ros is installed."""
        return self.output / "install" / "siamdw_ros"

    @property
    def staging(self) -> Path:
        """Where setup.py builds the interfaces."""
        return self.output / "build" / "siamdw_ros" / "build" / "interfaces"

    def run(self, *command: str | Path) -> str:
        """Run a command in the copy.

        Returns:
            What it printed; the test fails with that if the command does.
        """
        finished = subprocess.run(
            [str(part) for part in command],
            cwd=self.source,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if finished.returncode:
            pytest.fail(f"{' '.join(map(str, command))}\n{finished.stdout}")
        return finished.stdout

    def colcon_build(self, *options: str) -> str:
        """Run `colcon build` as a person would, with the output elsewhere."""
        base = ("--build-base", self.output / "build", "--install-base", self.output / "install")
        log = ("--log-base", self.output / "log")
        shown = ("--event-handlers", "console_cohesion+")
        return self.run("python", "-m", "colcon", *log, "build", *base, *shown, *options)

    def empty_venv(self, folder: Path) -> Path:
        """Make a virtual environment without packages."""
        self.run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", folder)
        return folder

    def probe(self) -> Path:
        """Where the interfaces come from in a shell that has sourced the build."""
        setup = self.output / "install" / "setup.bash"
        # Not in the copy of the repository, which would be found first.
        script = 'cd / && source "$0" && python -c "$1"'
        return Path(self.run("bash", "-c", script, setup, PROBE).splitlines()[-1])

    def probe_venv(self, venv: Path) -> Path:
        """Where they come from for the Python of a virtual environment over this ROS 2."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        underlay = self.environ["AMENT_PREFIX_PATH"]
        packages = [f"{prefix}/lib/{version}/site-packages" for prefix in underlay.split(":")]
        front = {
            "AMENT_PREFIX_PATH": [str(venv)],
            "LD_LIBRARY_PATH": [f"{venv}/lib"],
            "PYTHONPATH": packages,
        }
        settings = [
            f"{name}={':'.join([*entries, self.environ.get(name, '')])}"
            for name, entries in front.items()
        ]
        python = venv / "bin" / "python"
        return Path(self.run("env", "-C", "/", *settings, python, "-c", PROBE).splitlines()[-1])


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """A copy of the repository without what was built in it."""
    if not shutil.which("cmake") or "AMENT_PREFIX_PATH" not in os.environ:
        pytest.skip("needs cmake and ROS 2, or the environment: ros_env/run python -m pytest")
    copy = tmp_path_factory.mktemp("source") / "siamdw_ros"
    left_out = shutil.ignore_patterns(".*", "build", "install", "log", "demo_out", "__pycache__")
    shutil.copytree(REPOSITORY, copy, ignore=left_out)
    return copy


@pytest.fixture(scope="module")
def workspace(source, tmp_path_factory) -> Workspace:
    """A workspace that the tests of a module build in one after the other."""
    return Workspace(source, tmp_path_factory.mktemp("workspace"))

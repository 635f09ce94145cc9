"""The virtual environment, the packages in it, and the mending of the ROS 2 wheels."""

import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from ros_env.host import SetupError
from ros_env.layout import Layout
from ros_env.process import run_logged

_BUILDERS_PYTHON = r"/opt/python/[^/\s\";{}]+"
OPENCV = "opencv-contrib-python-headless"
OTHER_OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")
# Modules of the distributions that do not have the name of their module.
_MODULES = {
    "empy": "em",
    "lark-parser": "lark",
    "pyserial": "serial",
    "pytest-xdist": "xdist",
    "pyyaml": "yaml",
    "types-pyyaml": "yaml-stubs",
    "vot-trax": "trax",
    OPENCV: "cv2",
}


def create_venv(layout: Layout) -> None:
    """Make an empty virtual environment, beside the system's packages where ROS 2 is sourced."""
    shutil.rmtree(layout.venv, ignore_errors=True)
    # A venv made by a venv's Python would depend on that one: take the Python below it.
    base = getattr(sys, "_base_executable", sys.executable)
    options = [] if layout.wheels else ["--system-site-packages"]
    run_logged(
        [base, "-m", "venv", *options, layout.venv],
        layout.state / "log" / "venv.log",
        what="creating .venv",
    )


def install(layout: Layout, requirements: list[Path], log: str, extra: Sequence[str] = ()) -> None:
    """Install the pinned packages of requirement files, and others given as pip knows them."""
    if any(pin.startswith(OPENCV) for path in requirements for pin in pins(path)):
        _remove_other_opencvs(layout)
    files = [part for path in requirements for part in ("-r", path)]
    run_logged(
        [layout.python, "-m", "pip", "install", "--disable-pip-version-check", *files, *extra],
        layout.state / "log" / f"{log}.log",
        what="installing Python packages",
    )


def _remove_other_opencvs(layout: Layout) -> None:
    """Remove every wheel of OpenCV if there is another than ours.

    They all have the same files, so that ours would be left incomplete by the other's removal.
    """
    names = (name.replace("-", "_") for name in OTHER_OPENCVS)
    if not any(list(layout.site_packages.glob(f"{name}-*.dist-info")) for name in names):
        return
    run_logged(
        [layout.python, "-m", "pip", "uninstall", "--yes", *OTHER_OPENCVS, OPENCV],
        layout.state / "log" / "opencv.log",
        what="removing another OpenCV",
    )


def install_missing(layout: Layout, requirements: list[Path]) -> None:
    """Install what a sourced ROS 2 lacks, and leave alone what it has.

    Its NumPy stays: the distribution's OpenCV and messages are compiled against that one.
    """
    wanted = [line for path in requirements for line in pins(path)]
    lacking = [line for line in wanted if not _importable(line.split("==")[0])]
    for needed in ("numpy", OPENCV, "pyyaml"):
        if any(line.startswith(needed + "==") for line in lacking):
            raise SetupError(
                f"the sourced ROS 2 has no Python module {_MODULES.get(needed, needed)}: "
                "rosdep install --from-paths . --ignore-src -y"
            )
    if lacking:
        install(layout, [], "packages", [*lacking, f"numpy=={version('numpy')}"])


def pins(path: Path) -> list[str]:
    """The requirements in a file, without its comments."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def _importable(distribution: str) -> bool:
    name = distribution.lower()
    usual = f"{name[6:]}-stubs" if name.startswith("types-") else name.replace("-", "_")
    return importlib.util.find_spec(_MODULES.get(name, usual)) is not None


def mend_exports(layout: Layout) -> None:
    """Point the wheels' CMake exports and setup scripts to this environment.

    They name the Python of the machine that built the wheels, and CMake stops on include folders
    that do not exist.
    """
    include = sysconfig.get_path("include")
    for pattern in ("*/cmake/*.cmake", "*/local_setup.*"):
        for path in (layout.venv / "share").glob(pattern):
            text = path.read_text()
            mended = mend(text, include, layout.site_packages, layout.venv)
            if mended != text:
                path.write_text(mended)


def mend(text: str, include: str, site_packages: Path, prefix: Path) -> str:
    """The same text with this environment's folders in place of the builder's."""
    text = re.sub(_BUILDERS_PYTHON + r"/include/python3\.\d+", include, text)
    text = re.sub(_BUILDERS_PYTHON + r"/lib/python3\.\d+/site-packages", str(site_packages), text)
    return re.sub(_BUILDERS_PYTHON, str(prefix), text)


def works(layout: Layout, env: dict[str, str]) -> bool:
    """Can the environment's Python import what everything else stands on?"""
    if not layout.python.exists():
        return False
    probe = (
        "import importlib.util, numpy, cv2, rclpy, yaml, vision_msgs.msg\n"
        "raise SystemExit(not all(map(importlib.util.find_spec, ('torch', 'pytest'))))"
    )
    finished = subprocess.run(
        [str(layout.python), "-c", probe], env=env, capture_output=True, check=False
    )
    return finished.returncode == 0

"""Builds the vision_msgs types, which no wheel has, and checks them against upstream's."""

import json
import os
import shutil
from pathlib import Path

from ros_env.host import SetupError
from ros_env.layout import DEFINITIONS, Layout
from ros_env.process import run_logged
from ros_env.shell import variables

PACKAGE = DEFINITIONS / "vision_msgs"


def definition_files() -> list[Path]:
    """Return the files that the built types depend on."""
    return sorted(path for path in PACKAGE.rglob("*") if path.is_file())


def build(layout: Layout) -> None:
    """Generate, check, compile and install vision_msgs into the environment."""
    folder = layout.state / "build" / "vision_msgs"
    check_type_hashes(describe(layout, PACKAGE, folder))
    jobs = str(len(os.sched_getaffinity(0)))
    _cmake(layout, "compile", ["--build", folder, "-j", jobs, "--target", "install"])


def describe(layout: Layout, package: Path, folder: Path) -> Path:
    """Write rosidl's descriptions of a package's types. Takes seconds; compiling takes a minute.

    Returns:
        The folder of the descriptions, one JSON file per type.
    """
    shutil.rmtree(folder, ignore_errors=True)
    options = [
        "-DCMAKE_BUILD_TYPE=Release",
        "-DBUILD_TESTING=OFF",
        f"-DCMAKE_INSTALL_PREFIX={layout.venv}",
        f"-DPython3_EXECUTABLE={layout.python}",
    ]
    _cmake(layout, "configure", ["-S", package, "-B", folder, *options])
    target = "vision_msgs__rosidl_generator_type_description"
    _cmake(layout, "describe", ["--build", folder, "--target", target])
    return folder / "rosidl_generator_type_description" / "vision_msgs" / "msg"


def _cmake(layout: Layout, step: str, arguments: list[str | Path]) -> None:
    run_logged(
        ["cmake", *arguments],
        layout.state / "log" / f"vision_msgs-{step}.log",
        what=f"vision_msgs: {step}",
        env=variables(layout),
    )


def check_type_hashes(
    descriptions: Path, expected_file: Path = PACKAGE / "type_hashes.json"
) -> None:
    """Compare the built types with upstream's: nodes with other type hashes cannot communicate.

    Args:
        descriptions: folder with the type descriptions that rosidl wrote, one JSON file per type.
        expected_file: upstream's hash by type name. Each hash covers the nested types.

    Raises:
        SetupError: A hash differs.
    """
    for name, expected in json.loads(expected_file.read_text()).items():
        hashes = json.loads((descriptions / f"{name}.json").read_text())["type_hashes"]
        full_name = f"vision_msgs/msg/{name}"
        built = {entry["type_name"]: entry["hash_string"] for entry in hashes}.get(full_name)
        if built != expected:
            raise SetupError(
                f"{full_name} has type hash {built}, other nodes expect {expected}: "
                "its definition in ros_env/vision_msgs/msg differs from vision_msgs 4.1.1"
            )

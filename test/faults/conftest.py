"""A node, a robot and a camera for faults, and the ledger of what happened."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.evaluation.node_process import TrackerProcess
from siamdw_ros.evaluation.robot import Robot

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "following"))
sys.path.insert(0, str(Path(__file__).parents[1] / "panel"))

from ledger import Ledger, Trial
from rig import CLIP, LaunchRig, Rig, Trials

FEW = 1  # trials of a fault, unless --fault-times is given
PARAMETERS = {"device": "cpu", "threads": 1}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give a fault that is tried many times as long as it takes: each trial has limits."""
    if config.getoption("--fault-times"):
        for item in items:
            if "trials" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="session", autouse=True)
def _in_own_domain(ros_domain: None) -> None:
    """Run every test here in the run's own ROS domain."""


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    """What is written down of this run."""
    return Ledger(pytestconfig.getoption("--fault-results"))


@pytest.fixture
def trials(ledger: Ledger, pytestconfig: pytest.Config) -> Trials:
    """Repeat a fault; each trial that comes to its end is written down."""

    def repeat(fault: str, share: float = 1.0) -> Iterator[Trial]:
        times = pytestconfig.getoption("--fault-times") or FEW
        for _ in range(max(1, round(times * share))):
            trial = Trial(fault)
            yield trial
            ledger.write(trial)

    return repeat


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """The clip's first frame, 480 x 640 x 3."""
    return next(iter(read_clip(CLIP)))


@pytest.fixture(scope="session")
def launch_rig(tmp_path_factory: pytest.TempPathFactory, picture: np.ndarray) -> LaunchRig:
    """Start a node with parameters of the test's own, in a namespace of its own."""

    @contextlib.contextmanager
    def launch(reliable: bool = False, respawn: bool = False, **parameters: Any) -> Iterator[Rig]:
        namespace = f"/faults_{time.monotonic_ns()}"
        if reliable:
            prefix = f"qos_overrides.{namespace}/image.subscription"
            parameters |= {f"{prefix}.reliability": "reliable", f"{prefix}.depth": 1000}
        log = tmp_path_factory.mktemp("node") / "node.log"
        tracker = TrackerProcess(log, namespace, {**PARAMETERS, **parameters}, respawn=respawn)
        with tracker, Robot(namespace) as robot:
            rig = Rig(tracker, robot, picture)
            rig.wait(robot.lifecycle_state, "the node")
            if parameters.get("autostart", True):
                rig.wait(lambda: robot.lifecycle_state() == "active", "the node to be active")
            yield rig

    return launch


@pytest.fixture(scope="session")
def shared_rig(launch_rig: LaunchRig) -> Iterator[Rig]:
    """One node for all faults that it has to survive."""
    with launch_rig() as rig:
        yield rig


@pytest.fixture
def rig(shared_rig: Rig) -> Rig:
    """The shared node, active and following nothing."""
    shared_rig.robot.bring_to("active")
    # Again while requests of the test before, each a search for an object, still wait.
    shared_rig.wait(lambda: shared_rig.robot.stop().success, "the targets to be stopped")
    return shared_rig

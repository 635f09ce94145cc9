"""A node, a robot and a camera for faults, and the ledger of what happened."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image

from siamdw_ros.node.images import image_message
from siamdw_ros.reliability.camera import Camera
from siamdw_ros.reliability.robot import Robot
from siamdw_ros.reliability.tracker_process import TrackerProcess
from siamdw_ros.tools.play_clip import read_clip

sys.path.insert(0, str(Path(__file__).parent))

from ledger import Ledger, Trial, check_counts

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
START = (306.0, 124.0, 108.0, 260.0)  # what is followed in it, on its first frame
RATE = 10.0  # images a second: a camera that a busy machine can feed
FEW = 1  # trials of a fault, unless --fault-times says otherwise
PARAMETERS = {"device": "cpu", "threads": 1}

Trials = Callable[..., Iterator[Trial]]


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


@dataclass
class Rig:
    """A tracker node as a process, and the robot that it serves."""

    tracker: TrackerProcess
    robot: Robot
    picture: np.ndarray

    def topic(self, name: str) -> str:
        """One of the tracker's topics, from the root."""
        return f"{self.robot.node.get_namespace()}/{self.robot.tracker}/{name}"

    def camera(self, rate: float = RATE, message: Any = None) -> Camera:
        """A camera that shows the target, always in its place."""
        shown = message or image_message(self.picture)
        return Camera(self.robot, lambda: shown, rate)

    @contextlib.contextmanager
    def eyes(self) -> Iterator[list[Image]]:
        """The images that a camera, whosever it is, sends."""
        seen: list[Image] = []
        subscription = self.robot.node.create_subscription(Image, "image", seen.append, 1)
        yield seen
        self.robot.node.destroy_subscription(subscription)

    def follow(self) -> None:
        """Follow the target, with a camera running, and wait until the node reports it."""
        self.wait(lambda: self.robot.start(START).success, "the target to be started")
        self.wait(self.robot.follows, "the target's detection")

    def configure_anew(self, **parameters: Any) -> None:
        """Take the node back to unconfigured, set parameters, and make it active again."""
        self.robot.bring_to("unconfigured")
        results = self.robot.set_parameters(parameters)
        assert all(result.successful for result in results), results
        self.robot.bring_to("active")

    @contextlib.contextmanager
    def configured(self, **parameters: Any) -> Iterator[None]:
        """Configure the node so for a while, and then as it was."""
        before = self.robot.parameters(*parameters)
        self.configure_anew(**parameters)
        try:
            yield
        finally:
            self.configure_anew(**before)

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until a condition holds; the node has to stay alive meanwhile."""

        def alive_and_holds() -> Any:
            assert self.tracker.alive, f"the node ended\n{self.tracker.output()}"
            return condition()

        return self.robot.wait(alive_and_holds, what)

    def survived(self, trial: Trial, counts: Callable[[int], bool] | None = None) -> None:
        """After a fault, a camera running: measure the recovery; nothing may have been lost."""
        trial.recovered(self.robot.recovery(counts))
        assert self.tracker.alive, self.tracker.output()
        trial.kept = self.robot.follows()
        assert trial.kept, f"the target was lost\n{self.robot.statuses[-1].message}"
        check_counts(self.robot)
        assert "Traceback" not in self.tracker.output()


LaunchRig = Callable[..., contextlib.AbstractContextManager[Rig]]


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
    assert shared_rig.robot.stop().success
    return shared_rig

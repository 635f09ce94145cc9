"""A tracker node as a process, the robot that it serves, and what is done to both."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from camera_thread import Camera
from ledger import Trial, check_counts
from sensor_msgs.msg import Image

from siamdw_ros.evaluation.node_process import TrackerProcess
from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.node.decoding import image_message

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
START = (306.0, 124.0, 108.0, 260.0)  # what is followed in it, on its first frame
RATE = 10.0  # images per second: a camera that a busy machine can feed

Trials = Callable[..., Iterator[Trial]]


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

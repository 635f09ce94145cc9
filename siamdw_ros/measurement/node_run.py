"""Play a camera to the node, each as a process of its own, and collect the results."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siamdw_ros.evaluation.node_client import RobotError
from siamdw_ros.evaluation.node_process import TrackerProcess
from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.measurement.camera import camera_process, read_log
from siamdw_ros.measurement.usage import Usage, usage
from siamdw_ros.siamdw.crops import Box

SILENCE = 0.5  # seconds without results, and three inferences: the node has nothing left to do
ANSWER = 30.0  # seconds; many targets on a small machine take a while
CAMERA = "/benchmark_camera"


@dataclass(frozen=True)
class Scenario:
    """A kind of camera, and how many targets the node tracks in its images.

    Attributes:
        size: width and height in pixels.
        rate: frames per second.
        targets: how many.
        seconds: how long.
        compressed: JPEG instead of raw images.
    """

    size: tuple[int, int]
    rate: float
    targets: int
    seconds: float
    compressed: bool = False

    @property
    def name(self) -> str:
        """As in a table: 1280x720 30 Hz, 8 targets, raw."""
        width, height = self.size
        kind = "JPEG" if self.compressed else "raw"
        return f"{width}x{height} {self.rate:g} Hz, {self.targets} targets, {kind}"


@dataclass(frozen=True)
class Run:
    """Record of one scenario. Times in seconds, per processed frame.

    Attributes:
        sent: frames.
        received: frames, as the node's callback counts them.
        processed: frames.
        stamps: of the images.
        latency: from the stamp until the detections arrived here.
        inference: as the node's status reports it.
        before: resources of the node's process at the start.
        after: the same at the end.
    """

    sent: int
    received: int
    processed: int
    stamps: list[float]
    latency: list[float]
    inference: list[float]
    before: Usage
    after: Usage

    @property
    def overhead(self) -> list[float]:
        """Latency less inference, frame by frame."""
        return [a - b for a, b in zip(self.latency, self.inference, strict=True)]

    @property
    def waited(self) -> list[float]:
        """How long each image had to wait for the inference of the one before.

        That one's detections arrived when it was done; what was stamped earlier had to wait.
        """
        ends = [stamp + late for stamp, late in zip(self.stamps, self.latency, strict=True)]
        before = [float("-inf"), *ends[:-1]]
        return [max(0.0, end - stamp) for end, stamp in zip(before, self.stamps, strict=True)]

    @property
    def own(self) -> list[float]:
        """The rest of each latency: the node's own share, and the transport's."""
        return [a - b for a, b in zip(self.overhead, self.waited, strict=True)]

    def thread_seconds(self, kind: str) -> float:
        """Return the processor time of a kind of thread during the run."""
        return self.after.seconds[kind] - self.before.seconds[kind]


@dataclass(frozen=True)
class TrackerUnderTest:
    """A running tracker node and a client of it. Make it with :func:`tracker`."""

    process: TrackerProcess
    robot: Robot
    folder: Path

    def play(self, clip: Path, boxes: list[Box], scenario: Scenario) -> Run:
        """Publish `clip` by the scenario and track `boxes`, in pixels of its size.

        Raises:
            RobotError: node or camera do not do their part.
        """
        log, pid = self.folder / "sent.csv", self.process.process.pid
        self._forget()
        shown = (scenario.size, scenario.rate, scenario.seconds)
        with camera_process(clip, log, *shown, compressed=scenario.compressed) as camera:
            self._track(boxes)
            self.robot.trigger(f"{CAMERA}/hold")
            self._wait_for_silence()
            received = self._received()
            self._forget()
            before = usage(pid)
            self.robot.trigger(f"{CAMERA}/play")
            self.robot.wait(lambda: not camera.alive, "the end", 3 * scenario.seconds + ANSWER)
            self._wait_for_silence()
        return self._run(read_log(log), before, usage(pid), received)

    def _forget(self) -> None:
        self.robot.detections.clear()
        self.robot.statuses.clear()

    def _track(self, boxes: list[Box]) -> None:
        """Start these targets on the newest image, and stop all others."""
        self.robot.wait_until_active()
        self.robot.wait(lambda: self.robot.statuses, "a first image at the node")
        self.robot.stop()
        for number, box in enumerate(boxes):
            if not (answer := self.robot.start(box, str(number))).success:
                raise RobotError(f"the node refuses to start: {answer.message}")

    def _wait_for_silence(self) -> None:
        """Wait until the node has published all its results."""
        begin = self.robot.now()

        def silent() -> bool:
            newest = self.robot.statuses[-1] if self.robot.statuses else None
            since = max(newest.arrived if newest else 0, begin)
            inference = newest.message.inference_ms * 1e-3 if newest else 0.0
            return (self.robot.now() - since) * 1e-9 > max(SILENCE, 3 * inference)

        self.robot.wait(silent, "silence", ANSWER)

    def _received(self) -> int:
        if not self.robot.statuses:
            raise RobotError("the node processed no image")
        return int(self.robot.statuses[-1].message.received)

    def _run(self, sent: list[int], before: Usage, after: Usage, received: int) -> Run:
        arrived = {one.stamp: one.arrived for one in tuple(self.robot.detections)}
        statuses = {one.stamp: one.message for one in tuple(self.robot.statuses)}
        both = [stamp for stamp in sent if stamp in arrived and stamp in statuses]
        return Run(
            sent=len(sent),
            received=self._received() - received,
            processed=sum(stamp in statuses for stamp in sent),
            stamps=[stamp * 1e-9 for stamp in both],
            latency=[(arrived[stamp] - stamp) * 1e-9 for stamp in both],
            inference=[statuses[stamp].inference_ms * 1e-3 for stamp in both],
            before=before,
            after=after,
        )


@contextmanager
def tracker(folder: Path, parameters: Mapping[str, Any]) -> Iterator[TrackerUnderTest]:
    """Run the node with parameters; ROS must be initialised in a domain of its own.

    Raises:
        RobotError: it ended badly.
    """
    quiet = ["--log-level", "siamdw_tracker:=fatal"]  # cameras come and go
    with (
        TrackerProcess(parameters=parameters, arguments=quiet) as process,
        Robot(kept=None) as robot,
    ):
        yield TrackerUnderTest(process, robot, folder)
    if process.process.returncode:
        raise RobotError(f"the tracker node ended with exit code {process.process.returncode}")

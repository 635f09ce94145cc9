"""Let a camera play to the node, each as a process of its own, and write down what comes back."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.time import Time
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking, StopTracking
from std_srvs.srv import Trigger

from siamdw_ros.evaluation.playback import STARTUP_SECONDS, Listener, PlayError, process
from siamdw_ros.measurement.camera import read_log
from siamdw_ros.measurement.usage import Usage, usage
from siamdw_ros.node.messages import box_to_message
from siamdw_ros.siamdw.crops import Box

SILENCE = 0.5  # seconds without news, and three inferences: the node has nothing left to do
ANSWER = 30.0  # seconds; many targets on a small machine take a while


@dataclass(frozen=True)
class Scenario:
    """What the camera shows, and how many targets the node follows in it."""

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
    """What was sent and heard while the film was shown.

    sent, received, processed: frames; received as the node's callback counts them. Times in
    seconds, by frame that was processed, in order: stamp of the image; latency from there until
    its detections arrived here; inference as the node's status has it.
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
        """What is left of each latency: the node's own share, and the transport's."""
        return [a - b for a, b in zip(self.overhead, self.waited, strict=True)]

    def thread_seconds(self, kind: str) -> float:
        """Processor time of a kind of thread during the film."""
        return self.after.seconds[kind] - self.before.seconds[kind]


@dataclass
class Ear(Listener):
    """Hears the node; keeps every status by its image's stamp, in nanoseconds."""

    statuses: dict[int, TrackerStatus] = field(default_factory=dict)
    news: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        prefix = "/siamdw_tracker"
        self._stop = self.node.create_client(StopTracking, f"{prefix}/stop_tracking")
        self._hold = self.node.create_client(Trigger, "/benchmark_camera/hold")
        self._film = self.node.create_client(Trigger, "/benchmark_camera/play")

    def _on_status(self, message: TrackerStatus) -> None:
        self.status, self.news = message, time.monotonic()
        self.statuses[Time.from_msg(message.header.stamp).nanoseconds] = message

    def follow(self, boxes: list[Box]) -> None:
        """Let the node follow these boxes on the newest image, and nothing else.

        Raises:
            PlayError: the node is not there, has no image, or refuses.
        """
        self.wait(self._start.service_is_ready, STARTUP_SECONDS, "the tracker node's services")
        self.wait(lambda: self.status is not None, STARTUP_SECONDS, "a first image at the node")
        self._call(self._stop, StopTracking.Request())
        for number, box in enumerate(boxes):
            asked = StartTracking.Request(target_id=str(number), bbox=box_to_message(box))
            answer = self._call(self._start, asked)
            if not answer.success:
                raise PlayError(f"the node refuses to start: {answer.message}")

    def silence(self) -> None:
        """Wait until the node has said everything."""
        self.wait(lambda: time.monotonic() - self.news > self._quiet(), ANSWER, "silence")

    def _quiet(self) -> float:
        inference = self.status.inference_ms * 1e-3 if self.status else 0.0
        return max(SILENCE, 3 * inference)

    def listen(self, seconds: float) -> None:
        """Hear what comes for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=left)

    def forget(self) -> None:
        """Start with nothing heard."""
        self.heard.clear()
        self.statuses.clear()
        self.status = None

    def hold(self) -> None:
        """Stop the camera."""
        self.wait(self._hold.service_is_ready, STARTUP_SECONDS, "the camera's services")
        self._call(self._hold, Trigger.Request())

    def show_film(self) -> None:
        """Let the camera show its film."""
        self._call(self._film, Trigger.Request())


class TrackerUnderTest:
    """A running tracker node and an ear for it. Make it with :func:`tracker`."""

    def __init__(self, running: "subprocess.Popen[bytes]", folder: Path) -> None:
        self.running, self.folder = running, folder
        self.ear = Ear(Node("benchmark_listener"))

    def play(self, clip: Path, boxes: list[Box], scenario: Scenario) -> Run:
        """Show a film of `clip` and follow `boxes`, in pixels of the scenario's size.

        Raises:
            PlayError: node or camera do not do their part.
        """
        log = self.folder / "sent.csv"
        self.ear.forget()
        with process(
            "siamdw_ros.measurement.camera", *camera_arguments(clip, scenario, log)
        ) as cam:
            self.ear.follow(boxes)
            self.ear.hold()
            self.ear.silence()
            received = self._received()
            self.ear.forget()
            before = usage(self.running.pid)
            self.ear.show_film()
            self.ear.wait(lambda: cam.poll() is not None, 3 * scenario.seconds + ANSWER, "the end")
            self.ear.news = time.monotonic()
            self.ear.silence()
        return self._run(read_log(log), before, received)

    def _received(self) -> int:
        if self.ear.status is None:
            raise PlayError("the node processed no image")
        return int(self.ear.status.received)

    def _run(self, sent: list[int], before: Usage, received: int) -> Run:
        heard, statuses = self.ear.heard, self.ear.statuses
        both = [stamp for stamp in sent if stamp in heard and stamp in statuses]
        return Run(
            sent=len(sent),
            received=self._received() - received,
            processed=sum(stamp in statuses for stamp in sent),
            stamps=[stamp * 1e-9 for stamp in both],
            latency=[(heard[stamp].arrived - stamp) * 1e-9 for stamp in both],
            inference=[statuses[stamp].inference_ms * 1e-3 for stamp in both],
            before=before,
            after=usage(self.running.pid),
        )

    def close(self) -> None:
        """Stop listening."""
        self.ear.node.destroy_node()


def camera_arguments(clip: Path, scenario: Scenario, log: Path) -> list[str]:
    """The camera's command line."""
    width, height = scenario.size
    return [
        *(str(clip), "--size", f"{width}x{height}", "--rate", f"{scenario.rate:g}"),
        *("--seconds", f"{scenario.seconds:g}", "--log", str(log)),
        *(["--compressed"] if scenario.compressed else []),
    ]


@contextmanager
def tracker(folder: Path, parameters: dict[str, object]) -> Iterator[TrackerUnderTest]:
    """Run the node with parameters; ROS must be initialised in a domain of its own.

    Raises:
        PlayError: it ended badly.
    """
    arguments = ["--ros-args", "--log-level", "siamdw_tracker:=fatal"]  # it misses its camera
    for name, value in parameters.items():
        arguments += ["-p", f"{name}:={value}"]
    with process("siamdw_ros.node.tracker_node", *arguments) as running:
        under_test = TrackerUnderTest(running, folder)
        try:
            yield under_test
        finally:
            under_test.close()
    if running.returncode:
        raise PlayError(f"the tracker node ended with exit code {running.returncode}")

"""What a robot has of a tracker node: a camera, ears and service clients."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking, StopTracking
from vision_msgs.msg import Detection2DArray

from siamdw_ros.node.messages import box_to_message
from siamdw_ros.siamdw.crops import Box

DEEP = QoSProfile(depth=1000)  # the usual depth of 10 loses answers that come all at once
PATIENCE = 60.0  # seconds; a slow machine loads torch and the network in that time
UP = {"unconfigured": Transition.TRANSITION_CONFIGURE, "inactive": Transition.TRANSITION_ACTIVATE}
DOWN = {"active": Transition.TRANSITION_DEACTIVATE, "inactive": Transition.TRANSITION_CLEANUP}
ORDER = ["unconfigured", "inactive", "active"]
ASK_AGAIN = 1.0  # seconds; a server that has not found its client yet loses the answer


class RobotError(RuntimeError):
    """The node does not do what the robot waits for; the message says what."""


@dataclass(frozen=True)
class Heard:
    """A message, when it came (seconds of the steady clock) and its image's stamp (ns)."""

    message: Any
    arrived: float
    stamp: int


@dataclass(frozen=True)
class Recovery:
    """Seconds from a fault's end to the first answer and to the first newer image's result."""

    answer: float
    publish: float


class Robot:
    """Talks to one tracker node, from a ROS node with a thread of its own.

    Args:
        namespace: of the tracker node, and of the robot's.
        tracker: name of the tracker node.
    """

    def __init__(self, namespace: str = "/", tracker: str = "siamdw_tracker") -> None:
        self.node = Node("robot", namespace=namespace)
        self.tracker = tracker
        self.images: dict[Any, Any] = {
            Image: self.node.create_publisher(Image, "image", QoSProfile(depth=5)),
            CompressedImage: self.node.create_publisher(
                CompressedImage, "image/compressed", QoSProfile(depth=5)
            ),
        }
        self.detections: deque[Heard] = deque(maxlen=1000)
        self.statuses: deque[Heard] = deque(maxlen=1000)
        self._listen(Detection2DArray, "detections", self.detections)
        self._listen(TrackerStatus, "status", self.statuses)
        self._clients: dict[str, Any] = {}
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._spinning = threading.Thread(target=self._executor.spin, name="robot")
        self._spinning.start()

    def _listen(self, kind: Any, name: str, store: deque[Heard]) -> None:
        def hear(message: Any) -> None:
            stamp = Time.from_msg(message.header.stamp).nanoseconds
            store.append(Heard(message, time.monotonic(), stamp))

        self.node.create_subscription(kind, f"{self.tracker}/{name}", hear, 100)

    def now(self) -> int:
        """The time that images are stamped with, nanoseconds."""
        return int(self.node.get_clock().now().nanoseconds)

    def send(self, image: Image | CompressedImage, stamp: int | None = None) -> int:
        """Publish an image and return its stamp: the one given or now, in nanoseconds."""
        stamp = self.now() if stamp is None else stamp
        image.header.stamp = Time(nanoseconds=stamp).to_msg()
        self.images[type(image)].publish(image)
        return stamp

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Wait until a condition holds, and return what it gave.

        Raises:
            RobotError: it does not within that time.
        """
        end, tick = time.monotonic() + seconds, threading.Event()
        while not (result := condition()):
            if time.monotonic() > end:
                raise RobotError(f"{what}: not within {seconds:g} s")
            tick.wait(0.005)
        return result

    def ask(
        self,
        kind: Any,
        service: str,
        request: Any,
        seconds: float = PATIENCE,
        again: float = ASK_AGAIN,
    ) -> Any:
        """Ask a service of the tracker until it answers; only what may be carried out twice.

        Args:
            kind: type of the service.
            service: its name below the tracker's.
            request: what is asked.
            seconds: how long to go on.
            again: seconds until it is asked once more.

        Raises:
            RobotError: there is no answer within that time.
        """
        asked: list[Any] = []
        next_time = 0.0

        def answered() -> Any:
            nonlocal next_time
            if time.monotonic() >= next_time:
                asked.append(self._client(kind, service).call_async(request))
                next_time = time.monotonic() + again
            return next((future for future in asked if future.done()), None)

        try:
            return self.wait(answered, f"an answer of {service}", seconds).result()
        finally:
            for future in asked:
                self._client(kind, service).remove_pending_request(future)

    def lifecycle_state(self) -> str:
        """The node's state: unconfigured, inactive, active, finalized, or one in between."""
        answer = self.ask(GetState, "get_state", GetState.Request())
        return str(answer.current_state.label)

    def change_state(self, transition: int) -> str:
        """Ask for a transition, a number of lifecycle_msgs/Transition; return the state after it.

        Raises:
            RobotError: the node does not come into a state in which it stays.
        """
        request = ChangeState.Request()
        request.transition.id = transition
        self.lifecycle_state()  # a server that answers has found this client's process
        self.ask(ChangeState, "change_state", request, again=PATIENCE)
        return self.lifecycle_state()

    def bring_to(self, goal: str) -> None:
        """Bring the node to unconfigured, inactive or active, step by step.

        Raises:
            RobotError: it does not come there.
        """
        while (state := self.settled_state()) != goal:
            steps = UP if ORDER.index(state) < ORDER.index(goal) else DOWN
            if self.change_state(steps[state]) == state:
                raise RobotError(f"the node stays {state}")

    def settled_state(self) -> str:
        """The node's state, once it is none of those that it passes through."""
        passing = ("configuring", "activating", "deactivating", "cleaningup", "errorprocessing")
        return str(self.wait(lambda: _unless(self.lifecycle_state(), passing), "a steady state"))

    def set_parameters(self, values: dict[str, Any]) -> list[SetParametersResult]:
        """Set parameters of the tracker, one by one, and return what it says to each."""
        parameters = [Parameter(name, value=value) for name, value in values.items()]
        request = SetParameters.Request(parameters=[p.to_parameter_msg() for p in parameters])
        return list(self.ask(SetParameters, "set_parameters", request).results)

    def parameters(self, *names: str) -> dict[str, Any]:
        """The values of some of the tracker's parameters."""
        request = GetParameters.Request(names=list(names))
        values = self.ask(GetParameters, "get_parameters", request).values
        return {n: parameter_value_to_python(v) for n, v in zip(names, values, strict=True)}

    def ask_all(self, calls: list[tuple[Any, str, Any]], seconds: float = PATIENCE) -> list[Any]:
        """Call services all at once, each given as for :meth:`ask`; their answers in that order.

        Raises:
            RobotError: not all are answered within that time.
        """
        for kind, service, _ in calls:
            self.wait(self._client(kind, service).service_is_ready, service, seconds)
        asked = [self._client(kind, name).call_async(request) for kind, name, request in calls]
        self.wait(lambda: all(future.done() for future in asked), "all answers", seconds)
        return [future.result() for future in asked]

    def _client(self, kind: Any, service: str) -> Any:
        if service not in self._clients:
            name = f"{self.tracker}/{service}"
            self._clients[service] = self.node.create_client(kind, name, qos_profile=DEEP)
        return self._clients[service]

    def start(self, box: Box, target_id: str = "target") -> StartTracking.Response:
        """Ask the node to follow what the newest image shows in a box, (x, y, w, h)."""
        request = StartTracking.Request(target_id=target_id, bbox=box_to_message(box))
        return self.ask(StartTracking, "start_tracking", request)

    def stop(self, target_id: str = "", seconds: float = PATIENCE) -> StopTracking.Response:
        """Ask the node to stop following one target, or all."""
        request = StopTracking.Request(target_id=target_id)
        return self.ask(StopTracking, "stop_tracking", request, seconds)

    def recovery(self, counts: Callable[[int], bool] | None = None) -> Recovery:
        """Measure, from now on, how soon the node answers and reports an image again.

        A camera has to be running.

        Args:
            counts: says of an image's stamp whether it was taken after the fault (default:
                whether it is later than the present).

        Raises:
            RobotError: one of the two does not come.
        """
        begin, now = time.monotonic(), self.now()
        is_new = counts or (lambda stamp: stamp >= now)
        nobody = StopTracking.Request(target_id="nobody")
        self.ask(StopTracking, "stop_tracking", nobody, again=0.25)
        answer = time.monotonic() - begin

        def reported() -> Heard | None:
            heard = tuple(self.detections)
            return next((h for h in heard if h.arrived >= begin and is_new(h.stamp)), None)

        heard = self.wait(reported, "detections of a new image")
        return Recovery(answer, heard.arrived - begin)

    def follows(self, target_id: str = "target") -> bool:
        """Whether the newest detections hold a target."""
        if not self.detections:
            return False
        return target_id in [one.id for one in self.detections[-1].message.detections]

    def __enter__(self) -> "Robot":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self._spinning.join()
        self.node.destroy_node()


def _unless(state: str, passing: Sequence[str]) -> str | None:
    return None if state in passing else state


class Camera(threading.Thread):
    """Sends images through a robot at a steady rate, until its `with` block ends.

    Args:
        robot: whose image topic is used.
        image: called for each image that is sent, raw or compressed.
        rate: images a second.
    """

    def __init__(self, robot: Robot, image: Callable[[], Any], rate: float) -> None:
        super().__init__(name="camera")
        self.robot, self.image, self.rate = robot, image, rate
        self.sent = 0
        self.stamp: Callable[[], int] = robot.now
        self._ended = threading.Event()

    def run(self) -> None:
        """Send until told to end; a late image does not delay the ones behind it."""
        begin = time.monotonic()
        while not self._ended.wait(self._until_next(begin)):
            self.robot.send(self.image(), self.stamp())
            self.sent += 1

    def _until_next(self, begin: float) -> float:
        passed = time.monotonic() - begin
        return math.ceil(passed * self.rate + 1e-6) / self.rate - passed

    def __enter__(self) -> "Camera":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self.join()

"""A client of a tracker node: its own services, and those that every node has."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.exceptions import InvalidHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import QoSProfile
from std_srvs.srv import Trigger

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

DEEP = QoSProfile(depth=1000)  # the usual depth of 10 loses answers that come all at once
PATIENCE = 120.0  # seconds, for what takes a few on an idle machine
LOAD_SECONDS = 600.0  # a slow and busy machine loads torch and the network in that time
ASK_AGAIN = 1.0  # seconds; a server that has not found its client yet loses the answer
UP = {"unconfigured": Transition.TRANSITION_CONFIGURE, "inactive": Transition.TRANSITION_ACTIVATE}
DOWN = {"active": Transition.TRANSITION_DEACTIVATE, "inactive": Transition.TRANSITION_CLEANUP}
ORDER = ["unconfigured", "inactive", "active"]


class RobotError(RuntimeError):
    """The node did not do what was waited for; the message names it."""


class Client:
    """A ROS node with its own thread, client of one tracker node.

    Args:
        namespace: of the tracker node, and of this one.
        tracker: name of the tracker node.
        name: of this node.
    """

    def __init__(
        self, namespace: str = "/", tracker: str = "siamdw_tracker", name: str = "robot"
    ) -> None:
        self.node = Node(name, namespace=namespace)
        self.tracker = tracker
        self._clients: dict[str, Any] = {}
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._spinning = threading.Thread(target=self._spin, name="robot")
        self._spinning.start()

    def _spin(self) -> None:
        """Receive until the executor is shut down.

        Other threads create and destroy entities. rclpy raises when one is destroyed that it is
        just about to wait for; without this, nothing would be received from then on.
        """
        while True:
            try:
                self._executor.spin()
                return
            except InvalidHandle:
                continue

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Wait until a condition holds, and return its value.

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
        """Call a service until it answers; only for requests that may be carried out twice.

        Args:
            kind: type of the service.
            service: its name below the tracker's, or a whole name that begins with a slash.
            request: to send.
            seconds: how long to repeat it.
            again: seconds until it is sent once more.

        Raises:
            RobotError: there is no answer within that time.
        """
        asked: list[Any] = []
        next_time = 0.0

        def answered() -> Any:
            nonlocal next_time
            if time.monotonic() >= next_time:
                asked.append(self.client(kind, service).call_async(request))
                next_time = time.monotonic() + again
            return next((future for future in asked if future.done()), None)

        try:
            return self.wait(answered, f"an answer of {service}", seconds).result()
        finally:
            for future in asked:
                self.client(kind, service).remove_pending_request(future)

    def trigger(self, service: str) -> None:
        """Call a service of std_srvs/Trigger; see :meth:`ask`."""
        self.ask(Trigger, service, Trigger.Request())

    def lifecycle_state(self) -> str:
        """Return the node's state: unconfigured, inactive, active, finalized, or a transition."""
        answer = self.ask(GetState, "get_state", GetState.Request())
        return str(answer.current_state.label)

    def wait_until_active(self) -> None:
        """Wait until a node that activates itself has loaded its network.

        Raises:
            RobotError: it has not within that time.
        """
        self.wait(lambda: self.lifecycle_state() == "active", "an active node", LOAD_SECONDS)

    def change_state(self, transition: int) -> str:
        """Ask for a transition, a number of lifecycle_msgs/Transition; return the state after it.

        Raises:
            RobotError: there is no answer, or the state cannot be read.
        """
        request = ChangeState.Request()
        request.transition.id = transition
        self.lifecycle_state()  # a server that answers has found this client's process
        self.ask(ChangeState, "change_state", request, LOAD_SECONDS, again=LOAD_SECONDS)
        return self.lifecycle_state()

    def bring_to(self, goal: str) -> None:
        """Bring the node to unconfigured, inactive or active, step by step.

        Raises:
            RobotError: it does not reach that state.
        """
        while (state := self.settled_state()) != goal:
            steps = UP if ORDER.index(state) < ORDER.index(goal) else DOWN
            if self.change_state(steps[state]) == state:
                raise RobotError(f"the node stays {state}")

    def settled_state(self) -> str:
        """Return the node's state, once it is not in a transition."""
        passing = ("configuring", "activating", "deactivating", "cleaningup", "errorprocessing")
        return str(
            self.wait(
                lambda: _unless(self.lifecycle_state(), passing), "a steady state", LOAD_SECONDS
            )
        )

    def set_parameters(self, values: dict[str, Any]) -> list[SetParametersResult]:
        """Set parameters of the tracker one by one; return the result of each."""
        parameters = [Parameter(name, value=value) for name, value in values.items()]
        request = SetParameters.Request(parameters=[p.to_parameter_msg() for p in parameters])
        return list(self.ask(SetParameters, "set_parameters", request).results)

    def parameters(self, *names: str) -> dict[str, Any]:
        """Return the values of some of the tracker's parameters."""
        request = GetParameters.Request(names=list(names))
        values = self.ask(GetParameters, "get_parameters", request).values
        return {n: parameter_value_to_python(v) for n, v in zip(names, values, strict=True)}

    def ask_all(self, calls: list[tuple[Any, str, Any]], seconds: float = PATIENCE) -> list[Any]:
        """Call services all at once, each as for :meth:`ask`; return the answers in that order.

        Raises:
            RobotError: not all are answered within that time.
        """
        for kind, service, _ in calls:
            self.wait(self.client(kind, service).service_is_ready, service, seconds)
        asked = [self.client(kind, name).call_async(request) for kind, name, request in calls]
        self.wait(lambda: all(future.done() for future in asked), "all answers", seconds)
        return [future.result() for future in asked]

    def client(self, kind: Any, service: str) -> Any:
        """Return the client of a service, see :meth:`ask`."""
        if service not in self._clients:
            name = service if service.startswith("/") else f"{self.tracker}/{service}"
            self._clients[service] = self.node.create_client(kind, name, qos_profile=DEEP)
        return self._clients[service]

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_error: object) -> None:
        self._executor.shutdown()
        self._spinning.join()
        self.node.destroy_node()


def _unless(state: str, passing: Sequence[str]) -> str | None:
    return None if state in passing else state

"""The tracker's services, as the cameras' requests need them."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from rclpy.node import Node
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.mavlink.commands import ACCEPTED, FAILED, REJECTED

ANSWER_SECONDS = 65.0  # the tracker itself refuses after request_timeout, at most 60 s
# A camera is offered before its services are discovered and the size of its images is known.
READY_SECONDS = 3.0

ServiceRequest: TypeAlias = StartTracking.Request | StopTracking.Request
Prepare = Callable[[], ServiceRequest | None]
Done = Callable[[int, str], None]  # MAV_RESULT, and a sentence for the operator


class NotReadyError(Exception):
    """A request cannot be made yet; the message gives the operator the reason."""


@dataclass
class Call:
    """A request to the tracker, and who waits for the answer."""

    prepare: Prepare
    done: Done
    deadline: float  # until it is sent it has to be ready, then answered
    client: Any = None
    future: Any = None


class TrackerClient:
    """Calls the tracker's services one after the other.

    A stop that overtook the start before it would leave the target tracked.

    Lives in the executor's thread.

    Args:
        node: Node of the clients.
        tracker: Name of the tracker node.
    """

    def __init__(self, node: Node, tracker: str) -> None:
        self.name = node.resolve_service_name(tracker)
        self._start = node.create_client(StartTracking, f"{self.name}/start_tracking")
        self._stop = node.create_client(StopTracking, f"{self.name}/stop_tracking")
        self._calls: deque[Call] = deque()

    def ask(self, prepare: Prepare, done: Done) -> None:
        """Call a service.

        Args:
            prepare: Makes the request when the calls before are answered, because what there is
                to stop depends on them; None: there is nothing to do. It may raise
                NotReadyError: it is asked again for a few seconds.
            done: Called once, with the result.
        """
        self._calls.append(Call(prepare, done, math.inf))
        self._next()

    def check(self) -> None:
        """Send a call that was not ready, and end one whose answer is overdue."""
        self._next()
        call = self._calls[0] if self._calls else None
        if call is None or call.future is None or time.monotonic() < call.deadline:
            return
        call.client.remove_pending_request(call.future)
        self._end(call, REJECTED, f"no answer of the tracker within {ANSWER_SECONDS:g} s")

    def _next(self) -> None:
        """Send the first call, unless it is sent."""
        if not self._calls or self._calls[0].future is not None:
            return
        call = self._calls[0]
        try:
            request = call.prepare()
            if request is not None:
                call.client = self._client_for(request)
        except NotReadyError as reason:
            call.deadline = min(call.deadline, time.monotonic() + READY_SECONDS)
            if time.monotonic() >= call.deadline:
                self._end(call, REJECTED, str(reason))
            return
        if request is None:
            self._end(call, ACCEPTED, "nothing is tracked")
            return
        call.deadline = time.monotonic() + ANSWER_SECONDS
        call.future = call.client.call_async(request)
        call.future.add_done_callback(lambda future: self._answered(call, future))

    def _client_for(self, request: ServiceRequest) -> Any:
        client = self._start if isinstance(request, StartTracking.Request) else self._stop
        if not client.service_is_ready():
            raise NotReadyError(f"no tracker: there is no service {client.srv_name}")
        return client

    def _answered(self, call: Call, future: Any) -> None:
        if future.exception() is not None:
            self._end(call, REJECTED, f"the tracker's answer is lost: {future.exception()}")
        else:
            answer = future.result()
            self._end(call, ACCEPTED if answer.success else FAILED, answer.message)

    def _end(self, call: Call, result: int, message: str) -> None:
        if not self._calls or self._calls[0] is not call:
            return  # it was overdue
        self._calls.popleft()
        call.done(result, message)
        self._next()

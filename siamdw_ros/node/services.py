"""The services: there in every state, answered by the inference thread or refused."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import QoSProfile
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.managed_node import ManagedNode, Outcome
from siamdw_ros.node.parameters import Settings

MAX_REQUESTS = 32  # that wait at a time; more are refused
# Deep: of requests that come all at once, each shall be answered, if only by a refusal. By default
# the eleventh that waits for the executor overwrites the first.
QOS = QoSProfile(depth=1000)
CHECK_PERIOD = 0.25  # seconds between looks for requests that have waited for too long


Asked: TypeAlias = StartTracking.Request | StopTracking.Request
Answer: TypeAlias = StartTracking.Response | StopTracking.Response


class RefusedError(ValueError):
    """A request cannot be carried out; the message tells the operator why."""


class Request(Outcome):
    """One service call: what was asked, and the answer to be."""

    def __init__(self, asked: Asked, wake: Callable[..., None], deadline: float) -> None:
        super().__init__(wake, deadline)
        self.asked = asked
        self.begun = False

    def begin(self) -> bool:
        """Take it in hand; False when it was refused already."""
        with self._lock:
            self.begun = not self.future.done()
            return self.begun

    def refuse(self, reason: str) -> bool:
        """Answer no, and why."""
        return self.settle(refusal(self.asked, reason))


def refusal(asked: Asked, reason: str) -> Answer:
    """The response that says no, and why."""
    if isinstance(asked, StartTracking.Request):
        return StartTracking.Response(success=False, message=reason, target_id=asked.target_id)
    return StopTracking.Response(success=False, message=reason)


@dataclass
class RateLimit:
    """Lets through a number of events a second, and as many at once after a quiet second."""

    _left: float = 0.0
    _last: float = -1e9

    def allows(self, rate: float, now: float) -> bool:
        """Whether one more may pass at a time, in seconds; a rate of 0 lets all through."""
        self._left = min(rate, self._left + (now - self._last) * rate)
        self._last = now
        if rate and self._left < 1:
            return False
        self._left -= 1
        return True


class RequestServices:
    """~/start_tracking and ~/stop_tracking. Lives in the executor's thread.

    Args:
        node: of the services.
        settings: returns the node's parameters.
        accept: hands a request on to be carried out, or raises RefusedError.
    """

    def __init__(
        self,
        node: ManagedNode,
        settings: Callable[[], Settings],
        accept: Callable[[Request], None],
    ) -> None:
        self._node, self._settings, self._accept = node, settings, accept
        self._open: list[Request] = []
        self._limit = RateLimit()
        # Reentrant: a request that waits for the inference thread must not hold up another.
        group = ReentrantCallbackGroup()
        for kind, name in ((StartTracking, "start_tracking"), (StopTracking, "stop_tracking")):
            node.create_service(
                kind, f"~/{name}", self._on_request, qos_profile=QOS, callback_group=group
            )
        node.create_steady_timer(CHECK_PERIOD, self._refuse_overdue)

    async def _on_request(self, asked: Asked, _response: Any) -> Answer:
        """Hand a request on; the executor does other things until it is answered."""
        now = time.monotonic()
        request = Request(asked, self._node.wake, now + self._settings().request_timeout)
        try:
            self._check_load(now)
            self._accept(request)
        except RefusedError as reason:
            return refusal(asked, str(reason))
        self._open.append(request)
        response: Answer = await request.future
        self._open.remove(request)
        return response

    def _check_load(self, now: float) -> None:
        rate = self._settings().max_request_rate
        if not self._limit.allows(rate, now):
            raise RefusedError(f"more than {rate:g} requests in a second: slow down")
        if len(self._open) >= MAX_REQUESTS:
            raise RefusedError(f"{len(self._open)} requests wait already: try again later")

    def _refuse_overdue(self) -> None:
        now = time.monotonic()
        for request in self._open:
            if request.deadline <= now:
                late = "it may still be carried out" if request.begun else "inference is busy"
                request.refuse(f"no answer within {self._settings().request_timeout:g} s: {late}")

    def refuse_all(self, reason: str) -> None:
        """Answer no to all that wait."""
        for request in self._open:
            request.refuse(reason)

"""The services `~/start_tracking` and `~/stop_tracking`.

They exist in every state of the node. The executor's thread accepts a call or refuses it; the
inference thread answers the accepted ones. Each call is answered exactly once, by whichever of
the inference thread, the timeout and the deactivation comes first.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import QoSProfile
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.managed_node import ManagedNode, Outcome
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.throttled_log import ThrottledLog

MAX_CALLS = 32  # largest number of waiting calls; more are refused
# Large depth: with rclpy's default of 10, the eleventh call that waits for the executor overwrites
# the first, and the client of that one never gets a response.
QOS = QoSProfile(depth=1000)
CHECK_PERIOD = 0.25  # seconds between two searches for calls that have waited for too long

ServiceRequest: TypeAlias = StartTracking.Request | StopTracking.Request
ServiceResponse: TypeAlias = StartTracking.Response | StopTracking.Response


class RefusedError(ValueError):
    """A request cannot be carried out; the message gives the operator the reason."""


class PendingCall(Outcome):
    """One service call that waits for its response.

    Args:
        request: The request.
        wake: Called when the response is there, from the thread that sets it.
        deadline: Time of the steady clock at which the call is refused, in seconds.
    """

    def __init__(
        self, request: ServiceRequest, wake: Callable[..., None], deadline: float
    ) -> None:
        super().__init__(wake)
        self.request = request
        self.deadline = deadline
        self.begun = False

    def begin(self) -> bool:
        """Mark the call as being carried out; return False if it was answered already."""
        with self._lock:
            self.begun = not self.future.done()
            return self.begun

    def refuse(self, reason: str) -> bool:
        """Refuse the call for a reason; return False if it was answered already."""
        return self.settle(refusal(self.request, reason))


def refusal(request: ServiceRequest, reason: str) -> ServiceResponse:
    """Return the response that refuses a request."""
    if isinstance(request, StartTracking.Request):
        return StartTracking.Response(success=False, message=reason, target_id=request.target_id)
    return StopTracking.Response(success=False, message=reason)


@dataclass
class RateLimit:
    """A token bucket: `rate` events per second on average, after a pause up to `rate` at once."""

    _tokens: float = 0.0
    _last: float = -1e9

    def allows(self, rate: float, now: float) -> bool:
        """Return whether one more event is accepted.

        Args:
            rate: Events per second; 0 accepts all.
            now: Time of the steady clock, in seconds.
        """
        if not rate:
            return True
        capacity = max(rate, 1.0)  # below one event per second the bucket still holds a whole one
        self._tokens = min(capacity, self._tokens + (now - self._last) * rate)
        self._last = now
        if self._tokens < 1 - 1e-9:  # sums of small numbers are not exact
            return False
        self._tokens -= 1
        return True


class TrackingServices:
    """The two services. Lives in the executor's thread.

    Args:
        node: Node of the services.
        settings: Returns the node's parameters.
        accept: Passes a call on to be carried out, or raises RefusedError.
        log: Log of the node.
    """

    def __init__(
        self,
        node: ManagedNode,
        settings: Callable[[], Settings],
        accept: Callable[[PendingCall], None],
        log: ThrottledLog,
    ) -> None:
        self._node = node
        self._settings = settings
        self._accept = accept
        self._log = log
        self._open: list[PendingCall] = []
        self._limit = RateLimit()
        # Reentrant: a call that waits for the inference thread must not delay another.
        group = ReentrantCallbackGroup()
        for kind, name in ((StartTracking, "start_tracking"), (StopTracking, "stop_tracking")):
            node.create_service(
                kind, f"~/{name}", self.call, qos_profile=QOS, callback_group=group
            )
        node.create_steady_timer(CHECK_PERIOD, self._refuse_overdue)

    async def call(
        self, request: ServiceRequest, _response: ServiceResponse | None = None
    ) -> ServiceResponse:
        """Pass a call on; the executor does other work until it is answered."""
        now = time.monotonic()
        call = PendingCall(request, self._node.wake, now + self._settings().request_timeout)
        try:
            self._check_load(now)
            self._accept(call)
        except RefusedError as reason:
            response = refusal(request, str(reason))
        else:
            self._open.append(call)
            response = await call.future
            self._open.remove(call)
        self._log_response(request, response)
        return response

    def _check_load(self, now: float) -> None:
        rate = self._settings().max_request_rate
        if not self._limit.allows(rate, now):
            raise RefusedError(
                f"too many requests: at most {rate:g} per second (parameter max_request_rate)"
            )
        if len(self._open) >= MAX_CALLS:
            raise RefusedError(f"{len(self._open)} requests wait already: try again later")

    def _log_response(self, request: ServiceRequest, response: ServiceResponse) -> None:
        if response.success:
            self._node.get_logger().info(response.message)
        else:
            kind = "start" if isinstance(request, StartTracking.Request) else "stop"
            self._log.warning(
                f"{kind} refused", f"{kind}_tracking was refused: {response.message}"
            )

    def _refuse_overdue(self) -> None:
        now = time.monotonic()
        for call in self._open:
            if call.deadline <= now:
                late = "it may still be carried out" if call.begun else "inference is busy"
                call.refuse(f"no answer within {self._settings().request_timeout:g} s: {late}")

    def refuse_all(self, reason: str) -> None:
        """Refuse all calls that wait."""
        for call in self._open:
            call.refuse(reason)

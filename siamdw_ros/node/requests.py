"""What a service was asked, answered exactly once, by whichever thread comes first."""

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from rclpy.task import Future
from siamdw_msgs.srv import StartTracking, StopTracking

Asked: TypeAlias = StartTracking.Request | StopTracking.Request
Answer: TypeAlias = StartTracking.Response | StopTracking.Response


class RefusedError(ValueError):
    """A request cannot be carried out; the message tells the operator why."""


class Outcome:
    """A value that one thread waits for and others may set: the first of them counts.

    Args:
        wake: called when it is set, from the thread that sets it.
        deadline: of the steady clock, in seconds.
    """

    def __init__(self, wake: Callable[..., None], deadline: float) -> None:
        self.future, self.deadline = Future(), deadline
        self.future.add_done_callback(wake)
        self._lock = threading.Lock()

    def settle(self, value: Any) -> bool:
        """Set the value; False if there is one already."""
        with self._lock:
            if self.future.done():
                return False
            self.future.set_result(value)
            return True


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

"""A lifecycle node with asynchronous transitions; an impossible one is refused, not raised."""

import inspect
import threading
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.task import Future
from rclpy.timer import Timer

from siamdw_ros.node.throttled_log import ThrottledLog
from siamdw_ros.ros.abridge import abridge
from siamdw_ros.ros.rclpy_internals import RCLError, StateMachine

HOOKS = {
    State.TRANSITION_STATE_CONFIGURING: "on_configure",
    State.TRANSITION_STATE_ACTIVATING: "on_activate",
    State.TRANSITION_STATE_DEACTIVATING: "on_deactivate",
    State.TRANSITION_STATE_CLEANINGUP: "on_cleanup",
    State.TRANSITION_STATE_SHUTTINGDOWN: "on_shutdown",
    State.TRANSITION_STATE_ERRORPROCESSING: "on_error",
}


class ManagedNode(LifecycleNodeMixin, Node):
    """A lifecycle node whose hooks, `on_configure` and the others, may be coroutines.

    Use `change_state` instead of rclpy's `trigger_...` methods, see
    :class:`~siamdw_ros.ros.rclpy_internals.StateMachine`.

    Attributes:
        failure: Why the last transition to a working state failed; empty if it did not.
        log: Throttled log of the node.
    """

    def __init__(self, name: str) -> None:
        Node.__init__(self, name)
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        self.failure = ""
        self.log = ThrottledLog(self)
        self._lifecycle = StateMachine(self, self._on_change_state)

    @property
    def state(self) -> str:
        """The state's label: unconfigured, configuring, inactive, active, finalized, ..."""
        return self._lifecycle.current[1]

    async def change_state(self, transition: int) -> bool:
        """Carry out a transition.

        Args:
            transition: Id of the transition, see lifecycle_msgs/msg/Transition.

        Returns:
            Whether it succeeded.
        """
        number, label = self._lifecycle.current
        before = LifecycleState(state_id=number, label=label)
        try:
            self._lifecycle.begin(transition)
        except RCLError:
            self.get_logger().warning(
                f"transition {transition} is not possible: the node is {label}"
            )
            return False
        outcome = await self._run_hook(before)
        self._lifecycle.finish(outcome)
        if outcome is TransitionCallbackReturn.ERROR:
            recovery = await self._run_hook(before)
            self._lifecycle.finish(recovery)
        return bool(outcome is TransitionCallbackReturn.SUCCESS)

    async def _run_hook(self, before: LifecycleState) -> Any:
        """Run the hook of the present state. An exception that it raises is an error."""
        number, label = self._lifecycle.current
        try:
            outcome = getattr(self, HOOKS[number])(before)
            return await outcome if inspect.isawaitable(outcome) else outcome
        except Exception as error:
            self.failure = f"{label} failed: {error}"
            self.log.exception(label, error)
            return TransitionCallbackReturn.ERROR

    async def _on_change_state(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        transition = self._named(request.transition)
        response.success = transition is not None and await self.change_state(transition)
        return response

    def _named(self, transition: Transition) -> int | None:
        """Return the transition's id. Its label, if it has one, takes precedence."""
        if not transition.label:
            return int(transition.id)
        try:
            return self._lifecycle.transition_id(transition.label)
        except RCLError:
            self.get_logger().warning(
                f"no transition '{abridge(transition.label)}' from {self.state}"
            )
            return None

    def create_steady_timer(self, seconds: float, callback: Callable[[], Any]) -> Timer:
        """Create a timer that goes on when simulated time stands still."""
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        return self.create_timer(seconds, callback, ReentrantCallbackGroup(), clock)

    def wake(self, *_: Any) -> None:
        """Let the executor resume coroutines that can go on. Callable from any thread."""
        if self.executor is not None and self.context.ok():
            self.executor.wake()


class Outcome:
    """A value that a coroutine of the executor awaits and several threads may set.

    The first value counts.

    Args:
        wake: Called when it is set, from the thread that sets it.
    """

    def __init__(self, wake: Callable[..., None]) -> None:
        self.future = Future()
        self.future.add_done_callback(wake)
        self._lock = threading.Lock()

    def settle(self, value: Any) -> bool:
        """Set the value; return False if there is one already."""
        with self._lock:
            if self.future.done():
                return False
            self.future.set_result(value)
            return True

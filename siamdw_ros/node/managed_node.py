"""A lifecycle node whose transitions may wait, and that no request can bring down."""

import inspect
import threading
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.task import Future
from rclpy.timer import Timer

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

    rclpy's own carries out a transition inside one callback, so that nothing else is answered
    while a network loads; and one that the state does not allow raises out of the callback, which
    ends the process. Use `change_state` instead of its `trigger_...` methods.
    """

    def __init__(self, name: str) -> None:
        Node.__init__(self, name)
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        self._service_change_state.callback = self._on_change_state

    @property
    def state(self) -> str:
        """The state's label: unconfigured, configuring, inactive, active, finalized, ..."""
        return str(self._state_machine.current_state[1])

    async def change_state(self, transition: int) -> bool:
        """Carry out a transition, a number of lifecycle_msgs/Transition; False if it fails."""
        label, number = self._state_machine.current_state[::-1]
        before = LifecycleState(state_id=number, label=label)
        try:
            self._state_machine.trigger_transition_by_id(transition, True)
        except rclpy_implementation.RCLError:
            self.get_logger().warning(f"transition {transition} is not possible: it is {label}")
            return False
        outcome = await self._run_hook(before)
        self._state_machine.trigger_transition_by_label(outcome.to_label(), True)
        if outcome is TransitionCallbackReturn.ERROR:
            recovery = await self._run_hook(before)
            self._state_machine.trigger_transition_by_label(recovery.to_label(), True)
        return bool(outcome is TransitionCallbackReturn.SUCCESS)

    async def _run_hook(self, before: LifecycleState) -> Any:
        try:
            outcome = getattr(self, HOOKS[self._state_machine.current_state[0]])(before)
            return await outcome if inspect.isawaitable(outcome) else outcome
        except Exception as error:
            self.get_logger().error(f"while {self.state}: {error!r}")
            return TransitionCallbackReturn.ERROR

    async def _on_change_state(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        transition = self._named(request.transition)
        response.success = transition is not None and await self.change_state(transition)
        return response

    def _named(self, transition: Transition) -> int | None:
        """The transition's number; its label, where there is one, comes first."""
        if not transition.label:
            return int(transition.id)
        try:
            return int(self._state_machine.get_transition_by_label(transition.label))
        except rclpy_implementation.RCLError:
            self.get_logger().warning(f"no transition '{transition.label[:64]}' from {self.state}")
            return None

    def create_steady_timer(self, seconds: float, callback: Callable[[], Any]) -> Timer:
        """A timer that goes on when simulated time stands still."""
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        return self.create_timer(seconds, callback, ReentrantCallbackGroup(), clock)

    def wake(self, *_: Any) -> None:
        """Let the executor look for what can go on; callable from any thread."""
        if self.executor is not None and self.context.ok():
            self.executor.wake()


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

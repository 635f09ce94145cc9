"""All uses of rclpy's private parts.

Each has the reason why no public means is used. `test_rclpy_internals.py` runs them with the
installed rclpy: a new rclpy that changes one of them fails there.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.subscription import Subscription

# rclpy raises this class and exports it nowhere.
RCLError = rclpy_implementation.RCLError


class NotForTheExecutor(CallbackGroup):
    """Group of entities that executors leave alone: subscriptions of a receiver, their events."""

    def can_execute(self, _entity: Any) -> bool:
        """Return False."""
        return False

    def beginning_execution(self, _entity: Any) -> bool:
        """Return False."""
        return False

    def ending_execution(self, _entity: Any) -> None:
        """Do nothing: no execution has begun."""


class SubscriptionWaitSet:
    """Waits for messages of a few subscriptions only.

    A public executor builds the list of everything that the node could wait for anew for each
    message; docs/architecture.md has the cost. Keep it entered while it is used: the context
    manager pins the handles, so that nothing is destroyed during a wait.

    Args:
        node: Node of the subscriptions.
        subscriptions: Subscriptions in the group NotForTheExecutor.
    """

    def __init__(self, node: Node, subscriptions: Sequence[Subscription]) -> None:
        self._context = node.context
        self._subscriptions = subscriptions
        self._events = [event for one in subscriptions for event in one.event_handlers]
        # Numbers of subscriptions, guard conditions, timers, clients, services and events.
        sizes = len(subscriptions), 1, 0, 0, 0, len(self._events)
        with self._context.handle:
            self._wake = rclpy_implementation.GuardCondition(self._context.handle)
            self._wait_set = rclpy_implementation.WaitSet(*sizes, self._context.handle)
        self._pinned = ExitStack()

    def __enter__(self) -> "SubscriptionWaitSet":
        handles = [subscription.handle for subscription in self._subscriptions]
        for handle in (self._context.handle, self._wake, *handles, *self._events):
            self._pinned.enter_context(handle)
        return self

    def __exit__(self, *_error: object) -> None:
        self._pinned.close()

    def wake(self) -> None:
        """End the present wait, or the next one. Callable from any thread."""
        self._wake.trigger_guard_condition()

    def wait(self) -> list[Callable[[], None]]:
        """Wait for messages and events.

        Returns:
            One call for each event and message that is ready. It takes it and runs its callback.
        """
        wait_set = self._wait_set
        wait_set.clear_entities()  # a wait removes the entities that are not ready
        wait_set.add_guard_condition(self._wake)
        places = [wait_set.add_subscription(one.handle) for one in self._subscriptions]
        for event in self._events:
            event.add_to_wait_set(wait_set)
        wait_set.wait(-1)
        events = [event for event in self._events if event.is_ready(wait_set)]
        ready = [
            subscription
            for place, subscription in zip(places, self._subscriptions, strict=True)
            if wait_set.is_ready("subscription", place)
        ]
        return [
            *(lambda event=event: _take_event(event) for event in events),
            *(lambda subscription=one: _take_message(subscription) for one in ready),
        ]


def _take_message(subscription: Subscription) -> None:
    taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
    if taken is not None:  # None if a newer message replaced it in the queue of depth 1
        subscription.callback(taken[0])


def _take_event(event: Any) -> None:
    if (data := event.take_data()) is not None:
        event.callback(data)


class StateMachine:
    """The state machine of a lifecycle node.

    rclpy's public `trigger_...` methods run a transition inside one callback: nothing else is
    answered while a network loads, and a transition that the state does not allow raises out of
    the callback, which ends the process.

    Args:
        node: A LifecycleNodeMixin.
        on_change_state: Replaces rclpy's callback of the service `~/change_state`.
    """

    def __init__(self, node: Any, on_change_state: Callable[..., Any]) -> None:
        self._machine = node._state_machine
        node._service_change_state.callback = on_change_state

    @property
    def current(self) -> tuple[int, str]:
        """Id and label of the current state."""
        number, label = self._machine.current_state
        return int(number), str(label)

    def begin(self, transition: int) -> None:
        """Begin a transition.

        Raises:
            RCLError: The state does not allow it.
        """
        self._machine.trigger_transition_by_id(transition, True)

    def finish(self, outcome: Any) -> None:
        """Finish the transition that has begun, with a TransitionCallbackReturn."""
        self._machine.trigger_transition_by_label(outcome.to_label(), True)

    def transition_id(self, label: str) -> int:
        """Return the id of a transition from the current state.

        Raises:
            RCLError: There is none with this label.
        """
        return int(self._machine.get_transition_by_label(label))


def parameter_overrides(node: Node) -> dict[str, Parameter]:
    """Return the values given on the command line and in files, by name; changes take effect.

    rclpy has no public list of them that includes parameters that are not declared, and refuses
    an integer where a double is declared.
    """
    overrides: dict[str, Parameter] = node._parameter_overrides
    return overrides

"""The thread that receives the images of all cameras, and does nothing else.

An executor collects all that the node could be waiting for, its services and timers too, anew for
everything that arrives, which costs more processor time than a VGA image itself does. Here a wait
set holds the images' subscriptions only; and what takes long in one thread does not delay the
other.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription

THREAD = "siamdw_receiver"  # its name; no longer one fits into what Linux shows
ERROR_PERIOD = 5.0  # seconds between errors in the log
PAUSE = 0.1  # seconds after an error, which may come again at once


class NotForTheExecutor(CallbackGroup):
    """What is in it, executors leave alone: subscriptions of a receiver, and their events."""

    def can_execute(self, _entity: Any) -> bool:
        """Never."""
        return False

    def beginning_execution(self, _entity: Any) -> bool:
        """Never."""
        return False

    def ending_execution(self, _entity: Any) -> None:
        """Nothing has begun."""


class Receiver(threading.Thread):
    """Calls the callbacks of subscriptions and their events, one message of each in turn.

    Subscriptions may be destroyed once it has ended.

    Args:
        node: of the subscriptions.
        subscriptions: in the callback group NotForTheExecutor.
    """

    def __init__(self, node: Node, subscriptions: Sequence[Subscription]) -> None:
        super().__init__(name=THREAD, daemon=True)
        self._context, self._logger = node.context, node.get_logger()
        self._subscriptions = subscriptions
        self._events = [event for one in subscriptions for event in one.event_handlers]
        # Subscriptions, guard conditions, timers, clients, services, events.
        sizes = len(subscriptions), 1, 0, 0, 0, len(self._events)
        with self._context.handle:
            self._wake = rclpy_implementation.GuardCondition(self._context.handle)
            self._wait_set = rclpy_implementation.WaitSet(*sizes, self._context.handle)
        self._ended = threading.Event()

    def run(self) -> None:
        """Receive until it is ended."""
        name_thread(THREAD)
        handles = [subscription.handle for subscription in self._subscriptions]
        with ExitStack() as in_use:  # nothing is destroyed meanwhile
            for handle in (self._context.handle, self._wake, *handles, *self._events):
                in_use.enter_context(handle)
            while not self._ended.is_set():
                self._guarded(self._receive)

    def end(self, seconds: float) -> bool:
        """End the thread; False if it has not ended after so many seconds."""
        self._ended.set()
        self._wake.trigger_guard_condition()
        self.join(seconds)
        return not self.is_alive()

    def _receive(self) -> None:
        """Wait until something arrives, and take it."""
        wait_set = self._wait_set
        wait_set.clear_entities()  # waiting removes what is not ready
        wait_set.add_guard_condition(self._wake)
        places = [wait_set.add_subscription(one.handle) for one in self._subscriptions]
        for event in self._events:
            event.add_to_wait_set(wait_set)
        wait_set.wait(-1)
        for event in self._events:
            if event.is_ready(wait_set):
                self._guarded(_take_event, event)
        for place, subscription in zip(places, self._subscriptions, strict=True):
            if wait_set.is_ready("subscription", place):
                self._guarded(_take_message, subscription)

    def _guarded(self, action: Callable[..., None], *arguments: Any) -> None:
        """Keep the thread alive through what nobody foresaw."""
        try:
            action(*arguments)
        except Exception as error:
            if self._context.ok():  # otherwise the node is shutting down
                self._logger.error(
                    f"receiving failed: {error!r}", throttle_duration_sec=ERROR_PERIOD
                )
            self._ended.wait(PAUSE)


def _take_message(subscription: Subscription) -> None:
    taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
    if taken is not None:  # another may have come and gone
        subscription.callback(taken[0])


def _take_event(event: Any) -> None:
    if (data := event.take_data()) is not None:
        event.callback(data)


def name_thread(name: str) -> None:
    """Let the system's tools show this thread under a name, where that is possible."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)

"""The thread that receives the images of all cameras, and does nothing else."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rclpy.node import Node
from rclpy.subscription import Subscription

from siamdw_ros.node.throttled_log import ThrottledLog
from siamdw_ros.ros.rclpy_internals import SubscriptionWaitSet

THREAD = "siamdw_receiver"  # 15 characters at most: Linux truncates longer names of threads
PAUSE = 0.1  # seconds of waiting after an error, which may repeat at once


class Receiver(threading.Thread):
    """Calls the callbacks of subscriptions and of their events, one message of each in turn.

    The executor's thread does not delay it, and it does not delay the executor's.

    Args:
        node: Node of the subscriptions.
        subscriptions: Subscriptions in the group NotForTheExecutor. They may be destroyed once
            the thread has ended.
        log: Log of the node.
    """

    def __init__(
        self, node: Node, subscriptions: Sequence[Subscription], log: ThrottledLog
    ) -> None:
        super().__init__(name=THREAD, daemon=True)
        self._wait_set = SubscriptionWaitSet(node, subscriptions)
        self._log = log
        self._ended = threading.Event()

    def run(self) -> None:
        """Receive until the thread is ended."""
        name_thread(THREAD)
        with self._wait_set:
            while not self._ended.is_set():
                self._guarded(self._receive)

    def end(self, seconds: float) -> bool:
        """End the thread; return False if it has not ended after so many seconds."""
        self._ended.set()
        self._wait_set.wake()
        self.join(seconds)
        return not self.is_alive()

    def _receive(self) -> None:
        for take in self._wait_set.wait():
            self._guarded(take)

    def _guarded(self, action: Callable[[], None]) -> None:
        """Keep the thread alive when an action fails."""
        try:
            action()
        except Exception as error:
            self._log.exception("receiving", error)
            self._ended.wait(PAUSE)


def name_thread(name: str) -> None:
    """Set the name under which the system's tools show this thread, where that is possible."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)

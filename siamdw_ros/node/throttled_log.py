"""A node's log. Warnings and errors that may come with every image are throttled by kind."""

import threading
import time
import traceback
from collections.abc import Callable

from rclpy.node import Node

PERIOD = 5.0  # seconds between two messages of one kind


class ThrottledLog:
    """Warnings and errors of a node, throttled by their kind. Thread-safe.

    rclpy's own throttle goes by the line of code that logs, so that all cameras would share one:
    a warning about one camera would suppress that about another.

    Args:
        node: Whose log it is.
        clock: Returns the time in seconds.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def info(self, text: str) -> None:
        """Log an info message, not throttled: it comes once per event, not with every image."""
        self._node.get_logger().info(text)

    def warning(self, kind: str, text: str) -> None:
        """Log a warning, unless one of this kind was logged a moment ago.

        Args:
            kind: What the message is about, with the camera's name where it is about a camera.
            text: The message.
        """
        if self._is_due(kind):
            self._node.get_logger().warning(text)

    def exception(self, what: str, error: Exception) -> None:
        """Log an unexpected exception, with its traceback.

        Args:
            what: What failed.
            error: The exception. It is not logged while the node is shut down: publishers and
                subscriptions fail then in ways that mean nothing.
        """
        if self._node.context.ok() and self._is_due(f"{what} {type(error).__name__}"):
            trace = "".join(traceback.format_exception(error)).rstrip()
            self._node.get_logger().error(f"{what} failed: {error!r}\n{trace}")

    def _is_due(self, kind: str) -> bool:
        now = self._clock()
        with self._lock:
            if now - self._last.get(kind, -PERIOD) < PERIOD:
                return False
            self._last[kind] = now
            return True

"""Callbacks out of which no exception comes."""

import functools
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

WARN_SECONDS = 5.0  # between two warnings of one kind


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a node's callback: an exception is logged, not raised out of the executor.

    An unusable message is ignored: its input becomes stale, and the follower stops. A service
    call is answered with the error.

    Args:
        method: A callback. `functools.wraps` keeps its signature, which rclpy inspects: only a
            callback with a second parameter gets the MessageInfo.
    """

    @functools.wraps(method)
    def call(self: Node, *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except Exception as error:
            self.get_logger().error(
                f"{method.__name__}: {error!r}", throttle_duration_sec=WARN_SECONDS
            )
            response: Any = arguments[-1] if arguments else None
            if not hasattr(response, "success"):  # no service's response
                return None
            response.success = False
            response.message = str(error)
            return response

    return call

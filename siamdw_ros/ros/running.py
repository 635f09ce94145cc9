"""How a node with one thread is run: from rclpy's start to its end."""

import signal
import threading
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

POLL_SECONDS = 0.1  # at most, from a signal to the end of spinning

NodeT = TypeVar("NodeT", bound=Node)


def run_node(
    create: Callable[[], NodeT],
    args: list[str] | None,
    *,
    halt: Callable[[NodeT], None] | None = None,
    signals: SignalHandlerOptions = SignalHandlerOptions.ALL,
) -> None:
    """Run a node until it is interrupted.

    Args:
        create: Makes the node; what it raises is passed on.
        args: Of the command line, for rclpy; None takes the process's.
        halt: Called with the node before it is destroyed, also when spinning raised.
        signals: Those that shut rclpy's context down. With `NO` SIGINT and SIGTERM leave it
            usable, so that `halt` can publish; the second signal interrupts `halt`.
    """
    ending = threading.Event()
    if signals is SignalHandlerOptions.NO:
        _set_on_signal(ending)
    rclpy.init(args=args, signal_handler_options=signals)
    try:
        node = create()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            while rclpy.ok() and not ending.is_set():
                executor.spin_once(timeout_sec=POLL_SECONDS)
        finally:
            if halt is not None:
                halt(node)
            node.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # asked to end: that is no failure
    finally:
        rclpy.try_shutdown()


def _set_on_signal(ending: threading.Event) -> None:
    """Set an event at the first SIGINT or SIGTERM.

    An exception would be lost where Python ignores it, as in `__del__`, and the node would go on.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)

    def end(_number: int, _frame: object) -> None:
        ending.set()
        for number in numbers:
            signal.signal(number, signal.default_int_handler)

    for number in numbers:
        signal.signal(number, end)

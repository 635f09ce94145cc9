"""How a node with one thread is run: from rclpy's start to its end."""

import signal
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

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
        signals: Those that shut rclpy's context down. With `NO` an interrupt leaves it usable, so
            that `halt` can publish; SIGTERM then is an interrupt, too.
    """
    if signals is SignalHandlerOptions.NO:  # otherwise SIGTERM would end the process at once
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    rclpy.init(args=args, signal_handler_options=signals)
    try:
        node = create()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            executor.spin()
        finally:
            if halt is not None:
                halt(node)
            node.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # asked to end: that is no failure
    finally:
        rclpy.try_shutdown()

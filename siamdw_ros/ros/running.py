"""How a node is run: from rclpy's start to its end."""

from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from siamdw_ros.ros.dds_ports import ports_of_its_own
from siamdw_ros.ros.signals import calling_at_signal

NodeT = TypeVar("NodeT", bound=Node)


def run_node(
    create: Callable[[], NodeT],
    args: list[str] | None,
    *,
    halt: Callable[[NodeT], None] | None = None,
) -> None:
    """Run a node until it is interrupted. rclpy's context is valid until the node is destroyed.

    Args:
        create: Makes the node; what it raises is passed on.
        args: Of the command line, for rclpy; None takes the process's.
        halt: Called with the node before it is destroyed, also when spinning raised. It can still
            publish. A second signal interrupts it.
    """
    ending = Future()
    try:
        with calling_at_signal(lambda: ending.set_result(None)):
            rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
            try:
                with ports_of_its_own():
                    node = create()
                _spin(node, ending, halt)
            finally:
                rclpy.try_shutdown()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # asked to end: that is no failure


def _spin(node: NodeT, ending: Future, halt: Callable[[NodeT], None] | None) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        executor.spin_until_future_complete(ending)
    finally:
        if halt is not None:
            halt(node)
        node.destroy_node()

"""The command `mavlink_camera`: ros2 run siamdw_ros mavlink_camera."""

import signal
import sys

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

# Of modules that only this node needs, and how to get them.
OPTIONAL = {
    "pymavlink": "pip install pymavlink (rosdep: python3-pymavlink-pip)",
    "serial": "sudo apt install python3-serial",
}


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted."""
    # The context is shut down below, not by the signal: the gimbal has to be stopped.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from siamdw_ros.mavlink.node import MavlinkCameraNode

        node = MavlinkCameraNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            executor.spin()
        finally:
            node.halt()
            node.destroy_node()
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in OPTIONAL:
            raise
        print(f"mavlink_camera: {module} is not installed: {OPTIONAL[module]}", file=sys.stderr)
        return 1
    except (OSError, ValueError, ParameterException) as error:
        print(f"mavlink_camera: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # asked to end: that is no failure
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

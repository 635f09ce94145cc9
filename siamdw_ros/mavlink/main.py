"""Runs the mavlink_camera node, or says what it needs."""

import sys
from typing import TYPE_CHECKING

from rclpy.exceptions import ParameterException

from siamdw_ros.ros.running import run_node

if TYPE_CHECKING:  # it needs pymavlink, which may be absent
    from siamdw_ros.mavlink.node import MavlinkCameraNode

# Of modules that only this node needs, and how to get them.
OPTIONAL = {
    "pymavlink": "pip install pymavlink (rosdep: python3-pymavlink-pip)",
    "serial": "sudo apt install python3-serial",
}


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted."""
    try:
        run_node(_create, args, halt=lambda node: node.halt())
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in OPTIONAL:
            raise
        print(f"mavlink_camera: {module} is not installed: {OPTIONAL[module]}", file=sys.stderr)
        return 1
    except (OSError, ValueError, ParameterException) as error:
        print(f"mavlink_camera: {error}", file=sys.stderr)
        return 1
    return 0


def _create() -> "MavlinkCameraNode":
    from siamdw_ros.mavlink.node import MavlinkCameraNode

    return MavlinkCameraNode()

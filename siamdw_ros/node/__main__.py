"""Entry point of the tracker node: `ros2 run siamdw_ros tracker_node`.

It imports rclpy only after it has set a handler for Ctrl-C and SIGTERM: the imports take up to a
second, and an interrupt in them would end in a traceback.
"""

import os
import signal
import sys
from types import FrameType

HELP = """\
usage: tracker_node [-h] [--ros-args -r image:=TOPIC -p NAME:=VALUE ...]

Tracks targets through the images of one or several cameras and publishes where they are.

subscribes to   image (sensor_msgs/Image), or image/compressed with -p image_transport:=compressed
publishes       ~/detection, ~/detections, ~/predictions, ~/status, ~/debug_image, /diagnostics
services        ~/start_tracking, ~/stop_tracking
parameters      ros2 param list /siamdw_tracker, ros2 param describe /siamdw_tracker NAME

example         ros2 run siamdw_ros tracker_node --ros-args -r image:=/camera/image_raw

options:
  -h, --help    show this message and exit
"""


def main() -> None:
    """Run the node until it is interrupted."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(HELP, end="")
        return
    before = {number: signal.signal(number, _end) for number in (signal.SIGINT, signal.SIGTERM)}
    from siamdw_ros.node import tracker_node

    for number, handler in before.items():
        signal.signal(number, handler)
    tracker_node.main()


def _end(_number: int, _frame: FrameType | None) -> None:
    # Not sys.exit: an exception inside an import is reported in several ways, all of them long.
    os._exit(0)


if __name__ == "__main__":
    main()

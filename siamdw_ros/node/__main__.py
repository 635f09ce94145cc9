"""Entry point of the tracker node: `ros2 run siamdw_ros tracker_node`.

The imports take up to a second: signals and --help are handled before them.
"""

import sys

from siamdw_ros.ros.signals import end_at_signals

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
    end_at_signals()
    from siamdw_ros.node import tracker_node

    tracker_node.main()


if __name__ == "__main__":
    main()

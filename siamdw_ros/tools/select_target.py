"""Show a camera's images in a window, in which targets are drawn with the mouse.

For a desktop; the operator panel (`panel`) does the same in a browser and from elsewhere. Each box
starts tracking on the image that it was drawn on, by that image's stamp. The video stands still
while the button is down. To see the boxes that are tracked, show the tracker's debug image:
--topic /siamdw_tracker/debug_image.
"""

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from siamdw_ros.tools.command_line import OneLineParser, called_as, number

if TYPE_CHECKING:
    from siamdw_ros.recordings.window import Window

MAX_SECONDS = 24 * 3600.0


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line, less what is ROS's."""
    parser = OneLineParser(
        prog=called_as("select_target"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Example: select_target --topic /front/image_raw --transport compressed",
    )
    parser.add_argument("--topic", default="camera/image_raw", help="(default: %(default)s)")
    parser.add_argument(
        "--transport",
        choices=["raw", "compressed"],
        default="raw",
        help="compressed: subscribe to TOPIC/compressed (default: %(default)s)",
    )
    parser.add_argument(
        "--tracker",
        default="siamdw_tracker",
        help="name of the tracker node (default: %(default)s)",
    )
    parser.add_argument(
        "--target-id",
        default="",
        help="id of the target; a new box starts it over (default: a new target for each box)",
    )
    parser.add_argument(
        "--duration",
        type=lambda text: number(0, MAX_SECONDS, text),
        metavar="SECONDS",
        help="how long to track each target (default: until it is stopped)",
    )
    return parser.parse_args(arguments)


def main(args: list[str] | None = None) -> int:
    """Run the command."""
    from rclpy.utilities import remove_ros_args

    command_line = sys.argv if args is None else ["select_target", *args]
    options = parse_arguments(remove_ros_args(command_line)[1:])

    from siamdw_ros.recordings.window import NoWindowError, Window

    try:
        window = Window("select_target")
    except NoWindowError as error:
        print(
            f"select_target: {error}; the operator panel needs none: ros2 run siamdw_ros panel",
            file=sys.stderr,
        )
        return 2
    return _run(options, command_line, window)


def _run(options: argparse.Namespace, command_line: list[str], window: "Window") -> int:
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from siamdw_ros.tools.target_selector import TargetSelector

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Python's own handler of SIGINT: that of rclpy may end the context in any line.
    rclpy.init(args=command_line, signal_handler_options=SignalHandlerOptions.NO)
    try:
        TargetSelector(options).run(window)
    except KeyboardInterrupt:
        pass  # asked to end
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

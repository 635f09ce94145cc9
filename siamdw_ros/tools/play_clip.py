"""Play a video, a folder of images, a stream or a device as a camera.

Publishes one sensor_msgs/Image per frame.
"""

# Nothing that takes time here: main() imports the rest, after it has seen to Ctrl-C.
import argparse
import os
import signal
import sys
from pathlib import Path

from siamdw_ros.tools.command_line import OneLineParser, called_as, frame_rate, number

DEFAULT_TOPIC = "camera/image_raw"


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line, less what is ROS's."""
    parser = OneLineParser(
        prog=called_as("play_clip"),
        description=__doc__,
        epilog="Example: play_clip cup.mp4 --loop --topic /front/image_raw",
    )
    parser.add_argument(
        "clip",
        help="video file, folder of images (by number: 2.png before 10.png), URL (rtsp://..., "
        "http://...), or camera device (0, /dev/video0)",
    )
    parser.add_argument(
        "--topic", default=DEFAULT_TOPIC, help="of the images (default: %(default)s)"
    )
    parser.add_argument(
        "--rate",
        type=frame_rate,
        help="frames per second (default: the video's own, 30 for a folder; a stream or device "
        "as fast as frames come)",
    )
    parser.add_argument("--loop", action="store_true", help="begin again at the end")
    parser.add_argument(
        "--paused",
        action="store_true",
        help="repeat the first frame until the service ~/play (std_srvs/srv/Trigger) is called",
    )
    parser.add_argument(
        "--frame-id", default="camera", help="frame_id of each header (default: %(default)s)"
    )
    parser.add_argument(
        "--camera-info",
        action="store_true",
        help="publish a calibration beside the images, on camera_info: a pinhole camera without "
        "distortion, guessed from --field-of-view",
    )
    parser.add_argument(
        "--field-of-view",
        type=lambda text: number(0, 179, text),
        default=60.0,
        metavar="DEGREES",
        help="horizontal, for --camera-info (default: %(default)s)",
    )
    parser.add_argument(
        "--log",
        type=Path,
        metavar="CSV",
        help="write which frame was published with which stamp; frame -1: repeated while paused",
    )
    return parser.parse_args(arguments)


def main(args: list[str] | None = None) -> int:
    """Run the command."""
    command_line = sys.argv if args is None else ["play_clip", *args]
    # An exception in the middle of an import leaves tracebacks of the import system behind.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        from rclpy.utilities import remove_ros_args

        options = parse_arguments(remove_ros_args(command_line)[1:])

        from siamdw_ros.tools.clip_player import play

        signal.signal(signal.SIGINT, signal.default_int_handler)
        play(options, command_line)
    except KeyboardInterrupt:
        pass
    except (OSError, ValueError) as error:
        print(f"play_clip: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

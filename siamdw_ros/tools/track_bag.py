"""Track objects through the images of a bag, as fast as this machine can.

Reads bags of rosbag2, sqlite3 and MCAP, also compressed with zstd, also where rosbag2 is not
installed. Needs no running node: the node's own tracker is used. Without --box, --point or --boxes
you draw the targets with the mouse: in a window, or in the browser where there is no display.
Writes a new bag (MCAP) with the original topics and the tracker's, a CSV of boxes and an annotated
video.
"""

# Nothing that takes time here: --help and mistakes in the command line are answered at once.
import argparse
import sys
from pathlib import Path

from siamdw_ros.tools.command_line import (
    OneLineParser,
    add_result_options,
    called_as,
    number,
    run_command,
)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    from siamdw_ros.recordings.settings import add_parameter_options
    from siamdw_ros.recordings.starts import add_start_options

    parser = OneLineParser(
        prog=called_as("track_bag"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Example: track_bag my_bag --topic /camera/image_raw --box 120,80,40,60",
    )
    parser.add_argument("bag", type=Path, help="folder of the bag, or its .mcap or .db3 file")
    parser.add_argument(
        "--topic", help="of the images, raw or compressed (default: the only one in the bag)"
    )
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="drop the images that this machine would not come to on a robot; without: all images",
    )
    add_start_options(parser)
    group = parser.add_argument_group(
        "output (default: BAG_tracked, BAG_tracked.csv and BAG_tracked.mp4)"
    )
    group.add_argument("--out", type=Path, metavar="BAG", help="folder of the new bag")
    group.add_argument("--images", action="store_true", help="add annotated images to it, as JPEG")
    group.add_argument(
        "--results-only", action="store_true", help="do not copy the original topics to it"
    )
    add_result_options(group)
    group.add_argument(
        "--rate",
        type=lambda text: number(0, 1000, text),
        help="frames per second of the video (default: the mean rate of the images)",
    )
    add_parameter_options(parser)
    options = parser.parse_args(arguments)
    if not (options.out or options.csv or options.video):
        stem = options.bag.resolve().stem
        options.out = Path(f"{stem}_tracked")
        options.csv = Path(f"{stem}_tracked.csv")
        options.video = Path(f"{stem}_tracked.mp4")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)

    def work() -> None:
        from siamdw_ros.recordings.bag_run import track_bag

        track_bag(options)

    return run_command("track_bag", work)


if __name__ == "__main__":
    sys.exit(main())

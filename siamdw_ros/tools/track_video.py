"""Track objects through a video, a folder of images, a stream or a camera.

Needs no running node: the node's own tracker is used. Without --box, --point or --boxes you draw
the targets with the mouse: in a window, or in the browser where there is no display. Writes an
annotated MP4 and a CSV of boxes.
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
        prog=called_as("track_video"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Example: track_video drone.mp4 --box 120,80,40,60 --video tracked.mp4",
    )
    parser.add_argument(
        "source",
        help="video file, folder of images (by number: 2.png before 10.png), URL (rtsp://..., "
        "http://...), or camera device (0, /dev/video0)",
    )
    add_start_options(parser)
    group = parser.add_argument_group(
        "output (default: SOURCE_tracked.mp4 and SOURCE_tracked.csv)"
    )
    add_result_options(group)
    parser.add_argument(
        "--rate",
        type=lambda text: number(0, 1000, text),
        help="frames per second of the video that is written, and of a folder of images "
        "(default: the video's own, else 30)",
    )
    add_parameter_options(parser)
    return parser.parse_args(arguments)


def output_paths(options: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """Return the paths of the CSV and the video; None for one that is not written.

    Raises:
        ValueError: The video would replace its source.
    """
    boxes, video = options.csv, options.video
    if boxes is None and video is None:
        stem = Path(options.source.rstrip("/")).stem or "camera"
        if "://" in options.source or options.source.isdecimal():
            stem = "camera"
        boxes, video = Path(f"{stem}_tracked.csv"), Path(f"{stem}_tracked.mp4")
    for path in (boxes, video):
        if path and path.resolve() == Path(options.source).resolve():
            raise ValueError(f"{path}: this is the source: write to another file")
    return boxes, video


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)

    def work() -> None:
        from siamdw_ros.recordings.video_run import track_video

        track_video(options, *output_paths(options))

    return run_command("track_video", work)


if __name__ == "__main__":
    sys.exit(main())

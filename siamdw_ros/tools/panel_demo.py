"""Try the operator panel without a camera: a clip in a loop, the tracker and the panel.

Runs until Ctrl-C.
"""

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

from ament_index_python.packages import get_package_share_directory

from siamdw_ros.evaluation.node_process import NODE, ModuleProcess, isolate
from siamdw_ros.tools.command_line import called_as, frame_rate, port_number

TOPIC = "image"
# Images are held longer than usual: who tries the panel for the first time draws slowly.
TRACKER = ("history_seconds:=10.0", "history_megabytes:=400.0")
LOOK_SECONDS = 0.2  # between checks whether all processes still run


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("panel_demo"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clip", type=Path, help="video (default: the one that is shipped)")
    parser.add_argument(
        "--rate", type=frame_rate, help="frames per second (default: the video's own)"
    )
    parser.add_argument(
        "--port", type=port_number, default=8090, help="of the panel (default: 8090)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address (default: 127.0.0.1)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    # However the end is asked for, the three processes are ended too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    isolate()
    clip = options.clip or Path(get_package_share_directory("siamdw_ros"), "clips", "cup.mp4")
    player = [str(clip), "--topic", TOPIC, "--loop"]
    if options.rate:
        player += ["--rate", str(options.rate)]
    panel = _parameters(f"host:={options.host}", f"port:={options.port}")
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        running = [
            stack.enter_context(ModuleProcess(module, rest))
            for module, rest in (
                ("siamdw_ros.panel", panel),
                (NODE, _parameters(*TRACKER)),
                ("siamdw_ros.tools.play_clip", player),
            )
        ]
        while all(one.alive for one in running):
            time.sleep(LOOK_SECONDS)
        print("panel: one of the processes has ended, see above", file=sys.stderr)
        return 1
    return 0


def _parameters(*values: str) -> list[str]:
    return ["--ros-args", *(part for value in values for part in ("-p", value))]


if __name__ == "__main__":
    sys.exit(main())

"""Speak TraX, so that the VOT toolkit can start, feed and evaluate the tracker.

In the workspace's trackers.ini:

    [SiamDW]
    label = SiamDW
    protocol = trax
    command = python -m siamdw_ros.tools.vot_trax --model siambox_res22

Then `vot evaluate SiamDW`. Needs vot-trax: pip install vot-trax.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from siamdw_ros.evaluation.one_pass import Follower
from siamdw_ros.siamdw import CheckpointError
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.tools.command_line import called_as
from siamdw_ros.tools.evaluate import add_tracker_options, tracker_options


def serve(tracker: Follower, trax: Any, name: str) -> None:
    """Answer the toolkit until it quits.

    Args:
        tracker: loaded already: the toolkit does not wait long.
        trax: the module of that name.
        name: to introduce the tracker with.

    Raises:
        ValueError: an image or a box is not usable.
        trax.TraxException: the connection is broken.
    """
    images = [trax.Image.PATH, trax.Image.BUFFER, trax.Image.MEMORY]
    server = trax.Server([trax.Region.RECTANGLE], images, tracker_name=name)
    reason = None
    try:  # not `with server`: it prints a traceback
        answer_requests(server, tracker, trax)
    except Exception as error:
        reason = str(error)
        raise
    finally:
        server.quit(reason)


def answer_requests(server: Any, tracker: Follower, trax: Any) -> None:
    """Track in each image that the toolkit sends, until it quits; see :func:`serve`."""
    while (request := server.wait()).type != trax.TraxStatus.QUIT:
        image = read_image(request.image["color"])
        if request.type == trax.TraxStatus.INITIALIZE:
            region = request.objects[0][0]
            box: Box = region.bounds()
            tracker.init(image, box)
            score = 1.0
        else:
            result = tracker.track(image)
            box, score = result.box, result.score
        # The toolkit ranks long-term trackers by this property.
        server.status([(trax.Rectangle.create(*box), {"confidence": score})])


def read_image(image: Any) -> Image:
    """Turn TraX's image, in whichever form it came, into H x W x 3, uint8, BGR.

    Raises:
        ValueError: OpenCV cannot read it.
    """
    if image.type() == "path":
        encoded = np.fromfile(Path(image.path()), np.uint8)
    elif image.type() == "buffer":
        encoded = np.frombuffer(bytes(image.buffer()), np.uint8)
    else:  # of memory: RGB, or grey
        array = image.array()
        code = cv2.COLOR_RGB2BGR if array.shape[2] == 3 else cv2.COLOR_GRAY2BGR
        return np.asarray(cv2.cvtColor(array, code), np.uint8)
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError(f"{image}: not an image that OpenCV can read")
    return np.asarray(decoded, np.uint8)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("vot_trax"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_tracker_options(parser)
    parser.add_argument("--name", default="SiamDW", help="default: SiamDW")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    try:
        import trax
    except ImportError:
        print("vot_trax: needs vot-trax: pip install vot-trax", file=sys.stderr)
        return 2
    try:
        serve(tracker_options(options).build(), trax, options.name)
    except (CheckpointError, ValueError, trax.TraxException) as error:
        print(f"vot_trax: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

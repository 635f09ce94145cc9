"""Label a video with a tracker, as training material for `pack_boxes --tracks`.

The target is tracked forwards and backwards, twenty frames at a time, and the boxes on which both
directions agree are written. Labelling ends where they disagree: check the --sheet, and start
again behind that frame with a box of your own.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import cv2
import numpy as np
from tqdm import tqdm

from siamdw_ros.evaluation.clip_reader import frame_count, read_clip
from siamdw_ros.evaluation.drawing import Annotated, contact_sheet, spread
from siamdw_ros.evaluation.trackers import SiamDW, read_spec
from siamdw_ros.recordings.coordinates import numbers
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.tools.command_line import called_as, not_negative, number, positive, run_command
from siamdw_ros.training.box_bank import view_of
from siamdw_ros.training.labelling import AGREEMENT, Label, labels

JPEG_QUALITY = 92


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("label_video"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("video", type=Path, help="a video, or a folder of images")
    parser.add_argument("out", type=Path, help="archive to write, a .zip file")
    parser.add_argument("--box", required=True, type=_box, metavar="X,Y,W,H", help="in pixels")
    parser.add_argument(
        "--start", type=not_negative, default=0, help="frame of the box (default: 0)"
    )
    parser.add_argument("--every", type=positive, default=1, help="write every n-th (default: 1)")
    parser.add_argument(
        "--tracker", default="siamdw", help="as for evaluate: csrt, nanotrack ... (siamdw)"
    )
    parser.add_argument(
        "--nanotrack", nargs="+", default=[], metavar="ONNX", help="its two files, or a folder"
    )
    parser.add_argument(
        "--agreement",
        type=partial(number, 0.0, 1.0),
        default=AGREEMENT,
        help=f"least overlap of the boxes of the two directions (default: {AGREEMENT:g})",
    )
    parser.add_argument("--sheet", type=Path, help="image to write, of some of the frames")
    return parser.parse_args(arguments)


def _box(text: str) -> Box:
    x, y, w, h = numbers(4, "X,Y,W,H", text)
    if min(w, h) < 2:
        raise argparse.ArgumentTypeError(f"{text}: width and height must be at least 2 px")
    return x, y, w, h


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    return run_command("label_video", partial(_label, options))


def _label(options: argparse.Namespace) -> None:
    tracker = read_spec(options.tracker, SiamDW(), options.nanotrack).build()
    total = max(frame_count(str(options.video)) - options.start, 0) or None
    frames = islice(read_clip(str(options.video)), options.start, None)
    shown = tqdm(frames, total=total, unit="frame", disable=None, leave=False)
    found = labels(shown, options.box, tracker, options.agreement)
    boxes = _write(options.out, islice(found, 0, None, options.every))
    if not boxes:
        raise ValueError(
            f"{options.video}: the directions disagree from frame {options.start} on, "
            "or there is no such frame, or the target is too small: "
            "give another --box, --start or --tracker"
        )
    if options.sheet:
        cv2.imwrite(str(options.sheet), _sheet(options.video, options.start, boxes))
    last = options.start + max(boxes)
    print(f"{options.out}: {len(boxes)} frames, from {options.start} to {last}")


def _write(path: Path, found: Iterable[Label]) -> dict[int, Box]:
    """Write views of the target as `read_track` reads them, each as it comes.

    Returns:
        The boxes that were written, by the numbers of their frames. Without one there is no file.
    """
    rows = ["file,x,y,w,h"]
    boxes: dict[int, Box] = {}
    part = path.with_name(f".{path.name}.{os.getpid()}")  # whole or not at all
    try:
        with ZipFile(part, "w", ZIP_STORED) as archive:
            for at, image, box in found:
                view = view_of(image, np.array(box, np.float32))
                if view is None:
                    continue
                name = f"{at:06d}.jpg"
                quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
                archive.writestr(name, cv2.imencode(".jpg", view.image, quality)[1].tobytes())
                rows.append(f"{name}," + ",".join(f"{value:.2f}" for value in view.box))
                boxes[at] = box
            archive.writestr("groundtruth.csv", "\n".join(rows) + "\n")
        if boxes:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return boxes


def _sheet(video: Path, start: int, boxes: Mapping[int, Box]) -> Image:
    """Show some of the boxes. Reads the video once more, so that few frames are held."""
    chosen = set(spread(list(boxes)))
    frames = enumerate(islice(read_clip(str(video)), start, start + max(boxes) + 1))
    return contact_sheet(
        [Annotated(image, str(at), None, boxes[at]) for at, image in frames if at in chosen]
    )


if __name__ == "__main__":
    sys.exit(main())

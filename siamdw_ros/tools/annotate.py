"""Annotate a target in a video: boxes on keyframes, linear in between.

Opens a page in the browser, served to this machine only. Every change is saved at once, as a CSV
beside the video that the demo and `evaluate` read; keyframes are marked in it and can be changed
later. --list, --set, --absent and --remove do the same in the terminal.
"""

import argparse
import json
import sys
import threading
import webbrowser
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

import cv2

from siamdw_ros.evaluation.annotations import (
    ABSENT,
    interpolate,
    is_absent,
    read_keyframes,
    write_annotation,
)
from siamdw_ros.evaluation.clip_reader import frame_rate, read_clip
from siamdw_ros.recordings.coordinates import numbers
from siamdw_ros.recordings.local_page import LOCALHOST, Content, make_local_server
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.tracker import checked_box
from siamdw_ros.tools.command_line import called_as, port_number


@dataclass
class Annotation:
    """A video, the keyframes of one target in it, and the file that they are kept in."""

    frames: list[bytes]  # JPEG
    blank: Image  # of the video's size
    rate: float
    path: Path
    keyframes: dict[int, Box] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, clip: Path, path: Path) -> "Annotation":
        """Read a video, and what is annotated already.

        Raises:
            FileNotFoundError: there is no video.
            ValueError: the annotation is of a longer video.
        """
        frames, blank = [], None
        for image in read_clip(clip):
            blank = image * 0 if blank is None else blank
            frames.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
        if blank is None:
            raise FileNotFoundError(f"{clip}: no frame that OpenCV can read")
        keyframes = read_keyframes(path) if path.is_file() else {}
        if keyframes and max(keyframes) >= len(frames):
            raise ValueError(f"{path} has frame {max(keyframes)}, the video only {len(frames)}")
        return cls(frames, blank, frame_rate(clip), path, keyframes)

    def set(self, frame: int, box: Box) -> None:
        """Make a keyframe, ABSENT or a box, and save.

        Raises:
            ValueError: there is no such frame, or the box is not one inside the image.
        """
        self._check(frame)
        kept = box if is_absent(box) else checked_box(box, self.blank)
        with self._lock:
            self.keyframes[frame] = kept
            self._save()

    def remove(self, frame: int) -> None:
        """Remove a keyframe, and save.

        Raises:
            ValueError: there is none.
        """
        with self._lock:
            if frame not in self.keyframes:
                raise ValueError(f"frame {frame} is no keyframe")
            del self.keyframes[frame]
            self._save()

    def _check(self, frame: int) -> None:
        if not 0 <= frame < len(self.frames):
            raise ValueError(f"frame {frame}: the video has frames 0 to {len(self.frames) - 1}")

    def _save(self) -> None:
        write_annotation(self.path, interpolate(self.keyframes, len(self.frames)), self.keyframes)

    def as_json(self) -> dict[str, Any]:
        """Return the data of the page; absent boxes are null."""
        with self._lock:
            keyframes = dict(self.keyframes)
        height, width = self.blank.shape[:2]
        boxes = interpolate(keyframes, len(self.frames))
        return {
            "count": len(self.frames),
            "width": width,
            "height": height,
            "rate": self.rate,
            "keyframes": {i: None if is_absent(box) else box for i, box in keyframes.items()},
            "boxes": [None if is_absent(box) else box for box in boxes],
        }


def make_server(annotation: Annotation, port: int = 0) -> ThreadingHTTPServer:
    """Make a server of the page that only this machine can reach; port 0: a free one."""

    def change(path: str, sent: Any) -> Content:
        if path != "/keyframe":
            raise LookupError(path)
        _apply(annotation, sent)
        return _page(annotation, "/annotation")

    return make_local_server(lambda path: _page(annotation, path), change, port)


def _page(annotation: Annotation, path: str) -> Content:
    """Content type and content of what lies at a path; LookupError: nothing does."""
    if path == "/":
        page = resources.files("siamdw_ros") / "tools" / "annotate.html"
        return "text/html; charset=utf-8", page.read_bytes()
    if path == "/annotation":
        return "application/json", json.dumps(annotation.as_json()).encode()
    name = path.removeprefix("/frame/").removesuffix(".jpg")
    if path != f"/frame/{name}.jpg" or not name.isdecimal():
        raise LookupError(path)
    return "image/jpeg", annotation.frames[int(name)]


def _apply(annotation: Annotation, change: dict[str, Any]) -> None:
    """Carry out what the page asks for: frame, and box (null: absent), or remove."""
    if not isinstance(change, dict) or type(change.get("frame")) is not int:
        raise ValueError("a keyframe needs its frame")
    if change.get("remove"):
        annotation.remove(change["frame"])
    elif change.get("box") is None:
        annotation.set(change["frame"], ABSENT)
    else:
        x, y, w, h = map(float, change["box"])
        annotation.set(change["frame"], (x, y, w, h))


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("annotate"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clip", type=Path, help="video file, or folder of images")
    parser.add_argument("--csv", type=Path, help="annotation (default: beside the clip)")
    parser.add_argument("--port", type=port_number, default=0, help="default: a free one")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--list", action="store_true", help="print the keyframes")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_keyframe,
        metavar="FRAME=X,Y,W,H",
        help="make a keyframe",
    )
    parser.add_argument(
        "--absent",
        action="append",
        default=[],
        type=int,
        metavar="FRAME",
        help="absent from this frame on",
    )
    parser.add_argument(
        "--remove", action="append", default=[], type=int, metavar="FRAME", help="no keyframe"
    )
    return parser.parse_args(arguments)


def _keyframe(text: str) -> tuple[int, Box]:
    frame, _, box = text.partition("=")
    if not frame.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: expected FRAME=X,Y,W,H, in pixels")
    x, y, w, h = numbers(4, "FRAME=X,Y,W,H", box)
    return int(frame), (x, y, w, h)


def in_terminal(annotation: Annotation, options: argparse.Namespace) -> bool:
    """Do what the options ask for; False when they ask for nothing.

    Raises:
        ValueError: a frame or a box is not usable.
    """
    for frame, box in options.set:
        annotation.set(frame, box)
    for frame in options.absent:
        annotation.set(frame, ABSENT)
    for frame in options.remove:
        annotation.remove(frame)
    if options.list:
        for frame, box in sorted(annotation.keyframes.items()):
            edges = "absent" if is_absent(box) else " ".join(f"{v:.1f}" for v in box)
            print(f"{frame:6} {edges}")
    return bool(options.set or options.absent or options.remove or options.list)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    try:
        annotation = Annotation.open(options.clip, options.csv or options.clip.with_suffix(".csv"))
        if in_terminal(annotation, options):
            return 0
        server = make_server(annotation, options.port)
    except (OSError, ValueError) as error:
        print(f"annotate: {error}", file=sys.stderr)
        return 2
    address = f"http://{LOCALHOST}:{server.server_address[1]}/"
    print(f"{address}\nsaves to {annotation.path}; Ctrl-C ends", flush=True)
    if not options.no_browser:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure the time to read image messages, and to make debug images. Prints tables."""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.node.debug_image import draw
from siamdw_ros.node.decoding import TRANSPORTS, ImageDecoder, ImageMessage, Transport
from siamdw_ros.node.decoding.raw import ENCODINGS, image_message
from siamdw_ros.node.publishers import jpeg_message
from siamdw_ros.node.results import TargetResult
from siamdw_ros.siamdw import State

SIZES = ((640, 480), (1280, 720), (1920, 1080))


def scene(width: int, height: int) -> NDArray[np.uint8]:
    """Return blurred noise with a little sharp noise, as a camera has: H x W x 3, uint8."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 9) + noise // 32, np.uint8)


def raw_message(encoding: str, width: int, height: int) -> Image:
    """Make a message in some encoding; its pixels mean nothing."""
    layout = ENCODINGS[encoding]
    step = width * layout.channels * np.dtype(layout.dtype).itemsize
    data = np.resize(scene(width, height).reshape(-1), int(step * height * layout.rows))
    if layout.dtype is np.uint16:
        data.view(np.uint16)[:] >>= 6  # as a sensor with 10 bits sends: they have to be spread
    return Image(encoding=encoding, width=width, height=height, step=step, data=data.tobytes())


def compressed_message(extension: str, width: int, height: int) -> CompressedImage:
    """Make a message with a JPEG or a PNG."""
    return CompressedImage(data=cv2.imencode(extension, scene(width, height))[1].tobytes())


def messages(width: int, height: int) -> Iterator[tuple[str, Transport, ImageMessage]]:
    """Yield one message of each kind, with its name and its transport."""
    for encoding in ENCODINGS:
        yield encoding, TRANSPORTS["raw"], raw_message(encoding, width, height)
    for name, extension in (("JPEG", ".jpg"), ("PNG", ".png")):
        yield name, TRANSPORTS["compressed"], compressed_message(extension, width, height)


def milliseconds(action: Callable[[], object], repeats: int) -> float:
    """Return the least time of all repeats."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def reading(width: int, height: int, repeats: int) -> dict[str, float]:
    """Return milliseconds to check a message of each kind and to convert it to BGR."""

    def read(transport: Transport, message: ImageMessage) -> None:
        assert transport.check(message) is None
        ImageDecoder(transport).image(message, 0.0)  # a new one, which has decoded nothing yet

    return {
        name: milliseconds(partial(read, transport, message), repeats)
        for name, transport, message in messages(width, height)
    }


def showing(width: int, height: int, repeats: int) -> dict[str, float]:
    """Return milliseconds to make a debug image of one target with its response."""
    image, box = scene(width, height), (width / 3, height / 3, width / 4, height / 3)
    response = np.random.default_rng(0).normal(0, 3, (17, 17)).astype(np.float32)
    target = TargetResult("cup", State.TRACKED, 0.9, box, Time(), response=response)
    picture = draw(image, [target], "caption")
    steps = {
        "drawing": lambda: draw(image, [target], "caption"),
        "message, raw": lambda: image_message(picture),
        "message, JPEG": lambda: jpeg_message(picture),
    }
    return {name: milliseconds(step, repeats) for name, step in steps.items()}


def table(title: str, measure: Callable[[int, int, int], dict[str, float]], repeats: int) -> Table:
    """Lay out milliseconds by kind and by size of the image."""
    columns = {f"{w} x {h}": measure(w, h, repeats) for w, h in SIZES}
    names = next(iter(columns.values()))
    rows: list[dict[str, Cell]] = [
        {"ms per image": name, **{size: times[name] for size, times in columns.items()}}
        for name in names
    ]
    return Table(title, rows)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.images",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--repeats", type=int, default=50, help="the least time of these counts")
    parser.add_argument("--threads", type=int, default=cv2.getNumThreads(), help="of OpenCV")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(options.threads)
    print(table("Reading", reading, options.repeats).section(), flush=True)
    print("\n" + table("Debug images", showing, options.repeats).section())


if __name__ == "__main__":
    main()

"""Measure what it costs to check image messages and to turn them into BGR. Prints a table."""

import argparse
import time
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from siamdw_ros.node.images import ENCODINGS
from siamdw_ros.node.transports import TRANSPORTS, ImageMessage, Transport

SIZES = ((640, 480), (1280, 720), (1920, 1080))


def scene(width: int, height: int) -> NDArray[np.uint8]:
    """Blurred noise, with a little of the noise left, as a camera has: H x W x 3, uint8."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 9) + noise // 32, np.uint8)


def raw_message(encoding: str, width: int, height: int) -> Image:
    """A message in some encoding; its pixels mean nothing."""
    layout = ENCODINGS[encoding]
    step = width * layout.channels * np.dtype(layout.dtype).itemsize
    data = np.resize(scene(width, height).reshape(-1), int(step * height * layout.rows))
    return Image(encoding=encoding, width=width, height=height, step=step, data=data.tobytes())


def compressed_message(extension: str, width: int, height: int) -> CompressedImage:
    """A message with a JPEG or a PNG."""
    return CompressedImage(data=cv2.imencode(extension, scene(width, height))[1].tobytes())


def messages(width: int, height: int) -> Iterator[tuple[str, Transport, ImageMessage]]:
    """One message of each kind, with its name and its transport."""
    for encoding in ENCODINGS:
        yield encoding, TRANSPORTS["raw"], raw_message(encoding, width, height)
    for name, extension in (("JPEG", ".jpg"), ("PNG", ".png")):
        yield name, TRANSPORTS["compressed"], compressed_message(extension, width, height)


def milliseconds(transport: Transport, message: ImageMessage, repeats: int) -> float:
    """The least time of all repeats."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        assert transport.check(message) is None
        transport.to_bgr(message)
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def table(repeats: int) -> str:
    """Milliseconds by kind and size, in Markdown."""
    columns = [
        {name: milliseconds(transport, message, repeats) for name, transport, message in kinds}
        for kinds in (messages(*size) for size in SIZES)
    ]
    heads = [f"{width} x {height}" for width, height in SIZES]
    lines = [f"| ms an image | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(SIZES)]
    for name in columns[0]:
        lines.append(f"| {name} | {' | '.join(f'{column[name]:.3f}' for column in columns)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.measure_images",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--repeats", type=int, default=50, help="the least time of these counts")
    parser.add_argument("--threads", type=int, default=cv2.getNumThreads(), help="of OpenCV")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(options.threads)
    print(table(options.repeats))


if __name__ == "__main__":
    main()

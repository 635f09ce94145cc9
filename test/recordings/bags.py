"""Bags written for tests."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from sensor_msgs.msg import Image

from siamdw_ros.node.decoding import image_message
from siamdw_ros.recordings.bag_types import installed

TOPIC = "/camera/image_raw"
BEGIN = 1_700_000_000 * 10**9  # nanoseconds
PERIOD = 10**8

FORMATS = {
    "sqlite3": (StoragePlugin.SQLITE3, CompressionMode.NONE),
    "sqlite3 zstd file": (StoragePlugin.SQLITE3, CompressionMode.FILE),
    "sqlite3 zstd message": (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    "mcap": (StoragePlugin.MCAP, CompressionMode.NONE),
    "mcap zstd chunks": (StoragePlugin.MCAP, CompressionMode.STORAGE),
    "mcap zstd message": (StoragePlugin.MCAP, CompressionMode.MESSAGE),
}

Line = tuple[str, str, int, Any]  # topic, type, time in nanoseconds, message or its bytes


def image(pixels: np.ndarray, stamp: int) -> Image:
    """Return an image message."""
    message = image_message(pixels)
    message.header.stamp = Time(sec=stamp // 10**9, nanosec=stamp % 10**9)
    message.header.frame_id = "optical"
    return message


def image_lines(images: Iterable[np.ndarray], topic: str = TOPIC) -> list[Line]:
    """Return images as the messages of a bag; each is recorded 5 ms after its stamp."""
    stamps = ((pixels, BEGIN + index * PERIOD) for index, pixels in enumerate(images))
    return [
        (topic, "sensor_msgs/msg/Image", stamp + 5 * 10**6, image(pixels, stamp))
        for pixels, stamp in stamps
    ]


def write_bag(
    path: Path,
    lines: Sequence[Line],
    form: str = "mcap",
    definitions: dict[str, tuple[str, str]] | None = None,
) -> Path:
    """Write a bag.

    Args:
        path: Of its folder.
        lines: The messages.
        form: One of FORMATS.
        definitions: Text and hash of types that are not installed.
    """
    storage, compression = FORMATS[form]
    writer = Writer(path, version=9, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections: dict[tuple[str, str], Any] = {}
        for topic, kind, time, message in lines:
            if (topic, kind) not in connections:
                text, digest = (definitions or {}).get(kind) or installed(kind) or ("", "x")
                connections[topic, kind] = writer.add_connection(
                    topic, kind, msgdef=text, rihs01=digest
                )
            data = message if isinstance(message, bytes) else serialize_message(message)
            writer.write(connections[topic, kind], time, data)
    return path

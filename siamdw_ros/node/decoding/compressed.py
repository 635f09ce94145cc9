"""Decoding of sensor_msgs/CompressedImage with JPEG or PNG data.

:func:`check` reads only the header and the end of the data, so that an image that is too large
is rejected before it is decoded; :func:`to_bgr` decodes.
"""

import struct
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

from siamdw_ros.node.decoding.raw import ToBytes, UndecodableError, bgr_from_values, check_size
from siamdw_ros.ros.abridge import abridge

MAX_BYTES = 2**26  # largest size of a message
MAX_SCANS = 64  # largest number of scans of a progressive JPEG; ten are usual, each costs a pass
# Segments and filling bytes before the frame header of a JPEG; ten segments are usual. Each is a
# step in Python, and without a limit a message of 64 MiB could hold the receiver up for 30 s.
MAX_HEADER_STEPS = 256
BLOCK = 2**16  # bytes
MAX_PADDING = 2**22  # bytes after the end of a JPEG; some cameras fill up a fixed size
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
# Markers of JPEG, ITU-T T.81 table B.1.
FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SCAN, END = b"\xff\xda", b"\xff\xd9"


def check(message: CompressedImage) -> str | None:
    """Return what is wrong with a message, or None, as far as is known without decoding."""
    if len(message.data) > MAX_BYTES:
        return f"data has {len(message.data)} bytes: at most {MAX_BYTES}"
    data = memoryview(message.data)
    if data[: len(PNG)] == PNG:
        return _check_png(data)
    if data[: len(JPEG)] == JPEG:
        return _check_jpeg(data)
    return f"data is neither JPEG nor PNG, format '{abridge(message.format)}'"


def size(message: CompressedImage) -> tuple[int, int]:
    """Return the width and height of a message that passed :func:`check`."""
    data = memoryview(message.data)
    if (header := jpeg_header(data)) is not None:
        return header.width, header.height
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def to_bgr(message: CompressedImage, to_bytes: ToBytes) -> NDArray[np.uint8]:
    """Decode a message that passed :func:`check`.

    Pixels stay where the camera stored them: the EXIF orientation is ignored.

    Args:
        message: The image message.
        to_bytes: Converts the values of a 16-bit PNG.

    Returns:
        H x W x 3, uint8, BGR.

    Raises:
        UndecodableError: The data is damaged inside.
    """
    data = np.frombuffer(message.data, np.uint8)
    if (scans := _jpeg_scans(data)) > MAX_SCANS:
        raise UndecodableError(f"JPEG has {scans} scans: at most {MAX_SCANS}")
    # Without ANYDEPTH OpenCV would take the high byte of 16 bits.
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(data, flags)
    except cv2.error as error:
        raise UndecodableError(f"data cannot be decoded: {error.err}") from error
    if image is None:
        raise UndecodableError("data cannot be decoded: it is damaged")
    return bgr_from_values(image, to_bytes)


def _check_png(data: memoryview) -> str | None:
    """Read the signature, then the chunk IHDR: length, name, width, height (PNG, 5.2, 11.2.1)."""
    if len(data) < 24 or bytes(data[12:16]) != b"IHDR":
        return "PNG has no header"
    return check_size(*struct.unpack(">II", data[16:24]))


@dataclass(frozen=True)
class JpegHeader:
    """The frame header of a JPEG: its offset in the data in bytes, and the size in pixels."""

    place: int
    width: int
    height: int


def jpeg_header(data: memoryview) -> JpegHeader | None:
    """Read the frame header of a JPEG; None if the data has none."""
    if data[: len(JPEG)] != JPEG:
        return None
    place = _frame_header(data)
    if place is None or len(data) < place + 9:
        return None
    height, width = struct.unpack(">HH", data[place + 5 : place + 9])
    return JpegHeader(place, width, height)


def _check_jpeg(data: memoryview) -> str | None:
    header = jpeg_header(data)
    if header is None:
        return "JPEG has no header"
    if problem := check_size(header.width, header.height):
        return problem
    # OpenCV decodes a JPEG that was cut off, and fills it up with what lay in memory: rows of the
    # image before. A thumbnail has an end of its own, but before the frame's header.
    if not _has_end(data[header.place :]):
        return f"JPEG was cut off: it has no end in its last {MAX_PADDING} bytes"
    return None


def _frame_header(data: memoryview) -> int | None:
    """Return where the frame's header starts: from marker to marker, by their lengths (B.1)."""
    place = len(JPEG)
    for _ in range(MAX_HEADER_STEPS):
        if place + 4 > len(data) or data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker in FRAME_HEADERS:
            return place
        if marker == 0xFF:  # filling before a marker
            place += 1
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def _has_end(data: memoryview) -> bool:
    """Whether there is an end marker before the zeros that some cameras pad the data with."""
    values = np.frombuffer(data, np.uint8)
    end = len(data)
    most = end - MAX_PADDING
    while end > max(BLOCK, most) and not values[end - BLOCK : end].view(np.uint64).any():
        end -= BLOCK
    return bytes(data[max(end - 2 * BLOCK, 0) : end]).rfind(END) >= 0


def _jpeg_scans(data: NDArray[np.uint8]) -> int:
    return data.tobytes().count(SCAN) if data[: len(JPEG)].tobytes() == JPEG else 0

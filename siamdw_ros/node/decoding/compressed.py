"""From sensor_msgs/CompressedImage, JPEG or PNG, to the BGR array a tracker takes.

:func:`check` reads the picture's header only, so that what is too large is refused before a byte
of it is decoded; :func:`to_bgr` decodes.
"""

import struct

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

from siamdw_ros.node.decoding.raw import UndecodableError, check_size

MAX_BYTES = 2**26  # of a message
MAX_SCANS = 64  # of a progressive JPEG; some ten are usual, and each is a pass over the image
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
# Markers of JPEG, ITU-T T.81 table B.1.
FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SCAN, END = b"\xff\xda", b"\xff\xd9"


def check(message: CompressedImage) -> str | None:
    """Say what is wrong with a message, None if nothing is as far as can be told from outside."""
    if len(message.data) > MAX_BYTES:
        return f"data has {len(message.data)} bytes: at most {MAX_BYTES}"
    data = bytes(message.data)
    if data.startswith(PNG):
        return _check_png(data)
    if data.startswith(JPEG):
        return _check_jpeg(data)
    return f"data is neither JPEG nor PNG, format '{message.format[:64]}'"


def to_bgr(message: CompressedImage) -> NDArray[np.uint8]:
    """H x W x 3 uint8 BGR of a message that :func:`check` found nothing wrong with.

    Pixels stay where the camera stored them: the EXIF orientation is left alone.

    Raises:
        UndecodableError: the data is damaged inside.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(message.data, np.uint8), flags)
    except cv2.error as error:
        raise UndecodableError(f"data cannot be decoded: {error.err}") from error
    if image is None:
        raise UndecodableError("data cannot be decoded: it is damaged")
    return np.asarray(image, np.uint8)


def _check_png(data: bytes) -> str | None:
    """Signature, then the chunk IHDR: length, name, width, height (PNG, sections 5.2, 11.2.1)."""
    if len(data) < 24 or data[12:16] != b"IHDR":
        return "PNG has no header"
    return check_size(*struct.unpack(">II", data[16:24]))


def _check_jpeg(data: bytes) -> str | None:
    header = _frame_header(data)
    if header is None or len(data) < header + 9:
        return "JPEG has no header"
    height, width = struct.unpack(">HH", data[header + 5 : header + 9])
    if problem := check_size(width, height):
        return problem
    # OpenCV decodes a JPEG that was cut off, and fills it up with what lay in memory: rows of the
    # picture before. A thumbnail has an end of its own, but before the frame's header.
    if data.rfind(END, header) < 0:
        return "JPEG was cut off: it has no end"
    scans = data.count(SCAN, header)
    return f"JPEG has {scans} scans: at most {MAX_SCANS}" if scans > MAX_SCANS else None


def _frame_header(data: bytes) -> int | None:
    """Where the frame's header starts: from marker to marker, each with its length (T.81, B.1)."""
    place = len(JPEG)
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in FRAME_HEADERS:
            return place
        if marker == 0xFF:  # filling before a marker
            place += 1
        else:
            place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return None

"""From sensor_msgs/Image to the BGR array a tracker takes, with no copy that can be spared.

ROS does not see to it that an image message is consistent, so that :func:`check` states what
each one must satisfy, and everything else here relies on it. bgr8 is used as it lies in the
message; other encodings are converted once, by OpenCV.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

MAX_SIDE = 16384  # pixels; a larger side is a corrupt message


@dataclass(frozen=True)
class Encoding:
    """How pixels lie in memory.

    channels: values a pixel. conversion: OpenCV's code to BGR, None where it is BGR already.
    dtype: of a value. rows: stored rows a row of pixels; chroma planes make it more than one.
    even: width and height must be even.
    """

    channels: int
    conversion: int | None
    dtype: type[np.generic] = np.uint8
    rows: Fraction = Fraction(1)
    even: bool = False


_HALF_PLANE = Fraction(3, 2)
_UYVY = Encoding(2, cv2.COLOR_YUV2BGR_UYVY, even=True)
_YUYV = Encoding(2, cv2.COLOR_YUV2BGR_YUY2, even=True)
ENCODINGS = {
    "bgr8": Encoding(3, None),
    "8UC3": Encoding(3, None),
    "rgb8": Encoding(3, cv2.COLOR_RGB2BGR),
    "bgra8": Encoding(4, cv2.COLOR_BGRA2BGR),
    "8UC4": Encoding(4, cv2.COLOR_BGRA2BGR),
    "rgba8": Encoding(4, cv2.COLOR_RGBA2BGR),
    "mono8": Encoding(1, cv2.COLOR_GRAY2BGR),
    "8UC1": Encoding(1, cv2.COLOR_GRAY2BGR),
    "mono16": Encoding(1, cv2.COLOR_GRAY2BGR, np.uint16),
    "bayer_rggb8": Encoding(1, cv2.COLOR_BayerRGGB2BGR),
    "bayer_bggr8": Encoding(1, cv2.COLOR_BayerBGGR2BGR),
    "bayer_gbrg8": Encoding(1, cv2.COLOR_BayerGBRG2BGR),
    "bayer_grbg8": Encoding(1, cv2.COLOR_BayerGRBG2BGR),
    # yuv422 is UYVY and yuv422_yuy2 YUYV since Humble; later distributions add the plain names.
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": Encoding(1, cv2.COLOR_YUV2BGR_NV12, rows=_HALF_PLANE, even=True),
    "nv21": Encoding(1, cv2.COLOR_YUV2BGR_NV21, rows=_HALF_PLANE, even=True),
}


def check(message: Image) -> str | None:
    """Say what is wrong with a message, None if nothing is. Touches no pixel."""
    encoding = ENCODINGS.get(message.encoding)
    width, height, step = message.width, message.height, message.step
    if encoding is None:
        return f"encoding '{message.encoding}' is not supported: use one of {', '.join(ENCODINGS)}"
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return f"size {width}x{height}: each side must be 1 to {MAX_SIDE} px"
    if encoding.even and (width % 2 or height % 2):
        return f"size {width}x{height}: {message.encoding} needs even sides"
    row = width * encoding.channels * np.dtype(encoding.dtype).itemsize
    if step < row:
        return f"step {step} is shorter than a row of {width} {message.encoding} pixels, {row}"
    if len(message.data) < step * height * encoding.rows:
        return (
            f"data has {len(message.data)} bytes, but {height} rows of step {step} need "
            f"{int(step * height * encoding.rows)}"
        )
    return None


def to_bgr(message: Image) -> NDArray[np.uint8]:
    """H x W x 3 uint8 BGR of a message that :func:`check` found nothing wrong with.

    A bgr8 image is a view of the message's data, not a copy: do not write to it.
    """
    encoding = ENCODINGS[message.encoding]
    pixels = _view(message, encoding)
    if encoding.dtype is np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if encoding.conversion is None:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, encoding.conversion), np.uint8)


def _view(message: Image, encoding: Encoding) -> NDArray[Any]:
    """Rows x width (x channels) view of the data, without what pads each row."""
    dtype = np.dtype(encoding.dtype).newbyteorder(">" if message.is_bigendian else "<")
    rows = int(message.height * encoding.rows)
    data = np.frombuffer(message.data, np.uint8, count=rows * message.step)
    row = message.width * encoding.channels * dtype.itemsize
    pixels = data.reshape(rows, message.step)[:, :row]
    if dtype.itemsize > 1:
        pixels = np.ascontiguousarray(pixels).view(dtype)
    if encoding.channels == 1:
        return pixels
    return pixels.reshape(rows, message.width, encoding.channels)

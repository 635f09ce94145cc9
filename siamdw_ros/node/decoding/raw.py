"""From sensor_msgs/Image to the BGR array a tracker takes, with no copy that can be spared.

ROS does not see to it that an image message is consistent, so that :func:`check` states what
each one must satisfy, and everything else here relies on it. bgr8 is used as it lies in the
message; other encodings are converted once, by OpenCV. compressed.py does the same for
sensor_msgs/CompressedImage.
"""

import array
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

MAX_SIDE = 16384  # pixels; a larger side is a corrupt message
MAX_PIXELS = 2**26  # 67 million: 200 MB as BGR


class UndecodableError(ValueError):
    """The message passed the check, but its data is damaged inside."""


@dataclass(frozen=True)
class Encoding:
    """How pixels lie in memory.

    channels: values a pixel. conversion: OpenCV's code to BGR, None where it is BGR already.
    dtype: of a value. rows: stored rows a row of pixels; chroma planes make it more than one.
    even: width and height must be even. ranged: values fill their range, so that the high byte
    is the picture; otherwise the range has to be found in the picture.
    """

    channels: int
    conversion: int | None
    dtype: type[np.generic] = np.uint8
    rows: Fraction = Fraction(1)
    even: bool = False
    ranged: bool = True


_BAYER = {
    "RGGB": cv2.COLOR_BayerRGGB2BGR,
    "BGGR": cv2.COLOR_BayerBGGR2BGR,
    "GBRG": cv2.COLOR_BayerGBRG2BGR,
    "GRBG": cv2.COLOR_BayerGRBG2BGR,
}
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
    # 16UC1 does not say what its values are: thermal counts of 14 bits, depth in millimetres.
    "16UC1": Encoding(1, cv2.COLOR_GRAY2BGR, np.uint16, ranged=False),
    **{
        f"bayer_{pattern.lower()}{8 * size}": Encoding(1, conversion, dtype)
        for pattern, conversion in _BAYER.items()
        for size, dtype in ((1, np.uint8), (2, np.uint16))
    },
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
    if problem := check_size(width, height):
        return problem
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


def check_size(width: int, height: int) -> str | None:
    """Say what is wrong with a size in pixels, None if nothing is."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return f"size {width}x{height}: each side must be 1 to {MAX_SIDE} px"
    if width * height > MAX_PIXELS:
        return f"size {width}x{height}: more than {MAX_PIXELS} px in all"
    return None


def to_bgr(message: Image) -> NDArray[np.uint8]:
    """H x W x 3 uint8 BGR of a message that :func:`check` found nothing wrong with.

    A bgr8 image is a view of the message's data, not a copy: do not write to it.
    """
    encoding = ENCODINGS[message.encoding]
    pixels = _view(message, encoding)
    if encoding.dtype is np.uint16:
        pixels = _high_bytes(message, pixels) if encoding.ranged else _spread(message, pixels)
    if encoding.conversion is None:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, encoding.conversion), np.uint8)


def image_message(picture: NDArray[np.uint8]) -> Image:
    """H x W x 3 uint8 BGR -> a bgr8 message, without its header."""
    height, width = picture.shape[:2]
    data = array.array("B")  # the one type that every distribution takes without a second copy
    data.frombytes(np.ascontiguousarray(picture).data.cast("B"))
    return Image(height=height, width=width, encoding="bgr8", step=3 * width, data=data)


def _view(message: Image, encoding: Encoding) -> NDArray[np.uint8]:
    """Rows x bytes (or rows x width x channels) view of the data, without what pads each row."""
    rows = int(message.height * encoding.rows)
    data = np.frombuffer(message.data, np.uint8, count=rows * message.step)
    row = message.width * encoding.channels * np.dtype(encoding.dtype).itemsize
    pixels = data.reshape(rows, message.step)[:, :row]
    if encoding.channels == 1:
        return pixels
    return pixels.reshape(rows, message.width, encoding.channels)


def _high_bytes(message: Image, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The more significant byte of each 16-bit value: rows x values."""
    pairs = pixels.reshape(len(pixels), -1, 2)
    return np.asarray(cv2.extractChannel(pairs, 0 if message.is_bigendian else 1), np.uint8)


def _spread(message: Image, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Spread 16-bit values over 0 to 255, but for the darkest and the brightest percent.

    The percentiles are of each eighth row and column: of 4800 values in a VGA image.
    """
    wide = np.ascontiguousarray(pixels).view(">u2" if message.is_bigendian else "<u2")
    values = wide.astype(np.uint16, copy=False)
    low, high = np.percentile(values[::8, ::8], (1, 99)).astype(np.uint16)
    scale = 255.0 / max(int(high) - int(low), 1)
    return np.asarray(cv2.convertScaleAbs(np.clip(values, low, high) - low, alpha=scale), np.uint8)

"""Decoding of sensor_msgs/Image.

ROS does not ensure that an image message is consistent. :func:`check` states what a message must
satisfy, and the other functions rely on it. A bgr8 image is used as it lies in the message; other
encodings are converted once, by OpenCV. Encodings that are not in the table here are left to
cv_bridge, where it is installed.
"""

import array
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from siamdw_ros.node.decoding import cv_bridge_encodings
from siamdw_ros.ros.abridge import abridge

MAX_SIDE = 16384  # pixels; a larger side is a corrupt message
MAX_PIXELS = 2**26  # 67 million: 200 MB as BGR

# From values of any number type to uint8 of the same shape; see ValueRange.to_bytes.
ToBytes: TypeAlias = Callable[[NDArray[Any]], NDArray[np.uint8]]


class UndecodableError(ValueError):
    """The message passed the check, but its data is damaged inside."""


@dataclass(frozen=True)
class Encoding:
    """How pixels lie in memory.

    Attributes:
        channels: Values per pixel.
        conversion: OpenCV's code for the conversion to BGR, or None if the pixels are BGR.
        dtype: Type of a value.
        rows: Stored rows per row of pixels. More than 1 if chroma planes follow.
        even_width: Whether the width must be even.
        even_height: Whether the height must be even.
    """

    channels: int
    conversion: int | None
    dtype: type[np.generic] = np.uint8
    rows: Fraction = Fraction(1)
    even_width: bool = False
    even_height: bool = False


_BAYER = {
    "RGGB": cv2.COLOR_BayerRGGB2BGR,
    "BGGR": cv2.COLOR_BayerBGGR2BGR,
    "GBRG": cv2.COLOR_BayerGBRG2BGR,
    "GRBG": cv2.COLOR_BayerGRBG2BGR,
}
_UYVY = Encoding(2, cv2.COLOR_YUV2BGR_UYVY, even_width=True)
_YUYV = Encoding(2, cv2.COLOR_YUV2BGR_YUY2, even_width=True)


def _half_chroma(conversion: int) -> Encoding:
    return Encoding(1, conversion, rows=Fraction(3, 2), even_width=True, even_height=True)


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
    "16UC1": Encoding(1, cv2.COLOR_GRAY2BGR, np.uint16),
    "bgr16": Encoding(3, None, np.uint16),
    "rgb16": Encoding(3, cv2.COLOR_RGB2BGR, np.uint16),
    # The conversions of bgra16 and rgba16 are those without alpha: see to_bgr.
    "bgra16": Encoding(4, None, np.uint16),
    "rgba16": Encoding(4, cv2.COLOR_RGB2BGR, np.uint16),
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
    "nv12": _half_chroma(cv2.COLOR_YUV2BGR_NV12),
    "nv21": _half_chroma(cv2.COLOR_YUV2BGR_NV21),
}


def check(message: Image) -> str | None:
    """Return what is wrong with a message, or None. Reads no pixel."""
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        known = cv_bridge_encodings.layout(message.encoding)
        if isinstance(known, str):
            return (
                f"encoding '{abridge(message.encoding)}' is not supported: publish bgr8, rgb8, "
                f"mono8, mono16 or another one of docs/images.md; {known}"
            )
        encoding = Encoding(known.channels, None, known.dtype)
        pixel = known.channels * np.dtype(known.dtype).itemsize
        if message.step % pixel:  # cv_bridge takes step / pixel as the width of a row
            return f"step {message.step} is not a multiple of a pixel's {pixel} bytes"
    width, height, step = message.width, message.height, message.step
    if problem := check_size(width, height):
        return problem
    if encoding.even_width and width % 2:
        return f"size {width}x{height}: {message.encoding} needs an even width"
    if encoding.even_height and height % 2:
        return f"size {width}x{height}: {message.encoding} needs an even height"
    row = width * encoding.channels * np.dtype(encoding.dtype).itemsize
    if step < row:
        return f"step {step} is shorter than a row of {width} {message.encoding} pixels, {row}"
    needed = int(step * height * encoding.rows)
    if len(message.data) < needed:
        return (
            f"data has {len(message.data)} bytes, but {height} rows of step {step} need {needed}"
        )
    return None


def check_size(width: int, height: int) -> str | None:
    """Return what is wrong with a size in pixels, or None."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return f"size {width}x{height}: each side must be 1 to {MAX_SIDE} px"
    if width * height > MAX_PIXELS:
        return f"size {width}x{height}: more than {MAX_PIXELS} px in all"
    return None


def size(message: Image) -> tuple[int, int]:
    """Return the width and height of a message."""
    return message.width, message.height


def to_bgr(message: Image, to_bytes: ToBytes) -> NDArray[np.uint8]:
    """Convert a message that passed :func:`check`.

    A bgr8 image is a view of the message's data, not a copy: do not write to it.

    Args:
        message: The image message.
        to_bytes: Converts values of more than 8 bits.

    Returns:
        H x W x 3, uint8, BGR.

    Raises:
        UndecodableError: cv_bridge cannot convert the message.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        return _bgr_by_cv_bridge(message, to_bytes)
    pixels = _values(message, encoding)
    if encoding.dtype is not np.uint8:
        # Alpha is dropped before the conversion to 8 bits, because its values would count as
        # bright pixels. A Bayer mosaic is converted to 8 bits before it becomes colours, because
        # it has a third of the values then.
        pixels = to_bytes(pixels[..., :3] if encoding.channels == 4 else pixels)
    if encoding.conversion is None:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, encoding.conversion), np.uint8)


def bgr_from_values(values: NDArray[Any], to_bytes: ToBytes) -> NDArray[np.uint8]:
    """Convert H x W or H x W x (1, 3 or 4), grey or BGR, of any number type to H x W x 3 uint8."""
    colours = values[..., :3] if values.ndim == 3 and values.shape[2] > 1 else values
    pixels = colours if colours.dtype == np.uint8 else to_bytes(colours)
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return np.asarray(pixels, np.uint8)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)


def image_message(image: NDArray[Any]) -> Image:
    """Return an image as a message, without its header.

    Args:
        image: H x W x 3, BGR, or H x W, grey; uint8 or uint16.

    Returns:
        The message, with the encoding bgr8, bgr16, mono8 or mono16.
    """
    height, width = image.shape[:2]
    data = array.array("B")  # the one type that every distribution takes without a second copy
    data.frombytes(np.ascontiguousarray(image).data.cast("B"))
    return Image(
        height=height,
        width=width,
        encoding=f"{'bgr' if image.ndim == 3 else 'mono'}{8 * image.itemsize}",
        is_bigendian=int(sys.byteorder == "big"),
        step=len(data) // height,
        data=data,
    )


def _values(message: Image, encoding: Encoding) -> NDArray[Any]:
    """Return rows x width (x channels) values without the padding of each row.

    8-bit values are a view of the message's data.
    """
    dtype = np.dtype(encoding.dtype)
    rows = int(message.height * encoding.rows)
    data = np.frombuffer(message.data, np.uint8, count=rows * message.step)
    row = message.width * encoding.channels * dtype.itemsize
    pixels: NDArray[Any] = data.reshape(rows, message.step)[:, :row]
    if dtype.itemsize > 1:
        sent = dtype.newbyteorder(">" if message.is_bigendian else "<")
        pixels = np.ascontiguousarray(pixels).view(sent).astype(dtype, copy=False)
    if encoding.channels == 1:
        return pixels
    return pixels.reshape(rows, message.width, encoding.channels)


def _bgr_by_cv_bridge(message: Image, to_bytes: ToBytes) -> NDArray[np.uint8]:
    try:
        return bgr_from_values(cv_bridge_encodings.convert(message), to_bytes)
    except Exception as error:  # of NumPy, Boost or OpenCV, depending on cv_bridge's version
        raise UndecodableError(f"cv_bridge cannot convert the image: {error}") from error

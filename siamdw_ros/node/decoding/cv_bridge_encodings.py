"""Encodings that only cv_bridge supports, where cv_bridge is installed.

These are OpenCV's generic types, such as 32FC1 (depth in metres) and 16SC1, and whatever later
versions of cv_bridge learn. The encodings of raw.py do not come here: cv_bridge copies each
image, shears padded rgb8 rows, and fails on big-endian values under NumPy 2.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from siamdw_ros.ros.abridge import MAX_LENGTH, abridge

CHANNELS = 1, 3, 4  # grey, BGR, BGR and alpha


@dataclass(frozen=True)
class Layout:
    """How pixels lie in memory.

    Attributes:
        channels: Values per pixel.
        dtype: Type of a value.
        target: What to ask cv_bridge for: `bgr8`, or `passthrough` if the encoding does not
            define colours.
    """

    channels: int
    dtype: type[np.generic]
    target: str


@functools.cache
def _bridge() -> Any:
    """Return a CvBridge, or the reason why there is none."""
    try:
        from cv_bridge import CvBridge
        from cv_bridge.boost import cv_bridge_boost  # noqa: F401 - loads what is compiled
    except ModuleNotFoundError:
        return "cv_bridge, which converts more encodings, is not installed"
    except Exception as error:  # compiled for another NumPy: issue 535 of vision_opencv
        return f"cv_bridge, which converts more encodings, cannot be loaded: {abridge(str(error))}"
    return CvBridge()


@functools.lru_cache(maxsize=64)
def _layout(encoding: str) -> Layout | str:
    bridge = _bridge()
    if isinstance(bridge, str):
        return bridge
    try:
        name, channels = bridge.encoding_to_dtype_with_channels(encoding)
        dtype = np.dtype(name)
    except Exception:  # CvBridgeError, or a Boost error that it did not foresee
        return "cv_bridge does not know it either"
    if channels not in CHANNELS:
        return f"cv_bridge reads it as {channels} channels, of which no colours can be made"
    pixel = Image(encoding=encoding, width=2, height=2, step=2 * channels * dtype.itemsize)
    pixel.data = bytes(4 * channels * dtype.itemsize)
    try:
        bridge.imgmsg_to_cv2(pixel, "bgr8")
    except Exception:  # "is not a color format"
        return Layout(channels, dtype.type, "passthrough")
    return Layout(channels, dtype.type, "bgr8")


def layout(encoding: str) -> Layout | str:
    """Return how an encoding lies in memory, or why cv_bridge is of no help with it."""
    return _layout(encoding[: MAX_LENGTH + 1])  # still unknown, but it would stay in the cache


def convert(message: Image) -> NDArray[Any]:
    """Convert a message of an encoding that :func:`layout` supports.

    Returns:
        H x W or H x W x channels: uint8 BGR, or the values as they were sent.

    Raises:
        Exception: cv_bridge's own, whatever it is.
    """
    known = layout(message.encoding)
    assert isinstance(known, Layout)
    return np.asarray(_bridge().imgmsg_to_cv2(message, known.target))

"""Image messages and service requests as a broken or hostile sender would make them."""

import functools
import random
from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Duration, Time
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image
from siamdw_msgs.srv import StartTracking, StopTracking
from std_msgs.msg import Header
from vision_msgs.msg import BoundingBox2D

from siamdw_ros.node.decoding.raw import ENCODINGS

UINT32 = st.integers(0, 2**32 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)  # what UTF-8 can hold
FLOATS = st.floats() | st.floats(-100, 800)
SIDES = st.integers(0, 48) | st.sampled_from([16384, 16385, 2**16, 2**31, 2**32 - 1])
HEADERS = st.builds(
    Header,
    stamp=st.builds(Time, sec=INT32, nanosec=UINT32),
    frame_id=TEXT | st.sampled_from(["", "camera"]),
)


def _bytes(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


@st.composite
def sound_images(draw: st.DrawFn) -> Image:
    """Images with nothing wrong: any encoding, small, rows padded or not."""
    name = draw(st.sampled_from(sorted(ENCODINGS)))
    encoding = ENCODINGS[name]
    half_sides = st.integers(1, 24)
    width, height = 2 * draw(half_sides), 2 * draw(half_sides)
    step = width * encoding.channels * np.dtype(encoding.dtype).itemsize + draw(st.integers(0, 9))
    length = int(step * height * encoding.rows) + draw(st.sampled_from([0, 0, 1, 77]))
    return Image(
        header=draw(HEADERS),
        encoding=name,
        width=width,
        height=height,
        step=step,
        is_bigendian=draw(st.integers(0, 1)),
        data=_bytes(draw(UINT32), length),
    )


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Images of which half have some fields that do not fit the others."""
    message = draw(sound_images())
    wrong: dict[str, st.SearchStrategy[Any]] = {
        "encoding": TEXT | st.sampled_from(sorted(ENCODINGS)),
        "width": SIDES,
        "height": SIDES,
        "step": SIDES | UINT32,
        "is_bigendian": st.integers(0, 255),
        "data": st.integers(0, len(message.data)).map(lambda end: message.data[:end]),
    }
    for name in draw(st.just([]) | st.lists(st.sampled_from(sorted(wrong)), max_size=3)):
        setattr(message, name, draw(wrong[name]))
    return message


@functools.cache
def _encoded() -> list[bytes]:
    """JPEG, progressive JPEG and PNG files, gray and in colour, of several sizes."""
    options = [(".jpg", []), (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]), (".png", [])]
    files = []
    for height, width in ((1, 1), (7, 13), (48, 64)):
        picture = np.frombuffer(_bytes(height, height * width * 3), np.uint8)
        picture = picture.reshape(height, width, 3)
        for suffix, parameters in options:
            for shown in (picture, picture[..., 0].copy()):
                files.append(cv2.imencode(suffix, shown, parameters)[1].tobytes())
    return files


@st.composite
def compressed_images(draw: st.DrawFn) -> CompressedImage:
    """JPEG and PNG messages of which most are damaged: cut off, bytes changed, plain noise."""
    data = bytearray(draw(st.sampled_from(_encoded())))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.integers(0, 40))
        match draw(st.sampled_from(["change", "change", "cut off", "take out", "put in"])):
            case "change":
                data[start:end] = _bytes(draw(UINT32), len(data[start:end]))
            case "cut off":
                del data[start:]
            case "take out":
                del data[start:end]
            case _:
                data[start:start] = draw(st.binary(max_size=40))
    formats = st.sampled_from(["jpeg", "png", "bgr8; jpeg compressed bgr8"]) | TEXT
    return CompressedImage(header=draw(HEADERS), format=draw(formats), data=bytes(data))


def _box(x: float, y: float, width: float, height: float, theta: float) -> BoundingBox2D:
    box = BoundingBox2D(size_x=width, size_y=height)
    box.center.position.x, box.center.position.y, box.center.theta = x, y, theta
    return box


# Some are usable; others are not numbers, negative, or out of all bounds.
USABLE = st.floats(50, 400), st.floats(50, 400), st.floats(2, 200), st.floats(2, 200)
BOXES = st.builds(_box, *USABLE, FLOATS) | st.builds(_box, *[FLOATS] * 5)
IDS = TEXT | st.sampled_from(["", "a", "b", "c"]) | st.integers(60, 5000).map("é".__mul__)
START_REQUESTS = st.builds(
    StartTracking.Request,
    header=st.builds(Header) | HEADERS,
    target_id=IDS,
    bbox=BOXES,
    duration=st.builds(Duration) | st.builds(Duration, sec=INT32, nanosec=UINT32),
)
STOP_REQUESTS = st.builds(StopTracking.Request, target_id=IDS)

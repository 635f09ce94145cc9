"""Frames of a clip: a video file, a folder of images, the URL of a stream, or a camera device."""

import contextlib
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.node.decoding.raw import bgr_from_values
from siamdw_ros.node.decoding.value_range import ValueRange
from siamdw_ros.siamdw.crops import Image

Source: TypeAlias = str | Path
Frame: TypeAlias = NDArray[Any]  # H x W x 3, BGR, or H x W, grey; uint8 or uint16

DEFAULT_RATE = 30.0  # frames per second
READ_AHEAD = 8  # frames
REORDERED = 8  # frames that are held to put their times in order


class TimedFrame(NamedTuple):
    """A frame and when it was taken.

    image: as it is stored. seconds: from the beginning of a file or folder; for a live source, the
    time of this machine.
    """

    image: Frame
    seconds: float


def read_clip(source: Source) -> Iterator[Image]:
    """Yield the frames of a clip: H x W x 3, uint8, BGR.

    16-bit images are converted as the node converts those of a camera.

    Raises:
        FileNotFoundError: OpenCV can read nothing there.
    """
    camera = ValueRange()
    for index, frame in enumerate(read_frames(source)):
        yield bgr_from_values(frame, partial(camera.to_bytes, arrived=index / DEFAULT_RATE))


def read_frames(source: Source) -> Iterator[Frame]:
    """Yield the frames of a clip as they are stored.

    Raises:
        FileNotFoundError: OpenCV can read nothing there.
    """
    for frame, _ in _read(source):
        yield frame


def read_timed(source: Source, rate: float | None = None) -> Iterator[TimedFrame]:
    """Yield the frames of a clip with their times, which increase.

    Args:
        source: Of the frames.
        rate: Frames per second of a folder, and of a video without times; None: the video's own.

    Raises:
        FileNotFoundError: OpenCV can read nothing there.
    """
    if is_live(source):
        yield from (TimedFrame(frame, time.time()) for frame in read_frames(source))
        return
    step = 1 / (rate or frame_rate(source))
    seconds = -step
    frames: deque[Frame] = deque()
    # In an MP4 without composition times the frames come in their order, but each with the time
    # of the packet that was decoded then.
    positions: list[float] = []

    def timed() -> TimedFrame:
        nonlocal seconds
        position = heappop(positions) if positions else seconds
        seconds = position if position > seconds else seconds + step
        return TimedFrame(frames.popleft(), seconds)

    for index, (frame, position) in enumerate(_read(source)):
        frames.append(frame)
        if position > 0 or index == 0:  # later, 0 is a frame without a time
            heappush(positions, position)
        if len(frames) > REORDERED:
            yield timed()
    while frames:
        yield timed()


def _read(source: Source) -> Iterator[tuple[Frame, float]]:
    """Yield each frame as it is stored, and its time in the video in seconds; 0 if unknown."""
    if is_live(source) or not Path(source).is_dir():
        yield from _read_video(source)
        return
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    for path in _images(Path(source)):
        image = cv2.imread(str(path), flags)
        if image is None or image.dtype not in (np.uint8, np.uint16):
            raise FileNotFoundError(f"{path}: no image of 8 or 16 bits that OpenCV can read")
        yield image, 0.0


def frame_rate(source: Source, default: float = DEFAULT_RATE) -> float:
    """Return the frames per second that a video states, else a default."""
    if is_live(source) or not Path(source).is_file():
        return default
    rate = cv2.VideoCapture(str(source)).get(cv2.CAP_PROP_FPS)
    return float(rate) if 0 < rate < 1000 else default


def frame_count(source: Source) -> int:
    """Return the number of frames that a video file states, or of images in a folder.

    0 for a live source, and for a video that does not state it.
    """
    if is_live(source):
        return 0
    if Path(source).is_dir():
        return len(_images(Path(source)))
    count = int(cv2.VideoCapture(str(source)).get(cv2.CAP_PROP_FRAME_COUNT))
    return max(count, 0)


def is_live(source: Source) -> bool:
    """Whether frames come at a rate of their own: from a URL, a device or a device's number."""
    name = str(source)
    return "://" in name or name.isdecimal() or name.startswith("/dev/")


def _read_video(source: Source) -> Iterator[tuple[Frame, float]]:
    name = str(source)
    if not is_live(source) and not Path(source).exists():
        raise FileNotFoundError(f"{name}: there is no such file or folder")
    # A device by its number; OpenCV does not take /dev/video0 with each of its backends.
    device = name.removeprefix("/dev/video")
    video = cv2.VideoCapture(int(device)) if device.isdecimal() else cv2.VideoCapture(name)
    try:
        if not video.isOpened():
            raise FileNotFoundError(f"{name}: no video that OpenCV can read")
        while True:
            there, frame = video.read()
            if not there:
                return
            yield frame, video.get(cv2.CAP_PROP_POS_MSEC) * 1e-3  # of the frame that was read
    finally:
        video.release()


def _images(folder: Path) -> list[Path]:
    """Return the images of a folder in natural order: 2.png before 10.png.

    Raises:
        FileNotFoundError: There is none.
    """
    files = sorted(folder.iterdir(), key=lambda path: natural_order(path.name))
    images = [path for path in files if path.is_file() and cv2.haveImageReader(str(path))]
    if not images:
        raise FileNotFoundError(f"{folder}: no image in this folder that OpenCV can read")
    return images


def natural_order(name: str) -> list[str | int]:
    """Return what sorts names as people count: rec_2 before rec_10."""
    # Text and numbers alternate, so that like is compared with like.
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


class ReadAhead:
    """Reads a clip in a thread of its own, a few frames ahead of those that are taken.

    So decoding takes no time from the one who takes the frames, and memory does not grow with
    the length of the clip. Of a live source only the newest frame is held.

    Args:
        source: Of the frames.
        loop: Begin again at the end.
        rate: See :func:`read_timed`.
    """

    def __init__(self, source: Source, loop: bool = False, rate: float | None = None) -> None:
        self._source = source
        self._loop = loop
        self._rate = rate
        self._live = is_live(source)
        self._frames: queue.Queue[TimedFrame | Exception | None] = queue.Queue(
            1 if self._live else READ_AHEAD
        )
        self._closed = threading.Event()
        # A daemon: a stream whose server is silent may hold it up for minutes.
        self._thread = threading.Thread(target=self._read, name="clip_reader", daemon=True)
        self._thread.start()

    def take(self, timeout: float) -> TimedFrame | None:
        """Return the next frame, or None after the last.

        Args:
            timeout: Seconds to wait for it; 0 to return at once.

        Raises:
            queue.Empty: There is no frame yet.
            FileNotFoundError: OpenCV can read nothing there.
        """
        item = self._frames.get(timeout > 0, timeout or None)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        """End the thread, if it does not hang in the source."""
        self._closed.set()
        self._thread.join(1.0)

    def _read(self) -> None:
        try:
            while True:
                for frame in read_timed(self._source, self._rate):
                    self._put(frame)
                    if self._closed.is_set():
                        return
                if not self._loop:
                    break
        except Exception as error:  # raised again for the one who takes the frames
            self._put(error)
        self._put(None)

    def _put(self, item: TimedFrame | Exception | None) -> None:
        while not self._closed.is_set():
            if self._live:
                with contextlib.suppress(queue.Empty):
                    self._frames.get_nowait()
            with contextlib.suppress(queue.Full):
                self._frames.put(item, timeout=0.1)
                return


def silence_opencv() -> None:
    """Keep OpenCV and FFmpeg from writing to the console what is reported in one line."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(0)

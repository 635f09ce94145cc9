"""The frames of a sequence, encoded until they are asked for: image files, zips and videos."""

import itertools
import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Image

IMAGES = {".jpg", ".jpeg", ".png", ".bmp"}
Indices = NDArray[np.integer]


class UnreadableImageError(ValueError):
    """These bytes are not an image that OpenCV can read."""


def decode(encoded: bytes, flags: int = cv2.IMREAD_COLOR) -> Image:
    """Decode an image: H x W x 3 BGR (or as `flags` ask), uint8.

    Raises:
        UnreadableImageError: these bytes are not an image that OpenCV can read.
    """
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags) if encoded else None
    if image is None:
        raise UnreadableImageError("not an image that OpenCV can read")
    return np.asarray(image)


class Frames(ABC):
    """Encoded images by index, read from the disk when asked for."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int, /) -> bytes: ...

    @abstractmethod
    def take(self, chosen: Indices) -> "Frames":
        """Return the frames with these indices only."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Return what to call a frame in messages."""

    def read(self, step: int = 1) -> Iterator[Image]:
        """Yield every `step`-th frame, H x W x 3, uint8, BGR.

        Raises:
            UnreadableImageError: one of them is not an image.
        """
        for index in range(0, len(self), step):
            try:
                yield decode(self[index])
            except UnreadableImageError as error:
                raise UnreadableImageError(f"{self.name(index)}: {error}") from error


@dataclass(frozen=True)
class Numbered(Sequence[str]):
    """Names that follow from numbers, without a string for each of a million frames.

    Attributes:
        pattern: as {:08d}.jpg.
        numbers: N.
    """

    pattern: str
    numbers: Indices

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]  # no slices needed
        return self.pattern.format(self.numbers[index])


def numbered(pattern: str, first: int, count: int) -> Numbered:
    """Return `count` names, numbered from `first` on."""
    return Numbered(pattern, np.arange(first, first + count, dtype=np.int32))


def _chosen(names: Sequence[str], chosen: Indices) -> Sequence[str]:
    if isinstance(names, Numbered):
        return Numbered(names.pattern, names.numbers[chosen])
    return [names[i] for i in chosen]


@dataclass(frozen=True)
class FrameFiles(Frames):
    """Image files of a folder, by name."""

    folder: Path
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> bytes:
        return (self.folder / self.names[index]).read_bytes()

    def take(self, chosen: Indices) -> "FrameFiles":
        """Return the frames with these indices only."""
        return replace(self, names=_chosen(self.names, chosen))

    def name(self, index: int) -> str:
        """Return the path of a frame."""
        return str(self.folder / self.names[index])


@dataclass(frozen=True)
class ZippedFrames(Frames):
    """Image files inside a zip."""

    archive: Path
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> bytes:
        return _open_zip(self.archive, os.getpid()).read(self.names[index])

    def take(self, chosen: Indices) -> "ZippedFrames":
        """Return the frames with these indices only."""
        return replace(self, names=_chosen(self.names, chosen))

    def name(self, index: int) -> str:
        """Return the path of a frame."""
        return str(self.archive / self.names[index])


@dataclass(frozen=True)
class VideoFrames(Frames):
    """Frames of a video file, by number; given as BMP, which costs next to nothing to decode.

    Attributes:
        path: of the video.
        numbers: N, which frames; None: all.
    """

    path: Path
    numbers: Indices | None = None

    def __len__(self) -> int:
        if self.numbers is not None:
            return len(self.numbers)
        return int(open_video(self.path).get(cv2.CAP_PROP_FRAME_COUNT))

    def __getitem__(self, index: int) -> bytes:
        number = index if self.numbers is None else int(self.numbers[index])
        video = _open_video(self.path, os.getpid())
        if video.get(cv2.CAP_PROP_POS_FRAMES) != number:
            video.set(cv2.CAP_PROP_POS_FRAMES, number)
        read, image = video.read()
        if not read:
            raise OSError(f"{self.path}: frame {number} cannot be read")
        return cv2.imencode(".bmp", image)[1].tobytes()

    def take(self, chosen: Indices) -> "VideoFrames":
        """Return the frames with these indices only."""
        return replace(self, numbers=chosen if self.numbers is None else self.numbers[chosen])

    def name(self, index: int) -> str:
        """Return the video and the number of a frame."""
        return f"{self.path}, frame {index if self.numbers is None else self.numbers[index]}"

    def read(self, step: int = 1) -> Iterator[Image]:
        """Yield every `step`-th frame; of the whole video without seeking in it."""
        if self.numbers is not None:
            yield from super().read(step)
            return
        video = open_video(self.path)
        for index in itertools.count():
            if not video.grab():
                return
            if index % step == 0:
                yield np.asarray(video.retrieve()[1], np.uint8)


def open_video(path: Path) -> cv2.VideoCapture:
    """Open a video file.

    Raises:
        FileNotFoundError: OpenCV cannot open it.
    """
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise FileNotFoundError(f"{path}: no video that OpenCV can read")
    return video


# Once per process: an open file cannot be shared with a forked worker.
@lru_cache(maxsize=4)
def _open_video(path: Path, _process: int) -> cv2.VideoCapture:
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "8")  # seeking makes it complain for nothing
    return open_video(path)


@lru_cache(maxsize=16)
def _open_zip(path: Path, _process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)

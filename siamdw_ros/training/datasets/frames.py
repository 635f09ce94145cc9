"""Pictures of a video that stay on disk, encoded, until they are asked for."""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.integer]


class Frames(Protocol):
    """Encoded pictures by index, read when asked for; a plain list is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> bytes: ...


@dataclass(frozen=True)
class PatternFrames:
    """Files whose names follow from their numbers, as /data/video/{:08d}.jpg."""

    pattern: str
    numbers: Numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> bytes:
        return Path(self.pattern.format(self.numbers[index])).read_bytes()


@dataclass(frozen=True)
class ListedFrames:
    """Files of a folder, by name."""

    folder: Path
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> bytes:
        return (self.folder / self.names[index]).read_bytes()


@dataclass(frozen=True)
class FilmFrames:
    """Frames of a film file, by number; given as BMP, which costs next to nothing to decode."""

    film: Path
    numbers: Numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> bytes:
        number = int(self.numbers[index])
        film = _open_film(self.film, os.getpid())
        if film.get(cv2.CAP_PROP_POS_FRAMES) != number:
            film.set(cv2.CAP_PROP_POS_FRAMES, number)
        read, image = film.read()
        if not read:
            raise OSError(f"{self.film}: frame {number} cannot be read")
        return cv2.imencode(".bmp", image)[1].tobytes()


@lru_cache(maxsize=4)
def _open_film(path: Path, _process: int) -> cv2.VideoCapture:
    """Open a film once a process: an open one cannot be shared with a forked worker."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "8")  # seeking makes it complain for nothing
    film = cv2.VideoCapture(str(path))
    if not film.isOpened():
        raise OSError(f"{path}: OpenCV cannot open this film")
    return film

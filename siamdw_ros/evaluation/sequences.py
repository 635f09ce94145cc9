"""An annotated sequence: its pictures, wherever they lie, and the target's box in each."""

import itertools
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Box, Image

Form = Literal["otb", "got10k", "vot"]
Boxes = NDArray[np.float64]
PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}


class Frames(Protocol):
    """Where pictures come from; each is H x W x 3, uint8, BGR."""

    def read(self, step: int) -> Iterator[Image]:
        """Yield every `step`-th picture from the first on."""
        ...


@dataclass(frozen=True)
class PictureFiles:
    """Pictures that are files of their own."""

    paths: tuple[Path, ...]

    def read(self, step: int) -> Iterator[Image]:
        """Yield every `step`-th picture."""
        for path in self.paths[::step]:
            yield _decoded(np.fromfile(path, np.uint8), path)


@dataclass(frozen=True)
class ZippedPictures:
    """Pictures inside a zip."""

    archive: Path
    names: tuple[str, ...]

    def read(self, step: int) -> Iterator[Image]:
        """Yield every `step`-th picture."""
        with zipfile.ZipFile(self.archive) as archive:
            for name in self.names[::step]:
                encoded = np.frombuffer(archive.read(name), np.uint8)
                yield _decoded(encoded, self.archive / name)


@dataclass(frozen=True)
class VideoFile:
    """The frames of a video, as decoded one after the other."""

    path: Path

    def read(self, step: int) -> Iterator[Image]:
        """Yield every `step`-th frame."""
        video = cv2.VideoCapture(str(self.path))
        if not video.isOpened():
            raise ValueError(f"{self.path}: no video that OpenCV can read")
        for index in itertools.count():
            if not video.grab():
                return
            if index % step == 0:
                yield np.asarray(video.retrieve()[1], np.uint8)


def _decoded(encoded: NDArray[np.uint8], name: Path) -> Image:
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if image is None:
        raise ValueError(f"{name}: not a picture that OpenCV can read")
    return np.asarray(image, np.uint8)


@dataclass(frozen=True)
class Sequence:
    """One target through one film.

    name: as its benchmark calls it. frames: the pictures. boxes: N x 4, (x, y, w, h) in 0-based
    pixels, nan in frames where the target is absent. form: the benchmark whose result files its
    results are written as. polygons: N x 4 x 2, corners, where the benchmark annotates those.
    attributes: name -> N, in which frames it holds (in all, where it is given for the sequence).
    hidden: only the first box is public, as in GOT-10k's test set. step: every which frame is
    taken; `boxes`, `polygons` and `attributes` are already thinned.
    """

    name: str
    frames: Frames
    boxes: Boxes
    form: Form = "otb"
    polygons: Boxes | None = None
    attributes: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    hidden: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        if not len(self.boxes) or not np.isfinite(self.boxes[0]).all():
            raise ValueError(f"{self.name}: the first frame needs a box to start from")

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def start(self) -> Box:
        """The box on the first frame."""
        x, y, w, h = self.boxes[0].tolist()
        return x, y, w, h

    @property
    def visible(self) -> NDArray[np.bool_]:
        """N, in which frames the target is annotated as present."""
        return np.asarray(np.isfinite(self.boxes).all(axis=1))

    def images(self) -> Iterator[Image]:
        """Yield the picture of each box.

        Raises:
            ValueError: there are fewer or more pictures than boxes, or one cannot be read.
        """
        count = 0
        for image in self.frames.read(self.step):
            count += 1
            if count > len(self):
                break
            yield image
        if count != len(self):
            more = "more" if count > len(self) else f"only {count}"
            raise ValueError(f"{self.name}: {len(self)} boxes for {more} pictures")

    def thinned(self, step: int) -> "Sequence":
        """Take every `step`-th frame only, as a robot does that is slower than its camera."""
        return replace(
            self,
            boxes=self.boxes[::step],
            polygons=None if self.polygons is None else self.polygons[::step],
            attributes={name: mask[::step] for name, mask in self.attributes.items()},
            step=self.step * step,
        )

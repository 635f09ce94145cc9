"""Training material of the box head, decoded once into arrays of one size.

A scene is a view of an image with a box in it, shrunk so that the target has at most 88 px; scenes
of one track show the same target. A cut-out is an object with transparency. Both lie in memory as
uint8, on the CPU or the GPU, so that a batch of pairs is drawn by indexing.
"""

import contextlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.evaluation.annotations import parse_file_boxes
from siamdw_ros.siamdw.crops import Box, Image

SCENE = 288  # px, side of a stored scene
CUTOUT = 160  # px, side of a stored cut-out
MAX_TARGET = 88.0  # px, longest side of a target in its scene
MARGIN = 2.2  # target sizes that a scene shows on each side
MIN_TARGET = 4.0  # px
MIN_CUTOUT = 12  # px, shorter side
MIN_FILLED = 0.15  # share of a cut-out that is not transparent


class Scene(NamedTuple):
    """One view of a target.

    image: h x w x 3 uint8 BGR, at most 288 px a side. box: x, y, w, h in its pixels.
    """

    image: Image
    box: NDArray[np.float32]


@dataclass(frozen=True)
class SceneBank:
    """Scenes of many targets.

    Attributes:
        pixels: N x 288 x 288 x 3 uint8 BGR; a smaller view lies in the upper left corner.
        sizes: N x 2, width and height of each view.
        boxes: N x 4, x, y, w, h.
        fills: N x 3, mean colours.
        tracks: N, which target it is; scenes of a track are adjacent.
    """

    pixels: Tensor
    sizes: Tensor
    boxes: Tensor
    fills: Tensor
    tracks: Tensor

    def to(self, device: torch.device) -> "SceneBank":
        """Move all of it."""
        return SceneBank(*(value.to(device) for value in vars(self).values()))

    def __len__(self) -> int:
        return len(self.tracks)


def scene_bank(tracks: Iterable[Sequence[Scene]]) -> SceneBank:
    """Put the scenes of tracks into one bank; a track of a single scene is a photograph."""
    numbered = [(number, scene) for number, track in enumerate(tracks) for scene in track]
    if not numbered:
        raise ValueError("no scenes: the sources hold no image with a box")
    pixels = np.zeros((len(numbered), SCENE, SCENE, 3), np.uint8)
    for place, (_, scene) in zip(pixels, numbered, strict=True):
        height, width = scene.image.shape[:2]
        place[:height, :width] = scene.image
    return SceneBank(
        torch.from_numpy(pixels),
        torch.tensor([s.image.shape[1::-1] for _, s in numbered], dtype=torch.float32),
        torch.from_numpy(np.stack([s.box for _, s in numbered])),
        torch.tensor([cv2.mean(s.image)[:3] for _, s in numbered], dtype=torch.float32),
        torch.tensor([number for number, _ in numbered]),
    )


def view_of(image: Image, box: NDArray[np.float32]) -> Scene | None:
    """Cut an image around a box and shrink it until the target is small enough.

    Args:
        image: H x W x 3 uint8 BGR.
        box: x, y, w, h in its pixels.

    Returns:
        The view, or None if the target is too small or has no extent inside the image.
    """
    x, y, w, h = box
    if not (np.isfinite(box).all() and min(w, h) >= MIN_TARGET):
        return None
    reach = MARGIN * max(w, h)
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    right, bottom = int(x + w + reach), int(y + h + reach)
    part: Image = image[top:bottom, left:right]
    if min(part.shape[:2]) < 8:
        return None
    zoom = min(1.0, MAX_TARGET / max(w, h), SCENE / max(part.shape[:2]))
    if zoom < 1:
        size = [max(8, round(side * zoom)) for side in part.shape[1::-1]]
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Scene(part, np.array([x - left, y - top, w, h], np.float32) * zoom)


def read_track(path: Path) -> list[Scene]:
    """Read a zip archive of images with a `groundtruth.csv` (file,x,y,w,h)."""
    with opened(path) as archive:
        return list(_scenes(boxes_in(archive, "groundtruth.csv"), archive.read))


def read_stills(path: Path) -> list[list[Scene]]:
    """Read a zip archive of photographs with a `boxes.csv`; each box is a track of one scene."""
    with opened(path) as archive:
        return [[scene] for scene in _scenes(boxes_in(archive, "boxes.csv"), archive.read)]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[ZipFile]:
    """Open a zip archive for reading.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, no zip archive, or lacks a file that is asked for.
    """
    try:
        with ZipFile(path) as archive:
            yield archive
    except (BadZipFile, KeyError, zlib.error) as error:
        raise ValueError(f"{path}: {error.args[0]}") from error


def boxes_in(archive: ZipFile, name: str) -> list[tuple[str, Box]]:
    """Read the image and the box of each line of a csv file (file,x,y,w,h) in a zip archive.

    Raises:
        KeyError: there is no such csv file.
        ValueError: it lacks a column or a number.
    """
    return parse_file_boxes(archive.read(name).decode(), f"{archive.filename}: {name}")


def images_in(archive: ZipFile) -> list[str]:
    """Return the names of the images in a zip archive, sorted."""
    names = sorted(archive.namelist())
    return [name for name in names if name.lower().endswith((".jpg", ".jpeg", ".png", ".webp"))]


def _scenes(boxes: Iterable[tuple[str, Box]], read: Callable[[str], bytes]) -> Iterator[Scene]:
    name, image = "", None
    for file, box in boxes:
        if file != name:
            name = file
            image = decode(read(name))
        scene = None if image is None else view_of(image, np.array(box, np.float32))
        if scene is not None:
            yield scene


def decode(data: bytes, flags: int = cv2.IMREAD_COLOR) -> Image | None:
    """Decode an image file; None if it is damaged."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return None if image is None else np.asarray(image, np.uint8)


def read_photographs(path: Path) -> list[list[Scene]]:
    """Read all images of a zip archive, shrunk to 288 px; the box of each is the whole image."""
    scenes = []
    with opened(path) as archive:
        for name in images_in(archive):
            image = decode(archive.read(name))
            if image is not None:
                image = shrunk(image, SCENE)
                whole = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
                scenes.append([Scene(image, whole)])
    return scenes


def shrunk(image: Image, side: int) -> Image:
    """Shrink an image until neither side is longer than `side`."""
    zoom = side / max(image.shape[:2])
    if zoom >= 1:
        return image
    size = [max(2, round(length * zoom)) for length in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True)
class CutoutBank:
    """Objects with transparency.

    Attributes:
        pixels: N x 160 x 160 x 4 uint8 BGRA, the object in the middle.
        classes: N, objects of one class look alike.
    """

    pixels: Tensor
    classes: Tensor

    def to(self, device: torch.device) -> "CutoutBank":
        """Move all of it."""
        return CutoutBank(self.pixels.to(device), self.classes.to(device))

    def __len__(self) -> int:
        return len(self.classes)


def cutout_bank(objects: Sequence[tuple[str, Image]]) -> CutoutBank:
    """Put objects, each with the name of its class, into one bank."""
    if not objects:
        raise ValueError("no cut-outs: the sources hold no image with an alpha channel")
    pixels = np.zeros((len(objects), CUTOUT, CUTOUT, 4), np.uint8)
    for place, (_, image) in zip(pixels, objects, strict=True):
        height, width = image.shape[:2]
        top, left = (CUTOUT - height) // 2, (CUTOUT - width) // 2
        place[top : top + height, left : left + width] = image
    known = sorted({name for name, _ in objects})
    classes = torch.tensor([known.index(name) for name, _ in objects])
    return CutoutBank(torch.from_numpy(pixels), classes)


def read_cutouts(path: Path) -> Iterator[tuple[str, Image]]:
    """Read a zip archive of images with an alpha channel; the others in it are skipped.

    Yields:
        The class, which is the file's name up to the first underscore, and h x w x 4 uint8 BGRA,
        at most 156 px a side.
    """
    with opened(path) as archive:
        for name in sorted(archive.namelist()):
            image = (
                None if name.endswith("/") else decode(archive.read(name), cv2.IMREAD_UNCHANGED)
            )
            if image is None or image.ndim != 3 or image.shape[2] != 4:
                continue
            image = shrunk(image, CUTOUT - 4)
            if min(image.shape[:2]) >= MIN_CUTOUT and (image[..., 3] > 127).mean() >= MIN_FILLED:
                yield Path(name).name.partition("_")[0], image

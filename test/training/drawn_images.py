"""Small images to train on: made, not photographed."""

import weakref
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np


def textured(seed: int, height: int = 200, width: int = 260) -> np.ndarray:
    """Make an image with structure at every scale: H x W x 3."""
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3))
    for cells in (4, 16, 64):
        noise = rng.uniform(0, 255, (cells, cells, 3))
        image += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) / 3
    return image.clip(0, 255).astype(np.uint8)


def encoded(image: np.ndarray, extension: str = ".png") -> bytes:
    """Encode an image."""
    return cv2.imencode(extension, image)[1].tobytes()


def photographs(count: int = 4) -> list[bytes]:
    """Make encoded images."""
    return [encoded(textured(seed)) for seed in range(count)]


def write_sequence(path: Path, rows: list[str], frames: int = 3) -> Path:
    """Write a zip of frames with a groundtruth.csv."""
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(frames):
            archive.writestr(f"{index:06d}.jpg", encoded(textured(index), ".jpg"))
        archive.writestr("groundtruth.csv", "\n".join(["file,x,y,w,h", *rows]))
    return path


def observed(images: Iterable[np.ndarray], alive: list[int]) -> Iterator[np.ndarray]:
    """Yield copies of images; append each time how many of them are still held."""
    made: list[weakref.ref[np.ndarray]] = []
    for image in images:
        copy = image.copy()
        made = [*(one for one in made if one() is not None), weakref.ref(copy)]
        alive.append(len(made))
        yield copy

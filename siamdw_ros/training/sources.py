"""Where training images come from: photographs, and cut-outs with alpha.

Images are kept as encoded bytes and decoded when drawn: a thousand photographs take some tens
of megabytes, and every worker process shares them.
"""

import logging
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from siamdw_ros.evaluation.frames import IMAGES, UnreadableImageError, decode
from siamdw_ros.siamdw.crops import Image

log = logging.getLogger(__name__)


def read_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file of a folder (recursively) or a zip, sorted by name.

    Raises:
        FileNotFoundError: there is neither a folder nor a zip at `path`.
    """
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            yield str(file.relative_to(path)), file.read_bytes()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                yield name, archive.read(name)
    else:
        raise FileNotFoundError(f"{path}: neither a folder nor a zip file")


def read_photographs(paths: list[Path]) -> list[bytes]:
    """Collect the encoded images of folders and zips."""
    return [
        content
        for path in paths
        for name, content in read_files(path)
        if Path(name).suffix.lower() in IMAGES
    ]


def draw_photograph(encoded: Sequence[bytes], rng: np.random.Generator) -> Image:
    """Draw one of several encoded images, every second time mirrored: H x W x 3 BGR.

    Raises:
        UnreadableImageError: it cannot be decoded.
    """
    image = decode(encoded[int(rng.integers(len(encoded)))])
    return np.ascontiguousarray(image[:, ::-1]) if rng.random() < 0.5 else image


def read_cutouts(paths: list[Path], max_side: int = 192) -> list[Image]:
    """Collect images that have transparency, cropped to what is visible: h x w x 4, BGRA."""
    cutouts = []
    for path in paths:
        for name, content in read_files(path):
            if Path(name).suffix.lower() != ".png":
                continue
            try:
                image = decode(content, cv2.IMREAD_UNCHANGED)
            except UnreadableImageError as error:
                log.warning("%s: %s left out: %s", path, name, error)
                continue
            transparent = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 4
            if transparent and image[..., 3].min() < 128:
                cutouts.append(_visible_part(image, max_side))
    return [cutout for cutout in cutouts if min(cutout.shape[:2]) >= 16]


def _visible_part(image: Image, max_side: int) -> Image:
    ys, xs = np.nonzero(image[..., 3] > 128)
    if not len(ys):
        return image[:0, :0]
    image = image[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    zoom = min(1.0, max_side / max(image.shape[:2]))
    size = tuple(max(1, round(zoom * side)) for side in image.shape[1::-1])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

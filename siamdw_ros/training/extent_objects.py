"""Images with one object each, for the training of the extent network.

Four kinds: photographs with boxes; video that was cut around its target; whole frames of video;
and objects with transparency that are pasted on photographs.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.evaluation.frames import ZippedFrames, decode
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.training.box_bank import boxes_in, images_in, opened, read_cutouts, shrunk

PASTED_SIZES = (12.0, 200.0)  # sqrt(width * height) of a pasted object in pixels
BACKGROUND_SIDE = 480  # pixels, the longest of a photograph that objects are pasted on
MAX_DISTRACTORS = 2


class Sample(NamedTuple):
    """An object in an image.

    image: H x W x 3, uint8, BGR. box: of the object, (x, y, w, h) in pixels of the image.
    others: boxes of other objects. cut: the image ends near the object because it was cropped.
    """

    image: Image
    box: Box
    others: tuple[Box, ...] = ()
    cut: bool = False


Draw = Callable[[np.random.Generator], Sample]


def still_objects(paths: Sequence[Path]) -> Draw:
    """Draw from zips of photographs with a `boxes.csv` (file,x,y,w,h), every box as likely."""
    images = [image for path in paths for image in _annotated_stills(path)]
    counts = np.array([len(boxes) for _, _, boxes in images])

    def draw(rng: np.random.Generator) -> Sample:
        frames, index, boxes = images[int(rng.choice(len(images), p=counts / counts.sum()))]
        chosen = int(rng.integers(len(boxes)))
        others = tuple(box for number, box in enumerate(boxes) if number != chosen)
        return Sample(decode(frames[index]), boxes[chosen], others)

    return draw


def _annotated_stills(path: Path) -> list[tuple[ZippedFrames, int, list[Box]]]:
    boxes: dict[str, list[Box]] = {}
    with opened(path) as archive:
        for name, (x, y, w, h) in boxes_in(archive, "boxes.csv"):
            boxes.setdefault(name, []).append((x, y, w, h))
    frames = ZippedFrames(path, list(boxes))
    return [(frames, index, boxes[name]) for index, name in enumerate(frames.names)]


def sequence_objects(paths: Sequence[Path], *, cut: bool) -> Draw:
    """Draw frames with their annotation; every sequence is as likely as any other.

    Args:
        paths: sequences, as `find_sequences` reads them.
        cut: each frame was cut around its target.
    """
    sequences = [sequence for path in paths for sequence in find_sequences(path)]

    def draw(rng: np.random.Generator) -> Sample:
        sequence = sequences[int(rng.integers(len(sequences)))]
        index = int(rng.choice(np.flatnonzero(sequence.visible)))
        x, y, w, h = sequence.boxes[index].tolist()
        return Sample(decode(sequence.frames[index]), (x, y, w, h), cut=cut)

    return draw


def pasted_objects(cutouts: Sequence[Path], photographs: Sequence[Path]) -> Draw:
    """Draw objects with transparency, pasted on photographs beside up to two others."""
    objects = [image for path in cutouts for _, image in read_cutouts(path)]
    backgrounds = [_photographs(path) for path in photographs]
    places = [(frames, i) for frames in backgrounds for i in range(len(frames))]

    def draw(rng: np.random.Generator) -> Sample:
        frames, index = places[int(rng.integers(len(places)))]
        image = shrunk(decode(frames[index]), BACKGROUND_SIDE).copy()
        size = math.exp(rng.uniform(*np.log(PASTED_SIZES)))
        height, width = image.shape[:2]
        for _ in range(int(rng.integers(MAX_DISTRACTORS + 1))):
            center = rng.uniform(0, width), rng.uniform(0, height)
            other = objects[int(rng.integers(len(objects)))]
            paste(image, other, center, size * 2 ** rng.uniform(-1, 1), rng)
        center = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height
        box = paste(image, objects[int(rng.integers(len(objects)))], center, size, rng)
        return Sample(image, box)

    return draw


def _photographs(path: Path) -> ZippedFrames:
    with opened(path) as archive:
        return ZippedFrames(path, images_in(archive))


def paste(
    image: Image,
    cutout: Image,
    center: tuple[float, float],
    size: float,
    rng: np.random.Generator,
) -> Box:
    """Paste an object into an image, with soft edges and a light of its own.

    Args:
        image: H x W x 3, uint8; it is changed.
        cutout: h x w x 4, uint8, the last channel its opacity.
        center: x, y of the object in pixels of the image.
        size: sqrt(width * height) of the object in pixels of the image.
        rng: decides on mirroring and light.

    Returns:
        The box of what is in the image; without area where nothing is.
    """
    cutout = _trimmed(cutout)
    zoom = size / math.sqrt(cutout.shape[0] * cutout.shape[1])
    width, height = (max(3, round(side * zoom)) for side in cutout.shape[1::-1])
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    cutout = np.asarray(cv2.resize(cutout, (width, height), interpolation=method), np.uint8)
    if rng.random() < 0.5:
        cutout = cutout[:, ::-1]
    left, top = round(center[0] - width / 2), round(center[1] - height / 2)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, image.shape[1]), min(top + height, image.shape[0])
    if x1 <= x0 or y1 <= y0:
        return x0, y0, 0, 0
    part = np.ascontiguousarray(cutout[y0 - top : y1 - top, x0 - left : x1 - left])
    opacity = cv2.GaussianBlur(part[..., 3].astype(np.float32), (3, 3), 0)[..., None] / 255
    light = part[..., :3] * rng.uniform(0.75, 1.25) + rng.uniform(-20, 20)
    below = image[y0:y1, x0:x1]
    below[:] = below * (1 - opacity) + light.clip(0, 255) * opacity
    return x0, y0, x1 - x0, y1 - y0


def _trimmed(cutout: Image) -> Image:
    """Cut away rows and columns without any of the object."""
    rows, columns = np.nonzero(cutout[..., 3] > 127)
    return cutout[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def mixed(draws: Sequence[tuple[float, Draw]]) -> Draw:
    """Draw from several sources, by weights."""
    weights = np.array([weight for weight, _ in draws])

    def draw(rng: np.random.Generator) -> Sample:
        return draws[int(rng.choice(len(draws), p=weights / weights.sum()))][1](rng)

    return draw

"""Windows around taps and their features, which the training of the extent head is made of.

An object is tapped at its centre or anywhere in the inner half of its box. Around each tap
windows are cut an octave apart: three whose sides are near the one that fits the object, and some
that are far too small or too large. The features of what does not learn are computed once. Those
that are stored are in files of some hundred objects each; a run that was ended goes on with the
first file that is missing.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw.backends import SearchFeatures
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.extent import window_pyramid
from siamdw_ros.siamdw.extent_network import SIZE_IN_WINDOW
from siamdw_ros.training.extent_objects import Draw, Sample

log = logging.getLogger(__name__)

TAPS = 2  # taps per object
CENTRAL_SHARE = 0.25  # share of the taps that are at the object's centre
INNER = (0.22, 0.78)  # range of the other taps, as shares of the box
NEAR = (-1, 0, 1)  # octaves of windows by the one that fits
FAR = (-4, -3, -2, 2, 3)
FAR_COUNT = 3
SIDE_LIMITS = (14.0, 1400.0)  # smallest and largest side of windows, in image pixels
MIN_SIDE = 6.0  # smallest side of an object, pixels
MIN_SIZE = 10.0  # pixels, sqrt(width * height) to which objects are shrunk at most
SHRUNK_SHARE = 0.6
# A frame that was cut around its target ends soon. A window that shows the end would give away
# that it is too large.
CUT_OVERHANG = 1.15
CUT_OCTAVES = 0.3


@dataclass(frozen=True)
class Windows:
    """Features of N windows, and the values that the head should predict from them.

    Attributes:
        features: N x channels x 5 x 5.
        taps: N, which tap a window is around; windows of a tap are adjacent.
        octaves: N, log2 of the window's side by the one that fits the object.
        distances: N x 4, from the centre to the object's left, upper, right and lower side, as
            shares of the window's side.
    """

    features: Tensor
    taps: Tensor
    octaves: Tensor
    distances: Tensor


def cut_windows(sample: Sample, rng: np.random.Generator) -> tuple[list[Image], list[list[float]]]:
    """Tap an object and cut the windows around the taps.

    Returns:
        Windows of 127 x 127 x 3; per window the number of the tap, the octaves and the four
        distances of :class:`Windows`.
    """
    sample = changed(sample, rng)
    image, (x, y, w, h) = sample.image, sample.box
    windows: list[Image] = []
    labels: list[list[float]] = []
    if not (math.isfinite(w * h) and min(w, h) >= MIN_SIDE):
        return windows, labels
    fitting = math.sqrt(w * h) / SIZE_IN_WINDOW
    for tap in range(TAPS):
        across, down = (0.5, 0.5) if rng.random() < CENTRAL_SHARE else rng.uniform(*INNER, 2)
        point = x + across * w, y + down * h
        shift = rng.uniform(-0.5, 0.5)
        octaves = [*NEAR, *rng.choice(FAR, FAR_COUNT, replace=False).tolist()]
        if not _belongs_to(sample, point):
            continue
        for octave in octaves:
            side = fitting * 2 ** (octave + shift)
            if not _usable(sample, point, side, octave + shift):
                continue
            windows.append(window_pyramid(image, point, [side])[0])
            distances = (across * w, down * h, (1 - across) * w, (1 - down) * h)
            labels.append([tap, octave + shift, *(distance / side for distance in distances)])
    return windows, labels


def _belongs_to(sample: Sample, point: tuple[float, float]) -> bool:
    """Whether a point is in the image, and on this object rather than on a smaller one."""
    height, width = sample.image.shape[:2]
    if not (0 <= point[0] < width and 0 <= point[1] < height):
        return False
    area = sample.box[2] * sample.box[3]
    return not any(
        x < point[0] < x + w and y < point[1] < y + h and w * h < 0.8 * area
        for x, y, w, h in sample.others
    )


def _usable(sample: Sample, point: tuple[float, float], side: float, octaves: float) -> bool:
    height, width = sample.image.shape[:2]
    reach = min(*point, width - point[0], height - point[1])
    shows_the_end = sample.cut and octaves > CUT_OCTAVES and side / 2 > CUT_OVERHANG * reach
    return SIDE_LIMITS[0] <= side <= SIDE_LIMITS[1] and not shows_the_end


def changed(sample: Sample, rng: np.random.Generator) -> Sample:
    """Shrink a sample at random, mirror it, and change its light, sharpness and colours."""
    image, boxes = sample.image, np.array([sample.box, *sample.others], float)
    size = math.sqrt(max(boxes[0, 2] * boxes[0, 3], 0))
    if rng.random() < SHRUNK_SHARE and size > MIN_SIZE:
        zoom = math.exp(rng.uniform(math.log(max(MIN_SIZE / size, 0.1)), 0))
        shape = [max(8, round(side * zoom)) for side in image.shape[1::-1]]
        image = np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)
        boxes *= zoom
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        boxes[:, 0] = image.shape[1] - boxes[:, 0] - boxes[:, 2]
    box, *others = (_as_box(row) for row in boxes)
    return Sample(_with_effects(image, rng), box, tuple(others), sample.cut)


def _as_box(row: NDArray[np.floating]) -> Box:
    x, y, w, h = row.tolist()
    return x, y, w, h


def _with_effects(image: Image, rng: np.random.Generator) -> Image:
    if rng.random() < 0.6:
        lit = image * rng.uniform(0.7, 1.3) + rng.uniform(-25, 25)
        image = lit.clip(0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5)), np.uint8)
    if rng.random() < 0.1:
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    if rng.random() < 0.2:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(25, 80))]
        encoded = cv2.imencode(".jpg", image, quality)[1]
        image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return image


def store_windows(
    draw: Draw, features: SearchFeatures, folder: Path, objects: int, per_file: int, seed: int
) -> list[Path]:
    """Compute the features of windows of many objects, and store them.

    Args:
        draw: an object.
        features: of windows.
        folder: of the files; those that are there already are kept.
        objects: how many.
        per_file: objects per file.
        seed: of the random numbers.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:05d}.pt" for number in range(math.ceil(objects / per_file))]
    for number, file in enumerate(files):
        if file.exists():
            continue
        rng = np.random.default_rng((seed, number))
        windows = joined([draw_windows(draw, features, rng) for _ in range(per_file)])
        partial = file.with_suffix(".partial")
        torch.save(vars(windows), partial)
        partial.replace(file)
        log.info("%s: %d windows, %d of %d files", file, len(windows.taps), number + 1, len(files))
    return files


def draw_windows(draw: Draw, features: SearchFeatures, rng: np.random.Generator) -> Windows:
    """Draw an object that can be tapped, and compute the features of its windows."""
    while True:
        crops, labels = cut_windows(draw(rng), rng)
        if crops:
            (computed,) = features(np.stack(crops))
            table = torch.tensor(labels, dtype=torch.float32)
            return Windows(computed.half().cpu(), table[:, 0].long(), table[:, 1], table[:, 2:])


def load_windows(files: list[Path], projection: Tensor | None = None) -> Windows:
    """Read stored windows into memory.

    Args:
        files: of :func:`store_windows`.
        projection: K x channels that the features are multiplied with, to save memory.
    """
    parts: list[Windows] = []
    for file in files:
        part = Windows(**torch.load(file, map_location="cpu", weights_only=True))
        if projection is not None:
            features = torch.einsum("nchw,kc->nkhw", part.features.float(), projection).half()
            part = replace(part, features=features)
        parts.append(part)
    return joined(parts)


def joined(parts: Sequence[Windows]) -> Windows:
    """Put windows together, and number their taps anew."""
    numbered = []
    first = 0
    for part in parts:
        numbered.append(replace(part, taps=part.taps + first))
        first += int(part.taps.max()) + 1
    columns = zip(*(vars(part).values() for part in numbered), strict=True)
    return Windows(*(torch.cat(column) for column in columns))

"""Pairs as SiamDW was trained on: two frames of a track, cut out with small shifts and scales.

As in the authors' release, except that windows are cut from the images themselves and not from
images of 511 x 511 that were cut before, and that every pair draws its own changes (there they
are drawn once for all).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from siamdw_ros.evaluation.frames import decode
from siamdw_ros.siamdw.crops import Image, Vector, context_side, mean_color
from siamdw_ros.training.augment import Rng, grey
from siamdw_ros.training.datasets import Dataset
from siamdw_ros.training.datasets.tracks import Track
from siamdw_ros.training.views import camera, warp

EXEMPLAR = 127
ATTEMPTS = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Augmentation:
    """How windows and their colours are changed, each by a draw of its own.

    template_shift, search_shift: up to so many pixels of the window, in x and in y.
    template_scale, search_scale: up to this share larger or smaller, width and height apart.
    color: brightness, contrast, saturation and hue change by up to this share. blur, grey, flip:
    how often a window is blurred, a pair turned grey, a pair mirrored.
    """

    template_shift: float = 4
    template_scale: float = 0.05
    search_shift: float = 4
    search_scale: float = 0.05
    color: float = 0.0
    blur: float = 0.0
    grey: float = 0.0
    flip: float = 0.0


@dataclass(frozen=True)
class TrackPair:
    """A template and a search region with the target's box.

    template: 127 x 127 x 3. search: side x side x 3. offset: from the middle of the search region
    to the target's centre, x and y in its pixels. size: width and height, in the same.
    """

    template: Image
    search: Image
    offset: Vector
    size: Vector


class TrackPairs:
    """Draws pairs of data sets: data set by share, then video, target and frame at random.

    Args:
        datasets: at least one.
        search_side: of the search region, in pixels.
        augmentation: see there.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        search_side: int = 255,
        augmentation: Augmentation = Augmentation(),
    ) -> None:
        if not datasets:
            raise ValueError("no data sets: name at least one under 'datasets'")
        self.datasets, self.search_side = datasets, search_side
        self.augmentation = augmentation
        shares = np.cumsum([dataset.source.share for dataset in datasets])
        self._cumulative = shares / shares[-1]

    def draw(self, rng: Rng) -> TrackPair:
        """Draw one pair. An image that cannot be read is logged, and another pair is drawn.

        Raises:
            OSError: so many in a row cannot be read that something else must be wrong.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._draw(rng)
            except (OSError, ValueError) as error:
                log.warning("a pair is left out: %s", error)
        raise OSError(f"{ATTEMPTS} pairs in a row could not be read: is the disk still there?")

    def _draw(self, rng: Rng) -> TrackPair:
        dataset = self.datasets[int(np.searchsorted(self._cumulative, rng.random(), "right"))]
        video = dataset.videos[int(rng.integers(len(dataset.videos)))]
        track = video[int(rng.integers(len(video)))]
        first = int(rng.integers(len(track.numbers)))
        second = _near(track, first, dataset.source.max_gap, rng)
        change = self.augmentation
        template, _, _ = self._window(
            track, first, EXEMPLAR, change.template_shift, change.template_scale, rng
        )
        search, offset, size = self._window(
            track, second, self.search_side, change.search_shift, change.search_scale, rng
        )
        if rng.random() < change.grey:
            template, search = grey(template), grey(search)
        if rng.random() < change.flip:
            template, search, offset = template[:, ::-1], search[:, ::-1], offset * (-1, 1)
        return TrackPair(template, search, offset, size)

    def _window(
        self, track: Track, index: int, out: int, shift: float, scale: float, rng: Rng
    ) -> tuple[Image, Vector, Vector]:
        """Cut a window, and return where in it the target's centre is, and how large it is."""
        image = _decode(track, index)
        x, y, w, h = track.boxes[index].astype(float)
        zoom = EXEMPLAR / context_side(np.array([w, h])) / rng.uniform(1 - scale, 1 + scale, 2)
        offset = rng.uniform(-shift, shift, 2)
        stretch = np.diag([*zoom, 1.0])
        view = camera(np.array([x + w / 2, y + h / 2]), 1.0, 0.0, offset, out, stretch)
        window = warp(image, view, out, mean_color(image))
        if rng.random() < self.augmentation.blur:
            window = np.asarray(cv2.GaussianBlur(window, (0, 0), 1.0), np.uint8)
        if self.augmentation.color:
            window = color_jitter(window, self.augmentation.color, rng)
        return window, offset, zoom * (w, h)


def color_jitter(image: Image, strength: float, rng: Rng) -> Image:
    """Change brightness, contrast, saturation and hue by up to `strength` each."""
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3).tolist()
    lit = image.astype(np.float32) * brightness
    level = cv2.cvtColor(lit, cv2.COLOR_BGR2GRAY)
    lit = (lit - level.mean()) * contrast + level.mean()
    lit = level[..., None] + (lit - level[..., None]) * saturation
    hsv = cv2.cvtColor(lit.clip(0, 255).astype(np.uint8), cv2.COLOR_BGR2HSV)
    turn = round(180 * rng.uniform(-strength, strength))
    hsv[..., 0] = (hsv[..., 0].astype(int) + turn) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)


def _near(track: Track, index: int, max_gap: int, rng: Rng) -> int:
    """Draw a frame that is at most `max_gap` frames of the video away, maybe the same."""
    number = int(track.numbers[index])
    low = int(np.searchsorted(track.numbers, number - max_gap, "left"))
    high = int(np.searchsorted(track.numbers, number + max_gap, "right"))
    return int(rng.integers(low, high))


def _decode(track: Track, index: int) -> Image:
    try:
        return decode(track.frames[index])
    except ValueError as error:
        raise ValueError(f"{track.name}, frame {track.numbers[index]}: {error}") from error

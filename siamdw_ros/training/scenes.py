"""Pairs to learn from: a template and a search region that show the same object.

Three kinds: an object with alpha (a cut-out, or a blob torn from a photograph) before backgrounds
among distractors and occluders; a piece of a photograph seen twice through different cameras; two
frames of a sequence, annotated by hand or by optical flow.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from siamdw_ros.evaluation.frames import UnreadableImageError, decode
from siamdw_ros.siamdw.crops import Image, Vector, context_side, crop_window, mean_color
from siamdw_ros.training.augment import (
    Rng,
    bend,
    camera_effects,
    draw_resolution,
    grey,
    recolour,
    shadow,
)
from siamdw_ros.training.datasets.tracks import Track
from siamdw_ros.training.objects import ObjectImage, ObjectSource, Views, any_of, moved
from siamdw_ros.training.sources import draw_photograph
from siamdw_ros.training.views import Matrix, camera, paste, view_change, warp

EXEMPLAR = 127
TEMPLATE_CANVAS = 175  # the exemplar with margins, from which wrongly scaled ones can be cut
MAX_UNREADABLE = 100  # drawn in a row; then something is wrong with all of them
DISTANT = 0.45  # resolution below which a pair is seen from afar: a wide view, many objects in it


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """A template canvas with the target in its middle, and a search region.

    template: 175 x 175 x 3, whose middle 127 x 127 is the exemplar. search: side x side x 3.
    offset: from the middle of the search region to the target's centre, x and y in its pixels.
    """

    template: Image
    search: Image
    offset: Vector


@dataclass(frozen=True)
class Shares:
    """How often each kind of pair is drawn; they need not add up to one.

    A kind that has no source is not drawn.
    """

    objects: float = 0.4
    photographs: float = 0.2
    sequences: float = 0.2
    videos: float = 0.2


class PairMaker:
    """Draws pairs without end.

    Args:
        photographs: encoded images.
        cutouts: h x w x 4 BGRA; may be empty, then all objects are blobs of photographs.
        sequences: annotated videos; may be empty.
        search_side: of the search region, in pixels.
        shares: of the kinds of pairs.
        videos: sequences whose boxes optical flow has found; may be empty.
        turning: views of rendered meshes; may be empty.
    """

    def __init__(
        self,
        photographs: Sequence[bytes],
        cutouts: Sequence[Image] = (),
        sequences: Sequence[Track] = (),
        search_side: int = 255,
        shares: Shares = Shares(),
        videos: Sequence[Track] = (),
        turning: Sequence[Views] = (),
    ) -> None:
        if not photographs:
            raise ValueError("no photographs: every kind of pair but one needs some")
        if search_side < EXEMPLAR + 16:
            raise ValueError(f"search side {search_side} px: must be at least {EXEMPLAR + 16} px")
        self.photographs, self.sequences = photographs, sequences
        self.objects = ObjectSource(photographs, cutouts, turning)
        self.unreadable = 0
        self.search_side = search_side
        self.max_offset = search_side / 2 - EXEMPLAR / 2
        kinds = (
            (shares.objects, self._object_pair),
            (shares.photographs, self._photograph_pair),
            (shares.sequences if sequences else 0.0, partial(self._frames, sequences)),
            (shares.videos if videos else 0.0, partial(self._frames, videos)),
        )
        weights = np.array([share for share, _ in kinds])
        self._shares = weights / weights.sum()
        self._kinds = [kind for _, kind in kinds]

    def draw(self, rng: Rng) -> Pair:
        """Draw one pair; an image that cannot be decoded is left out and counted.

        Raises:
            UnreadableImageError: a hundred in a row cannot be decoded.
        """
        for _ in range(MAX_UNREADABLE):
            kind = self._kinds[int(rng.choice(len(self._kinds), p=self._shares))]
            try:
                pair = kind(rng)
            except UnreadableImageError as error:
                self._count_unreadable(error)
                continue
            if rng.random() < 0.1:
                pair = Pair(grey(pair.template), grey(pair.search), pair.offset)
            return pair
        raise UnreadableImageError(f"{MAX_UNREADABLE} images in a row cannot be decoded")

    def _count_unreadable(self, error: UnreadableImageError) -> None:
        self.unreadable += 1
        if self.unreadable & (self.unreadable - 1) == 0:  # the 1st, 2nd, 4th, 8th...
            log.warning("drew an image that is left out (%d so far): %s", self.unreadable, error)

    # Objects before backgrounds

    def _object_pair(self, rng: Rng) -> Pair:
        shown, resolution = self.objects.draw(rng), draw_resolution(rng)
        template, search = self._backgrounds(resolution < DISTANT, rng)
        upright, offset = rng.normal(0, 0.1), self._offset(rng)
        _place(template, shown, upright, np.zeros(2))
        for _ in range(rng.integers(0, 8 if resolution < DISTANT else 4)):
            self._paste_distractor(search, shown, offset, rng)
        turn = upright + rng.normal(0, 0.25)
        _place(search, moved(shown, rng), turn, offset, view_change(rng))
        if rng.random() < 0.25:
            self._occlude(search, offset, rng)
        if rng.random() < 0.1:
            self._leave_image(search, offset, rng)
        return self._through_cameras(template, search, offset, resolution, rng)

    def _backgrounds(self, distant: bool, rng: Rng) -> tuple[Image, Image]:
        """Cut what lies behind template and search region: of one place, or of two."""
        photograph = self._backdrop(distant, rng)
        middle = _random_point(photograph, rng, margin=0.25)
        width = rng.uniform(0.6, 1.0) if distant else rng.uniform(0.25, 0.9)
        width *= min(photograph.shape[:2])
        fill = mean_color(photograph)
        template = crop_window(photograph, middle, width, TEMPLATE_CANVAS, fill)
        if rng.random() < 0.5:  # another place, as after a cut or for a fast target
            photograph = self._backdrop(distant, rng)
            middle = _random_point(photograph, rng, margin=0.25)
        else:
            middle = middle + rng.normal(0, 0.15, 2) * width
        width *= self.search_side / TEMPLATE_CANVAS * np.exp(rng.normal(0, 0.1))
        view = camera(
            middle, self.search_side / width, rng.normal(0, 0.2), np.zeros(2), self.search_side
        )
        return template, warp(photograph, view, self.search_side, fill)

    def _backdrop(self, distant: bool, rng: Rng) -> Image:
        """Draw a photograph or, for objects seen from afar, also a frame of a sequence."""
        if distant and self.sequences and rng.random() < 0.5:
            frames = any_of(self.sequences, rng).frames
            return decode(frames[int(rng.integers(len(frames)))])
        return draw_photograph(self.photographs, rng)

    def _paste_distractor(
        self, search: Image, shown: ObjectImage, offset: Vector, rng: Rng
    ) -> None:
        """Put something else, or the target's twin in other colours, away from the target."""
        place = rng.uniform(-0.5, 0.5, 2) * self.search_side
        if np.hypot(*(place - offset)) <= 45:
            return
        if rng.random() < 0.5:
            twin = moved(shown, rng)
            other = replace(twin, image=recolour(twin.image, rng))
        else:
            other = self.objects.draw(rng)
        other = replace(other, side=other.side * np.exp(rng.normal(0, 0.3)))
        _place(search, other, rng.normal(0, 0.5), place, view_change(rng))

    def _occlude(self, search: Image, offset: Vector, rng: Rng) -> None:
        """Cover a part of the target with something else."""
        other = self.objects.draw(rng)
        other = replace(other, side=max(other.image.shape[:2]) / rng.uniform(0.2, 0.45))
        place = offset + rng.uniform(-30, 30, 2)
        _place(search, other, rng.uniform(-np.pi, np.pi), place)

    def _leave_image(self, search: Image, offset: Vector, rng: Rng) -> None:
        """Let the image end close to the target or within it: beyond is its mean colour."""
        axis, end = int(rng.integers(2)), rng.choice([-1, 1])
        edge = round(float(self.search_side / 2 + offset[axis] + end * rng.uniform(8, 60)))
        edge = int(np.clip(edge, 0, self.search_side))
        along = slice(edge, None) if end > 0 else slice(0, edge)
        search[(along, slice(None)) if axis else (slice(None), along)] = mean_color(search)

    # A photograph, twice

    def _photograph_pair(self, rng: Rng) -> Pair:
        photograph = draw_photograph(self.photographs, rng)
        center, size = _structured_box(photograph, rng)
        zoom = EXEMPLAR / context_side(size)
        offset = self._offset(rng)
        fill = mean_color(photograph)
        template = crop_window(photograph, center, TEMPLATE_CANVAS / zoom, TEMPLATE_CANVAS, fill)
        view = camera(center, zoom, rng.normal(0, 0.2), offset, self.search_side, view_change(rng))
        search = warp(photograph, view, self.search_side, fill)
        if rng.random() < 0.4:
            x, y = offset + self.search_side / 2
            search = bend(search, rng, rng.uniform(0.01, 0.03), (float(x), float(y)))
        return self._through_cameras(
            template, search, offset, draw_resolution(rng, min(1, 1 / zoom)), rng
        )

    # Two frames of a sequence

    def _frames(self, sequences: Sequence[Track], rng: Rng, max_gap: int = 30) -> Pair:
        sequence = any_of(sequences, rng)
        first = int(rng.integers(len(sequence.frames)))
        low, high = max(0, first - max_gap), min(len(sequence.frames) - 1, first + max_gap)
        second = int(rng.integers(low, high + 1))
        # The box is drawn a little wrong, by the same share of its size in both frames.
        shift, growth = rng.normal(0, 0.04, 2).clip(-0.1, 0.1), np.exp(rng.normal(0, 0.07))
        image, center, side, _ = _frame(sequence, first, shift)
        side *= growth
        template = crop_window(
            image, center, side * TEMPLATE_CANVAS / EXEMPLAR, TEMPLATE_CANVAS, mean_color(image)
        )
        image, center, side, size = _frame(sequence, second, shift)
        offset = self._offset(rng)
        zoom = EXEMPLAR / (side * growth) * np.exp(rng.normal(0, 0.02))
        view = camera(center, zoom, rng.normal(0, 0.1), offset, self.search_side)
        search = warp(image, view, self.search_side, mean_color(image))
        if rng.random() < 0.5:
            template, search = template[:, ::-1], search[:, ::-1]
            offset = offset * (-1, 1)
        resolution = draw_resolution(rng, 1.0) if min(size) > 60 else 1.0
        template, search = np.ascontiguousarray(template), np.ascontiguousarray(search)
        return self._through_cameras(template, search, offset, resolution, rng)

    # What all share

    def _through_cameras(
        self, template: Image, search: Image, offset: Vector, resolution: float, rng: Rng
    ) -> Pair:
        """Send both views through cameras of about one resolution."""
        if rng.random() < 0.15:
            search = shadow(search, rng)
        second = min(1.0, resolution * math.exp(rng.normal(0, 0.1))) if resolution < 1 else 1.0
        template = camera_effects(template, rng, resolution, blurred=0.15)
        return Pair(template, camera_effects(search, rng, second), offset)

    def _offset(self, rng: Rng) -> Vector:
        return rng.uniform(-1, 1, 2) * self.max_offset


def _place(
    canvas: Image, shown: ObjectImage, turn: float, offset: Vector, view: Matrix | None = None
) -> None:
    """Lay an object on a square canvas, in place: its box with context as large as an exemplar."""
    zoom, side = EXEMPLAR / shown.side, len(canvas)
    paste(canvas, shown.image, camera(shown.center, zoom, turn, offset, side, view))


def two_scales(canvas: Image, rng: Rng) -> Image:
    """Cut the exemplar, and one whose target is too large, too small, or too wide or narrow.

    Args:
        canvas: 175 x 175 x 3, the template of a pair.
        rng: to draw from how wrong.

    Returns:
        2 x 127 x 127 x 3.
    """
    wrong = math.exp(rng.choice([-1, 1]) * rng.uniform(0.06, 0.35))
    aspect = math.exp(rng.choice([-1, 1]) * rng.uniform(0.06, 0.2)) if rng.random() < 0.4 else 1.0
    if aspect != 1 and rng.random() < 0.7:
        wrong = 1.0
    sides = np.minimum(EXEMPLAR * wrong * np.array([aspect, 1 / aspect]), TEMPLATE_CANVAS)
    exemplars = [_middle(canvas, np.full(2, float(EXEMPLAR))), _middle(canvas, sides)]
    return np.stack(exemplars)


def _middle(canvas: Image, sides: Vector) -> Image:
    """Cut a rectangle of `sides` (w, h) out of the middle, resized to 127 x 127."""
    step = sides / EXEMPLAR
    origin = TEMPLATE_CANVAS / 2 - sides / 2 + step / 2 - 0.5
    affine = np.array([[step[0], 0, origin[0]], [0, step[1], origin[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (EXEMPLAR, EXEMPLAR)
    return np.asarray(
        cv2.warpAffine(canvas, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def _structured_box(photograph: Image, rng: Rng) -> tuple[Vector, Vector]:
    """Draw the centre and size (w, h) of a box, of three the one with most structure in it."""
    limit = min(photograph.shape[:2])
    boxes = []
    for _ in range(3):
        size = np.exp(rng.uniform(np.log(0.12), np.log(0.55), 2)) * limit
        center = _random_point(photograph, rng, margin=0.2)
        piece = crop_window(photograph, center, float(size.max()), 32, np.zeros(3))
        boxes.append((float(cv2.meanStdDev(piece)[1].mean()), center, size))
    _, center, size = max(boxes, key=lambda box: box[0])
    return center, size


def _frame(sequence: Track, index: int, shift: Vector) -> tuple[Image, Vector, float, Vector]:
    """Decode a frame: with its box's centre, moved by a share of its size, its side and size."""
    x, y, w, h = sequence.boxes[index].astype(float)
    size = np.array([w, h])
    center = np.array([x, y]) + size * (0.5 + shift)
    return decode(sequence.frames[index]), center, context_side(size), size


def _random_point(image: Image, rng: Rng, margin: float = 0.0) -> Vector:
    height, width = image.shape[:2]
    return rng.uniform(margin, 1 - margin, 2) * (width, height)

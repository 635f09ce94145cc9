"""Pairs to learn from: a template and a search region that show the same thing.

Three kinds: an object with alpha (a cut-out, or a blob torn from a photograph) before backgrounds
among distractors and occluders; a piece of a photograph seen twice through different cameras; two
frames of an annotated sequence.
"""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.siamdw.crops import Image, Vector, context_side, crop_window, mean_color
from siamdw_ros.training.augment import Rng, camera_effects
from siamdw_ros.training.sources import Sequence, decode

EXEMPLAR = 127
TEMPLATE_CANVAS = 175  # the exemplar with margins, from which wrongly scaled ones can be cut

T = TypeVar("T")
Matrix = NDArray[np.float64]


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
    """How often each kind of pair is drawn; they need not add up to one."""

    objects: float = 0.5
    photographs: float = 0.3
    sequences: float = 0.2


class PairMaker:
    """Draws pairs without end.

    Args:
        photographs: encoded pictures.
        cutouts: h x w x 4 BGRA; may be empty, then all objects are blobs of photographs.
        sequences: annotated videos; may be empty.
        search_side: of the search region, in pixels.
        shares: of the kinds of pairs.
    """

    def __init__(
        self,
        photographs: Many[bytes],
        cutouts: Many[Image] = (),
        sequences: Many[Sequence] = (),
        search_side: int = 255,
        shares: Shares = Shares(),
    ) -> None:
        if not photographs:
            raise ValueError("no photographs: every kind of pair but one needs some")
        if search_side < EXEMPLAR + 16:
            raise ValueError(f"search side {search_side} px: must be at least {EXEMPLAR + 16} px")
        self.photographs, self.cutouts, self.sequences = photographs, cutouts, sequences
        self.search_side = search_side
        self.max_offset = search_side / 2 - EXEMPLAR / 2
        weights = np.array(
            [shares.objects, shares.photographs, shares.sequences if sequences else 0.0]
        )
        self._cumulative = np.cumsum(weights / weights.sum())

    def draw(self, rng: Rng) -> Pair:
        """Draw one pair."""
        kinds = (self._object_pair, self._photograph_pair, self._sequence_pair)
        kind = kinds[int(np.searchsorted(self._cumulative, rng.random(), side="right").clip(0, 2))]
        pair = kind(rng)
        template, search = camera_effects(pair.template, rng), camera_effects(pair.search, rng)
        if rng.random() < 0.12:
            template, search = _grey(template), _grey(search)
        return Pair(template, search, pair.offset)

    # Objects before backgrounds

    def _object_pair(self, rng: Rng) -> Pair:
        target, photograph = self._object(rng), self._photograph(rng)
        middle = _random_point(photograph, rng, margin=0.25)
        width = rng.uniform(0.25, 0.9) * min(photograph.shape[:2])
        fill = mean_color(photograph)
        template = crop_window(photograph, middle, width, TEMPLATE_CANVAS, fill)
        if rng.random() < 0.5:  # another place, as after a cut or for a fast target
            photograph = self._photograph(rng)
            middle = _random_point(photograph, rng, margin=0.25)
        else:
            middle = middle + rng.normal(0, 0.15, 2) * width
        width *= self.search_side / TEMPLATE_CANVAS * np.exp(rng.normal(0, 0.1))
        search = crop_window(photograph, middle, width, self.search_side, fill)

        zoom = _exemplar_zoom(target)
        upright = rng.normal(0, 0.1)
        _paste(template, target, _placed(target, zoom, upright, np.zeros(2), TEMPLATE_CANVAS))
        offset = self._offset(rng)
        for _ in range(rng.integers(0, 4)):
            self._paste_distractor(search, target, zoom, offset, rng)
        turn = upright + rng.normal(0, 0.25)
        view = _placed(target, zoom, turn, offset, self.search_side, _view(rng))
        _paste(search, target, view)
        if rng.random() < 0.2:
            self._occlude(search, offset, rng)
        return Pair(template, search, offset)

    def _paste_distractor(
        self, search: Image, target: Image, zoom: float, offset: Vector, rng: Rng
    ) -> None:
        """Put something else, or the target's twin in other colours, away from the target."""
        if rng.random() < 0.3:
            other = target.copy()
            other[..., :3] = other[..., :3][..., rng.permutation(3)]
        else:
            other = self._object(rng)
            zoom = _exemplar_zoom(other)
        place = rng.uniform(-0.5, 0.5, 2) * self.search_side
        if np.hypot(*(place - offset)) > 45:
            zoom *= np.exp(rng.normal(0, 0.3))
            turn = rng.normal(0, 0.5)
            _paste(search, other, _placed(other, zoom, turn, place, self.search_side, _view(rng)))

    def _occlude(self, search: Image, offset: Vector, rng: Rng) -> None:
        """Cover a part of the target with something else."""
        other = self._object(rng)
        zoom = rng.uniform(0.2, 0.45) * EXEMPLAR / max(other.shape[:2])
        place = offset + rng.uniform(-30, 30, 2)
        turn = rng.uniform(-np.pi, np.pi)
        _paste(search, other, _placed(other, zoom, turn, place, self.search_side))

    def _object(self, rng: Rng) -> Image:
        """Draw a cut-out, or tear a blob from a photograph: h x w x 4 BGRA."""
        if len(self.cutouts) and rng.random() < 0.5:
            cutout = _any_of(self.cutouts, rng)
            return np.asarray(cutout[:, ::-1] if rng.random() < 0.5 else cutout)
        photograph = self._photograph(rng)
        limit = min(photograph.shape[:2])
        sides = np.exp(rng.uniform(np.log(0.2), np.log(0.7), 2)) * limit
        width, height = np.maximum(sides.astype(int), 24)
        x, y = (
            int(rng.integers(0, max(1, n - s + 1)))
            for n, s in zip(photograph.shape[1::-1], (width, height), strict=True)
        )
        piece = photograph[y : y + height, x : x + width]
        return np.dstack([piece, _blob(piece.shape[1], piece.shape[0], rng)])

    # A photograph, twice

    def _photograph_pair(self, rng: Rng) -> Pair:
        photograph = self._photograph(rng)
        limit = min(photograph.shape[:2])
        size = np.exp(rng.uniform(np.log(0.12), np.log(0.55), 2)) * limit
        center = _random_point(photograph, rng, margin=0.2)
        zoom = EXEMPLAR / context_side(size)
        offset = self._offset(rng)
        turn = rng.normal(0, 0.2)
        fill = mean_color(photograph)
        template = crop_window(photograph, center, TEMPLATE_CANVAS / zoom, TEMPLATE_CANVAS, fill)
        view = _camera(center, zoom, turn, offset, self.search_side, _view(rng))
        search = cv2.warpPerspective(
            photograph, view, (self.search_side,) * 2, borderValue=fill.tolist()
        )
        return Pair(template, np.asarray(search, np.uint8), offset)

    # Two frames of a sequence

    def _sequence_pair(self, rng: Rng, max_gap: int = 30) -> Pair:
        sequence = _any_of(self.sequences, rng)
        first = int(rng.integers(len(sequence.frames)))
        low, high = max(0, first - max_gap), min(len(sequence.frames) - 1, first + max_gap)
        second = int(rng.integers(low, high + 1))
        image, center, side = _frame(sequence, first)
        template = crop_window(
            image, center, side * TEMPLATE_CANVAS / EXEMPLAR, TEMPLATE_CANVAS, mean_color(image)
        )
        image, center, side = _frame(sequence, second)
        offset = self._offset(rng)
        zoom = EXEMPLAR / side * np.exp(rng.normal(0, 0.04))
        view = _camera(center, zoom, rng.normal(0, 0.05), offset, self.search_side)
        search = cv2.warpPerspective(
            image, view, (self.search_side,) * 2, borderValue=mean_color(image).tolist()
        )
        search = np.asarray(search, np.uint8)
        if rng.random() < 0.5:
            template, search = template[:, ::-1], search[:, ::-1]
            offset = offset * (-1, 1)
        return Pair(np.ascontiguousarray(template), np.ascontiguousarray(search), offset)

    # What all share

    def _photograph(self, rng: Rng) -> Image:
        image = decode(_any_of(self.photographs, rng))
        return np.ascontiguousarray(image[:, ::-1]) if rng.random() < 0.5 else image

    def _offset(self, rng: Rng) -> Vector:
        return rng.uniform(-1, 1, 2) * self.max_offset


def _exemplar_zoom(target: Image) -> float:
    """Exemplar pixels a pixel of a cut-out that, with its context, fills the exemplar."""
    return EXEMPLAR / context_side(np.array(target.shape[1::-1], float))


def _any_of(things: Many[T], rng: Rng) -> T:
    return things[int(rng.integers(len(things)))]


def _frame(sequence: Sequence, index: int) -> tuple[Image, Vector, float]:
    x, y, w, h = sequence.boxes[index]
    center, side = np.array([x + w / 2, y + h / 2]), context_side(np.array([w, h]))
    return decode(sequence.frames[index]), center, side


def _grey(image: Image) -> Image:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def _random_point(image: Image, rng: Rng, margin: float = 0.0) -> Vector:
    height, width = image.shape[:2]
    return rng.uniform(margin, 1 - margin, 2) * (width, height)


def _blob(width: int, height: int, rng: Rng) -> Image:
    """Draw a random smooth closed shape that fills width x height, as an alpha mask."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = 1 + sum(
        rng.normal(0, 0.5 / k**1.3) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(1, 7)
    )
    points = np.stack([np.cos(angle), np.sin(angle)], 1) * np.abs(radius)[:, None]
    points = (points - points.min(0)) / (np.ptp(points, axis=0) + 1e-6)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [(points * (width - 1, height - 1)).round().astype(np.int32)], 255)
    return np.asarray(cv2.GaussianBlur(mask, (3, 3), 0), np.uint8)


def _view(rng: Rng) -> Matrix:
    """Draw how a second look differs from the first: scale, aspect, shear and perspective."""
    scale, aspect = np.exp(rng.normal(0, 0.05)), np.exp(rng.normal(0, 0.06))
    view = np.diag([scale * aspect, scale / aspect, 1.0])
    view[0, 1] = rng.normal(0, 0.06)
    view[2, :2] = rng.normal(0, 0.0006, 2)
    return view


def _camera(
    center: Vector, zoom: float, turn: float, offset: Vector, side: int, view: Matrix | None = None
) -> Matrix:
    """Make the homography that takes `center` of a picture to `offset` from the window's middle.

    Args:
        center: x, y in the picture.
        zoom: window pixels a picture pixel.
        turn: radians.
        offset: x, y in window pixels.
        side: of the window.
        view: applied between turning and moving, about the target's centre.
    """
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    rotate = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    x, y = offset + side / 2 - 0.5
    u, v = center - 0.5
    to_middle = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
    from_center = np.array([[1, 0, -u], [0, 1, -v], [0, 0, 1]])
    homography: Matrix = to_middle @ (np.eye(3) if view is None else view) @ rotate @ from_center
    return homography


def _placed(
    target: Image,
    zoom: float,
    turn: float,
    offset: Vector,
    side: int,
    view: Matrix | None = None,
) -> Matrix:
    return _camera(np.array(target.shape[1::-1]) / 2, zoom, turn, offset, side, view)


def _paste(canvas: Image, target: Image, homography: Matrix) -> None:
    """Warp a BGRA picture onto a canvas, in place."""
    size = canvas.shape[1::-1]
    warped = cv2.warpPerspective(target, homography, size, flags=cv2.INTER_LINEAR)
    alpha = warped[..., 3:].astype(np.uint16)
    canvas[:] = ((warped[..., :3] * alpha + canvas * (255 - alpha)) // 255).astype(np.uint8)

"""Things to follow: cut-outs with alpha, rendered meshes, blobs torn from photographs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np

from siamdw_ros.siamdw.crops import Image, Vector, context_side
from siamdw_ros.training.augment import Rng, bend, motion_blur
from siamdw_ros.training.sources import draw_photograph

T = TypeVar("T")


Looks = list[Image]  # at one thing from places close to each other, h x w x 4 BGRA each


@dataclass(frozen=True)
class Thing:
    """A picture with alpha, h x w x 4 BGRA, and the box that a person drew around it.

    center: of the box, x and y in the picture. side: of the box with its context. later: the
    same thing from another side, if there is such a picture.
    """

    picture: Image
    center: Vector
    side: float
    later: "Thing | None" = None


class Things:
    """Draws things without end.

    Args:
        photographs: encoded pictures, from which blobs are torn.
        cutouts: h x w x 4 BGRA; may be empty.
        turning: things of which there are several looks; may be empty.
    """

    def __init__(
        self,
        photographs: Sequence[bytes],
        cutouts: Sequence[Image] = (),
        turning: Sequence[Looks] = (),
    ) -> None:
        self.photographs, self.cutouts, self.turning = photographs, cutouts, turning

    def draw(self, rng: Rng) -> Thing:
        """Draw a thing, some of them stretched, in a box that is about right."""
        pictures = self._pictures(rng)
        if rng.random() < 0.4:
            stretch = float(np.exp(rng.normal(0, 0.4)))
            pictures = [_stretched(picture, stretch) for picture in pictures]
        return boxed(pictures, rng)

    def _pictures(self, rng: Rng) -> Looks:
        """Draw a look at something, and where there is one another look at the same."""
        if len(self.turning) and rng.random() < 0.25:
            looks = any_of(self.turning, rng)
            first, apart = int(rng.integers(len(looks))), int(rng.integers(-3, 4))
            return [looks[first], looks[int(np.clip(first + apart, 0, len(looks) - 1))]]
        if len(self.cutouts) and rng.random() < 0.6:
            cutout = any_of(self.cutouts, rng)
            return [np.asarray(cutout[:, ::-1] if rng.random() < 0.5 else cutout)]
        return [tear(draw_photograph(self.photographs, rng), rng)]


def boxed(pictures: Looks, rng: Rng) -> Thing:
    """Draw boxes around looks by hand: all wrong by the same some 5 % of their size."""
    shift = rng.normal(0, 0.04, 2).clip(-0.1, 0.1)
    growth = np.exp(rng.normal(0, 0.07, 2).clip(-0.2, 0.2))
    thing = None
    for picture in reversed(pictures):
        size = np.array(picture.shape[1::-1], float)
        thing = Thing(picture, size * (0.5 + shift), context_side(size * growth), thing)
    assert thing is not None
    return thing


def moved(thing: Thing, rng: Rng, blurred: float = 0.15, bent: float = 0.5) -> Thing:
    """Show a thing a moment later: turned, bent as an animal or a coat is, smeared by speed."""
    later = thing.later or thing
    picture = later.picture
    if rng.random() < bent:
        x, y = later.center
        picture = bend(picture, rng, rng.uniform(0.02, 0.07), (float(x), float(y)))
    if rng.random() < blurred:
        picture = motion_blur(picture, rng)
    return replace(later, picture=picture)


def _stretched(picture: Image, stretch: float) -> Image:
    width, height = np.array(picture.shape[1::-1]) * (stretch, 1 / stretch)
    return np.asarray(cv2.resize(picture, (max(8, int(width)), max(8, int(height)))), np.uint8)


def tear(photograph: Image, rng: Rng) -> Image:
    """Tear a blob from a photograph: h x w x 4 BGRA."""
    limit = min(photograph.shape[:2])
    sides = np.exp(rng.uniform(np.log(0.2), np.log(0.7), 2)) * limit
    width, height = np.maximum(sides.astype(int), 24)
    x, y = (
        int(rng.integers(0, max(1, n - s + 1)))
        for n, s in zip(photograph.shape[1::-1], (width, height), strict=True)
    )
    piece = photograph[y : y + height, x : x + width]
    return np.dstack([piece, blob(piece.shape[1], piece.shape[0], rng)])


def blob(width: int, height: int, rng: Rng) -> Image:
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


def any_of(things: Sequence[T], rng: Rng) -> T:
    """Draw one of several."""
    return things[int(rng.integers(len(things)))]

"""Things to follow: cut-outs with alpha, and blobs torn from photographs."""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from siamdw_ros.siamdw.crops import Image, Vector, context_side
from siamdw_ros.training.augment import Rng, bend, motion_blur
from siamdw_ros.training.sources import draw_photograph

T = TypeVar("T")


@dataclass(frozen=True)
class Thing:
    """A picture with alpha, h x w x 4 BGRA, and the box that a person drew around it.

    center: of the box, x and y in the picture. side: of the box with its context.
    """

    picture: Image
    center: Vector
    side: float


class Things:
    """Draws things without end.

    Args:
        photographs: encoded pictures, from which blobs are torn.
        cutouts: h x w x 4 BGRA; may be empty, then all things are blobs.
    """

    def __init__(self, photographs: Many[bytes], cutouts: Many[Image] = ()) -> None:
        self.photographs, self.cutouts = photographs, cutouts

    def draw(self, rng: Rng) -> Thing:
        """Draw a thing, some of them stretched, in a box that is about right."""
        cut = len(self.cutouts) > 0 and rng.random() < 0.6
        picture = self._cutout(rng) if cut else tear(draw_photograph(self.photographs, rng), rng)
        if rng.random() < 0.4:
            stretch = float(np.exp(rng.normal(0, 0.4)))
            width, height = np.array(picture.shape[1::-1]) * (stretch, 1 / stretch)
            stretched = cv2.resize(picture, (max(8, int(width)), max(8, int(height))))
            picture = np.asarray(stretched, np.uint8)
        return boxed(picture, rng)

    def _cutout(self, rng: Rng) -> Image:
        cutout = any_of(self.cutouts, rng)
        return np.asarray(cutout[:, ::-1] if rng.random() < 0.5 else cutout)


def boxed(picture: Image, rng: Rng) -> Thing:
    """Draw a box around a picture by hand: wrong by some 5 % of its size."""
    size = np.array(picture.shape[1::-1], float)
    center = size * (0.5 + rng.normal(0, 0.04, 2).clip(-0.1, 0.1))
    side = context_side(size * np.exp(rng.normal(0, 0.07, 2).clip(-0.2, 0.2)))
    return Thing(picture, center, side)


def moved(thing: Thing, rng: Rng, blurred: float = 0.15, bent: float = 0.5) -> Image:
    """Show a thing a moment later: bent, as an animal or a coat is, or smeared by its speed."""
    picture = thing.picture
    if rng.random() < bent:
        x, y = thing.center
        picture = bend(picture, rng, rng.uniform(0.02, 0.07), (float(x), float(y)))
    if rng.random() < blurred:
        picture = motion_blur(picture, rng)
    return picture


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


def any_of(things: Many[T], rng: Rng) -> T:
    """Draw one of several."""
    return things[int(rng.integers(len(things)))]

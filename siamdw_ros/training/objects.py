"""Objects to track: cut-outs with alpha, rendered meshes, blobs torn from photographs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np

from siamdw_ros.siamdw.crops import Image, Vector, context_side
from siamdw_ros.training.augment import Rng, bend, motion_blur
from siamdw_ros.training.sources import draw_photograph

T = TypeVar("T")


Views = list[Image]  # one object from neighbouring places, h x w x 4 BGRA each


@dataclass(frozen=True)
class ObjectImage:
    """An image of an object with alpha, and a box around it as if drawn by hand.

    Attributes:
        image: h x w x 4, BGRA.
        center: of the box, x and y in the image.
        side: of the box with its context.
        later: the same object from another side, if there is such an image.
    """

    image: Image
    center: Vector
    side: float
    later: "ObjectImage | None" = None


class ObjectSource:
    """Draws objects without end.

    Args:
        photographs: encoded images, from which blobs are torn.
        cutouts: h x w x 4 BGRA; may be empty.
        turning: objects of which there are several views; may be empty.
    """

    def __init__(
        self,
        photographs: Sequence[bytes],
        cutouts: Sequence[Image] = (),
        turning: Sequence[Views] = (),
    ) -> None:
        self.photographs, self.cutouts, self.turning = photographs, cutouts, turning

    def draw(self, rng: Rng) -> ObjectImage:
        """Draw an object, some of them stretched, in a box that is about right."""
        images = self._images(rng)
        if rng.random() < 0.4:
            stretch = float(np.exp(rng.normal(0, 0.4)))
            images = [_stretched(image, stretch) for image in images]
        return boxed(images, rng)

    def _images(self, rng: Rng) -> Views:
        """Draw a view of an object, and where there is one another view of the same."""
        if len(self.turning) and rng.random() < 0.25:
            views = any_of(self.turning, rng)
            first, apart = int(rng.integers(len(views))), int(rng.integers(-3, 4))
            return [views[first], views[int(np.clip(first + apart, 0, len(views) - 1))]]
        if len(self.cutouts) and rng.random() < 0.6:
            cutout = any_of(self.cutouts, rng)
            return [np.asarray(cutout[:, ::-1] if rng.random() < 0.5 else cutout)]
        return [tear(draw_photograph(self.photographs, rng), rng)]


def boxed(images: Views, rng: Rng) -> ObjectImage:
    """Draw boxes around views by hand: all wrong by the same some 5 % of their size."""
    shift = rng.normal(0, 0.04, 2).clip(-0.1, 0.1)
    growth = np.exp(rng.normal(0, 0.07, 2).clip(-0.2, 0.2))
    shown = None
    for image in reversed(images):
        size = np.array(image.shape[1::-1], float)
        shown = ObjectImage(image, size * (0.5 + shift), context_side(size * growth), shown)
    assert shown is not None
    return shown


def moved(shown: ObjectImage, rng: Rng, blurred: float = 0.15, bent: float = 0.5) -> ObjectImage:
    """Show an object a moment later: turned, bent as an animal or a coat is, smeared by speed."""
    later = shown.later or shown
    image = later.image
    if rng.random() < bent:
        x, y = later.center
        image = bend(image, rng, rng.uniform(0.02, 0.07), (float(x), float(y)))
    if rng.random() < blurred:
        image = motion_blur(image, rng)
    return replace(later, image=image)


def _stretched(image: Image, stretch: float) -> Image:
    width, height = np.array(image.shape[1::-1]) * (stretch, 1 / stretch)
    return np.asarray(cv2.resize(image, (max(8, int(width)), max(8, int(height)))), np.uint8)


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


def any_of(choices: Sequence[T], rng: Rng) -> T:
    """Draw one of several."""
    return choices[int(rng.integers(len(choices)))]

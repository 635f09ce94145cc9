"""What a camera sees: a panorama, the ground and upright cards, drawn with OpenCV.

No GPU and no scene graph: the panorama and the ground are remapped along each pixel's ray, cards
are warped by homographies and painted from far to near.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Box, Camera, Matrix, Vector
from siamdw_ros.simulation import textures

NEAR = 0.3  # metres; cards that come nearer are not drawn
STEP = 4  # pixels between the rays that are computed; maps are interpolated in between
DEPTH_STEP = 4  # a depth pixel is so many image pixels wide
FAR = 60.0  # metres of depth pixels of the sky: none
FLATTEST = 0.012  # ground rays that fall less, per metre, end in the panorama
HAZE_METRES = 45.0
HAZE_COLOR = np.array([150, 160, 158], np.float32)
NOISE = 2.2  # standard deviation of a pixel, grey levels

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Card:
    """A picture that stands upright on the ground and faces the camera.

    Attributes:
        texture: h x w x 4, BGRA.
        position: of the middle of its lower edge, metres, world frame.
        width: metres.
        height: metres.
        name: of what it shows.
        yaw: direction of its normal, world frame, radians; None: towards the camera.
    """

    texture: Image
    position: Vector
    width: float
    height: float
    name: str = ""
    yaw: float | None = None


@dataclass(frozen=True)
class View:
    """Where the camera is.

    Attributes:
        origin: world frame, metres.
        rotation: optical frame to world frame, 3 x 3.
    """

    origin: Vector
    rotation: Matrix

    def to_optical(self, points: Matrix) -> Matrix:
        """N x 3 points of the world in the optical frame."""
        return np.asarray((points - self.origin) @ self.rotation)


@dataclass(frozen=True)
class Picture:
    """A rendered image.

    Attributes:
        image: H x W x 3 uint8, BGR.
        depth: H/4 x W/4 float32, metres along the optical axis, NaN where nothing is.
        boxes: of cards that are in the image, whether they are covered or not, pixels.
    """

    image: Image
    depth: NDArray[np.float32]
    boxes: dict[str, Box]


class Renderer:
    """Renders one place for one camera.

    Args:
        camera: an ideal one.
        seed: of the place and of the sensor's noise.
    """

    def __init__(self, camera: Camera, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.camera = camera
        self._panorama = textures.panorama(rng)
        paving = textures.paving(rng)
        self._paving = [paving]
        for level in (2, 4, 8, 16):  # the coarse ones are for what is far away
            small = cv2.resize(
                paving, None, fx=1 / level, fy=1 / level, interpolation=cv2.INTER_AREA
            )
            self._paving.append(np.asarray(small, np.uint8))
        self._shadow = textures.shadow()
        shape = (camera.height + 64, camera.width + 64, 3)
        self._noise = rng.normal(0, NOISE, shape).astype(np.int8)
        self._rng = rng
        y, x = np.mgrid[0 : camera.height + STEP : STEP, 0 : camera.width + STEP : STEP]
        pixels = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
        plane = (pixels - camera.matrix[:2, 2]) / camera.focal
        self._rays = np.column_stack([plane, np.ones(len(plane))])
        self._grid = x.shape

    def render(self, view: View, cards: list[Card]) -> Picture:
        """Render what a camera sees."""
        rays = (self._rays @ view.rotation.T).reshape(*self._grid, 3)
        image = self._sky(rays)
        depth = self._ground(image, rays, view)
        boxes = {}
        far_first = sorted(
            cards, key=lambda card: -float(np.linalg.norm(card.position - view.origin))
        )
        for card in far_first:
            self._paint_shadow(image, card, view)
        for card in far_first:
            box = self._paint(image, depth, card, view)
            if box is not None and card.name:
                boxes[card.name] = box
        return Picture(self._sensor(image), depth, boxes)

    def _full(self, values: Matrix) -> NDArray[np.float32]:
        """Interpolate a map from the rays' grid to every pixel."""
        rows, columns = self.camera.height, self.camera.width
        size = (values.shape[1] * STEP, values.shape[0] * STEP)
        # Nodes lie at the left upper corner of their cell: shift by half a cell.
        shift = np.array([[STEP, 0, 0], [0, STEP, 0]], np.float64)
        wide = cv2.warpAffine(
            values.astype(np.float32), shift, size, flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return np.asarray(wide[:rows, :columns], np.float32)

    def _sky(self, rays: Matrix) -> Image:
        """The panorama behind everything."""
        height, width = self._panorama.shape[:2]
        middle = rays[self._grid[0] // 2, self._grid[1] // 2]
        heading = math.atan2(middle[1], middle[0])
        c, s = math.cos(heading), math.sin(heading)
        ahead = c * rays[..., 0] + s * rays[..., 1]
        left = c * rays[..., 1] - s * rays[..., 0]
        azimuth = np.arctan2(left, ahead) + heading  # no jump within the image
        tangent = rays[..., 2] / np.maximum(np.hypot(ahead, left), 1e-6)
        x = -azimuth / (2 * math.pi) * width
        span = textures.PANORAMA_TOP - textures.PANORAMA_BOTTOM
        y = (textures.PANORAMA_TOP - tangent) / span * height
        columns = self._full(x - math.floor(float(x.min()) / width) * width)
        rows = np.clip(self._full(y), 0, height - 2)
        image = cv2.remap(
            self._panorama, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return np.asarray(image, np.uint8)

    def _ground(self, image: Image, rays: Matrix, view: View) -> NDArray[np.float32]:
        """Paint the ground below the horizon; returns the depth of it."""
        first = int(np.argmax((rays[..., 2] < -FLATTEST).any(axis=1))) * STEP
        depth = np.full(image.shape[:2], np.nan, np.float32)
        down = self._full(-rays[..., 2])[first:]
        along = [self._full(rays[..., axis])[first:] for axis in (0, 1)]
        below = down > FLATTEST
        if not below.any():
            return depth[::DEPTH_STEP, ::DEPTH_STEP]
        reach = np.float32(view.origin[2]) / np.maximum(down, np.float32(FLATTEST))
        x = along[0] * reach + np.float32(view.origin[0])
        y = along[1] * reach + np.float32(view.origin[1])
        distance = reach * cv2.magnitude(along[0], along[1])
        level = np.clip(np.log2(np.maximum(distance / 3.0, 1.0)), 0, len(self._paving) - 1)
        painted = np.zeros((*down.shape, 3), np.float32)
        for index, texture in enumerate(self._paving):
            rows = np.flatnonzero((np.abs(level - index) < 1).any(axis=1))
            if not len(rows):
                continue
            band = slice(int(rows[0]), int(rows[-1]) + 1)
            share = np.clip(1 - np.abs(level[band] - index), 0, 1)
            tile = texture.shape[0]
            scale = np.float32(tile / textures.PAVING_METRES)
            patch = cv2.remap(
                texture, x[band] * scale, y[band] * scale, cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_WRAP,
            )  # fmt: skip
            painted[band] += cv2.merge([share] * 3) * patch
        haze = cv2.merge([np.minimum(distance / np.float32(HAZE_METRES), 1)] * 3)
        painted += np.asarray(haze, np.float32) * (HAZE_COLOR - painted)
        image[first:][below] = painted[below].astype(np.uint8)
        depth[first:] = np.where(below & (reach < FAR), reach, np.float32(np.nan))
        return np.ascontiguousarray(depth[::DEPTH_STEP, ::DEPTH_STEP])

    def _paint_shadow(self, image: Image, card: Card, view: View) -> None:
        radius = 0.7 * min(card.width, 1.5)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * radius
        quad = np.column_stack([corners + card.position[:2], np.full(4, 0.0)])
        optical = view.to_optical(quad)
        if float(card.position[2]) > 0.05 or optical[:, 2].min() < NEAR:
            return
        self._warp(image, self._shadow, self.camera.project(optical))

    def _paint(
        self, image: Image, depth: NDArray[np.float32], card: Card, view: View
    ) -> Box | None:
        """Paint a card; returns its box in the image, None where it is not in it."""
        optical = view.to_optical(_corners(card, view))
        if optical[:, 2].min() < NEAR:
            return None
        quad = self.camera.project(optical)
        low, high = quad.min(axis=0), quad.max(axis=0)
        if (high < 0).any() or (low > (self.camera.width, self.camera.height)).any():
            return None
        self._warp(image, card.texture, quad)
        d_low = np.clip(low / DEPTH_STEP, 0, None).round().astype(int)
        d_high = np.clip(high / DEPTH_STEP, 0, None).round().astype(int)
        depth[d_low[1] : d_high[1], d_low[0] : d_high[0]] = optical[:, 2].mean()
        return (*low.tolist(), *(high - low).tolist())

    def _warp(self, image: Image, texture: Image, quad: Matrix) -> None:
        """Blend a BGRA picture into a quadrangle, clockwise from the upper left."""
        low = np.maximum(np.floor(quad.min(axis=0)), 0).astype(int)
        high = np.minimum(np.ceil(quad.max(axis=0)) + 1, image.shape[1::-1]).astype(int)
        if (high <= low).any():
            return
        # A texture much larger than its picture would flicker.
        shrink = max(1.0, 0.5 * texture.shape[0] / max(float(np.ptp(quad[:, 1])), 1.0))
        if shrink > 1.5:
            texture = np.asarray(
                cv2.resize(
                    texture, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA
                )
            )
        h, w = texture.shape[:2]
        source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
        transform = cv2.getPerspectiveTransform(source, (quad - low).astype(np.float32))
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        warped = cv2.warpPerspective(texture, transform, size, flags=cv2.INTER_LINEAR)
        region = image[low[1] : high[1], low[0] : high[0]]
        share = warped[..., 3:].astype(np.float32) / 255
        region[:] = region * (1 - share) + warped[..., :3] * share

    def _sensor(self, image: Image) -> Image:
        """Add the sensor's noise, another one in each image."""
        y, x = self._rng.integers(0, 64, 2)
        noise = self._noise[y : y + image.shape[0], x : x + image.shape[1]]
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def _corners(card: Card, view: View) -> Matrix:
    """Corners of a card in the world, clockwise from the upper left as the camera sees it."""
    if card.yaw is None:
        away = card.position[:2] - view.origin[:2]
        normal = math.atan2(-away[1], -away[0])
    else:
        normal = card.yaw
    # Seen from where the normal points, right is to the left of the normal.
    right = np.array([-math.sin(normal), math.cos(normal), 0.0]) * card.width / 2
    up = np.array([0.0, 0.0, card.height])
    foot = card.position
    return np.array([foot - right + up, foot + right + up, foot + right, foot - right])

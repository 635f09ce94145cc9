"""A rendered camera: a panorama, the ground and upright cards, drawn with OpenCV.

No GPU and no scene graph: the panorama and the ground are remapped along each pixel's ray, cards
are warped by homographies and painted from far to near.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Camera, Matrix, Vector
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.simulation import textures

NEAR = 0.3  # metres; cards that come nearer are not drawn
STEP = 4  # pixels between the rays that are computed; maps are interpolated in between
DEPTH_STEP = STEP  # a depth pixel is so many image pixels wide
LEVELS = 5  # levels of detail of the paving, each half as fine as the one before
NEAREST_LEVEL = 3.0  # metres from which on the paving gets coarser
FAR = 60.0  # metres of depth pixels of the sky: none
FLATTEST = 0.012  # ground rays that fall less, per metre, end in the panorama
HAZE_METRES = 45.0
HAZE_COLOR = np.array([150, 160, 158], np.float32)
NOISE = 2.2  # standard deviation of a pixel, grey levels

Image = NDArray[np.uint8]
Map = NDArray[np.floating[Any]]


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
    depth: Map
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
        self._paving = _hazy_levels(textures.paving(rng))
        self._shadow = textures.shadow()
        shape = (camera.height + 64, camera.width + 64, 3)
        self._noise = rng.normal(0, NOISE, shape).astype(np.int8)
        self._rng = rng
        # Through the middle of cells of STEP pixels, and of one more cell on each side.
        y, x = np.mgrid[-STEP : camera.height + STEP : STEP, -STEP : camera.width + STEP : STEP]
        pixels = np.column_stack([x.ravel(), y.ravel()]) + (STEP - 1) / 2
        plane = (pixels - camera.matrix[:2, 2]) / camera.focal
        self._rays = np.column_stack([plane, np.ones(len(plane))]).astype(np.float32)
        self._grid = x.shape

    def render(self, view: View, cards: list[Card]) -> Picture:
        """Render what a camera sees."""
        rotation = view.rotation.T.astype(np.float32)
        rays = (self._rays @ rotation).reshape(*self._grid, 3)
        image = np.empty((self.camera.height, self.camera.width, 3), np.uint8)
        below = self._full(-rays[..., 2]) > FLATTEST
        with_sky = np.flatnonzero(~below.all(axis=1))
        sky_rows = int(with_sky[-1]) + 1 if len(with_sky) else 0
        image[:sky_rows] = self._sky(rays, sky_rows)
        self._ground(image, below, rays, view)
        depth = self._ground_depth(rays, view)
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

    def _full(self, values: Map, first: int = 0, last: int | None = None) -> Map:
        """Interpolate a map from the rays' grid to every pixel of some rows."""
        last = self.camera.height if last is None else last
        begin = first // STEP
        values = values[begin : (last - 1) // STEP + 3]
        size = (values.shape[1] * STEP, values.shape[0] * STEP)
        wide = cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        top = STEP + first - begin * STEP
        return np.asarray(wide[top : top + last - first, STEP:-STEP], np.float32)

    def _sky(self, rays: Map, count: int) -> Image:
        """The panorama behind everything, in the first rows of the image."""
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
        if not count:
            return np.empty((0, self.camera.width, 3), np.uint8)
        columns = self._full(x - math.floor(float(x.min()) / width) * width, 0, count)
        rows = self._full(np.clip(y, 0, height - 2), 0, count)
        image = cv2.remap(
            self._panorama, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return np.asarray(image, np.uint8)

    def _ground(self, image: Image, below: NDArray[np.bool_], rays: Map, view: View) -> None:
        """Paint the paving where the rays meet the ground."""
        if not below.any():
            return
        first = int(np.argmax(below.any(axis=1)))
        height = np.float32(view.origin[2])
        down = np.maximum(self._full(-rays[..., 2], first), np.float32(FLATTEST))
        reach = height / down
        x = self._full(rays[..., 0], first) * reach + np.float32(view.origin[0])
        y = self._full(rays[..., 1], first) * reach + np.float32(view.origin[1])
        flat = np.hypot(rays[..., 0], rays[..., 1]) / np.maximum(-rays[..., 2], FLATTEST)
        level = self._full(np.log2(np.maximum(flat * float(height) / NEAREST_LEVEL, 1)), first)
        painted = self._paved(x, y, np.minimum(level, LEVELS - 1))
        mask = below[first:].astype(np.uint8)
        cv2.copyTo(painted, mask, image[first:])

    def _paved(self, x: Map, y: Map, level: Map) -> Image:
        """The paving at points of the ground; between two levels of detail both are blended."""
        low, high = level.min(axis=1), level.max(axis=1)
        painted = np.empty((*level.shape, 3), np.uint8)
        near = np.flatnonzero(high <= 0)
        if len(near):  # always at the lower edge of the image
            painted[near[0] :] = self._patch(0, x[near[0] :], y[near[0] :])
        mixed = near[0] if len(near) else len(level)
        for index in range(LEVELS - 1):
            rows = np.flatnonzero((low[:mixed] <= index + 1) & (high[:mixed] >= index))
            if not len(rows):
                continue
            band = slice(int(rows[0]), int(rows[-1]) + 1)
            share = np.clip(level[band] - np.float32(index), 0, 1)
            fine, coarse = (self._patch(index + i, x[band], y[band]) for i in (0, 1))
            blended = cv2.blendLinear(fine, coarse, 1 - share, share)
            here = (level[band] >= index) & (level[band] <= index + 1)
            cv2.copyTo(blended, here.astype(np.uint8), painted[band])
        return painted

    def _patch(self, index: int, x: Map, y: Map) -> Image:
        """The paving of one level of detail at points of the ground."""
        texture = self._paving[index]
        scale = np.float32(texture.shape[0] / textures.PAVING_METRES)
        patch = cv2.remap(
            texture, x * scale, y * scale, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return np.asarray(patch, np.uint8)

    def _ground_depth(self, rays: Map, view: View) -> Map:
        """Depth of the ground at each ray, NaN where there is none."""
        down = -rays[1:-1, 1:-1, 2]
        reach = float(view.origin[2]) / np.maximum(down, FLATTEST)
        known = (down > FLATTEST) & (reach < FAR)
        return np.where(known, reach, np.nan).astype(np.float32)

    def _paint_shadow(self, image: Image, card: Card, view: View) -> None:
        radius = 0.7 * min(card.width, 1.5)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * radius
        quad = np.column_stack([corners + card.position[:2], np.full(4, 0.0)])
        optical = view.to_optical(quad)
        if float(card.position[2]) > 0.05 or optical[:, 2].min() < NEAR:
            return
        self._warp(image, self._shadow, self.camera.project(optical))

    def _paint(self, image: Image, depth: Map, card: Card, view: View) -> Box | None:
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
        share = warped[..., 3].astype(np.float32) / 255
        color = np.ascontiguousarray(warped[..., :3])
        region[:] = cv2.blendLinear(color, np.ascontiguousarray(region), share, 1 - share)

    def _sensor(self, image: Image) -> Image:
        """Add the sensor's noise, another one in each image."""
        y, x = self._rng.integers(0, 64, 2)
        noise = self._noise[y : y + image.shape[0], x : x + image.shape[1]]
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def _hazy_levels(paving: Image) -> list[Image]:
    """The paving in levels of detail, each with the haze of the distance that it is for."""
    levels = []
    for level in range(LEVELS):
        small = cv2.resize(
            paving, None, fx=0.5**level, fy=0.5**level, interpolation=cv2.INTER_AREA
        )
        haze = min(NEAREST_LEVEL * 2**level / HAZE_METRES, 1.0)
        levels.append(np.asarray((1 - haze) * small + haze * HAZE_COLOR, np.uint8))
    return levels


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

"""Textures made by procedures: paving, a skyline all around, people, pillars and hedges."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Layer = NDArray[np.float32]
Color = tuple[float, float, float]  # BGR, 0 to 255

PAVING_METRES = 8.0  # side of the paving texture on the ground
PANORAMA_TOP = 0.9  # tangent of the elevation at the panorama's upper edge
PANORAMA_BOTTOM = -0.15


def clouds(
    shape: tuple[int, int], cells: int, rng: np.random.Generator, octaves: int = 5
) -> Layer:
    """Fractal noise in [0, 1] that repeats at its left and right edges.

    Args:
        shape: rows and columns.
        cells: of the coarsest octave, across.
        rng: where the noise comes from.
        octaves: each twice as fine and half as strong as the one before.
    """
    height, width = shape
    total: Layer = np.zeros(shape, np.float32)
    for octave in range(octaves):
        columns = cells * 2**octave
        rows = max(2, round(columns * height / width))
        grid = rng.random((rows, columns)).astype(np.float32)
        grid = np.hstack([grid, grid[:, :2]])
        wide = cv2.resize(
            grid, (width * (columns + 2) // columns, height), interpolation=cv2.INTER_CUBIC
        )
        start = width // columns // 2
        total += wide[:, start : start + width] / 2**octave
    low, high = np.percentile(total, (1, 99))
    return np.asarray(np.clip((total - low) / (high - low), 0, 1), np.float32)


def tinted(layer: Layer, dark: Color, bright: Color) -> Layer:
    """Map values in [0, 1] to colours between two."""
    return np.asarray(
        layer[..., None] * np.asarray(bright, np.float32)
        + (1 - layer[..., None]) * np.asarray(dark, np.float32),
        np.float32,
    )


def as_image(colors: Layer) -> Image:
    """Cut colours to uint8."""
    return np.asarray(np.clip(colors, 0, 255), np.uint8)


def shaded(color: Color, share: float) -> Color:
    """The same colour in less light."""
    return color[0] * share, color[1] * share, color[2] * share


def paving(rng: np.random.Generator, side: int = 1024) -> Image:
    """Paving stones in running bond, worn, with moss in the joints: side x side x 3."""
    stone_w, stone_h = side // 16, side // 32
    y, x = np.mgrid[0:side, 0:side]
    row = y // stone_h
    shifted = (x + (row % 2) * (stone_w // 2)) % side
    column = shifted // stone_w
    tone = rng.normal(0, 9, (32, 16)).astype(np.float32)[row, column]
    grain = clouds((side, side), 64, rng, 4) + 0.6 * rng.random((side, side), np.float32)
    stains = clouds((side, side), 4, rng)
    base = tinted(stains, (112, 122, 130), (150, 160, 166))
    base += (tone + 26 * (grain - 0.8))[..., None]
    edge_x = np.minimum(shifted % stone_w, stone_w - shifted % stone_w)
    edge_y = np.minimum(y % stone_h, stone_h - y % stone_h)
    joint = np.clip(1.8 - np.minimum(edge_x, edge_y) / 1.6, 0, 1).astype(np.float32)
    moss = tinted(stains, (62, 84, 76), (70, 78, 80))
    return as_image(base * (1 - 0.75 * joint[..., None]) + moss * 0.75 * joint[..., None])


def panorama(rng: np.random.Generator, width: int = 4096, height: int = 700) -> Image:
    """Sky, far trees and houses all around: height x width x 3, its edges fit together.

    Rows are linear in the tangent of the elevation, from PANORAMA_TOP to PANORAMA_BOTTOM.
    """
    horizon = int(height * PANORAMA_TOP / (PANORAMA_TOP - PANORAMA_BOTTOM))
    fall = np.linspace(0, 1, horizon, dtype=np.float32)[:, None].repeat(width, 1)
    sky = tinted(fall**1.5, (205, 158, 104), (236, 224, 208))
    cover = np.clip(clouds((horizon, width), 6, rng, 6) * 2.2 - 1.0, 0, 1)[..., None]
    image = np.zeros((height, width, 3), np.float32)
    image[:horizon] = (
        sky * (1 - 0.8 * cover) + np.asarray((246, 243, 240), np.float32) * 0.8 * cover
    )
    image[horizon:] = tinted(
        clouds((height - horizon, width), 64, rng), (70, 92, 88), (96, 118, 118)
    )
    _trees(image, horizon, rng, 52, 0.55)
    _houses(image, horizon, rng)
    _trees(image, horizon, rng, 34, 0.2)
    return as_image(image)


def _trees(image: Layer, horizon: int, rng: np.random.Generator, size: float, haze: float) -> None:
    """Draw a line of trees whose tops are at most `size` rows above the horizon."""
    height, width = image.shape[:2]
    ridge = clouds((8, width), 24, rng, 6)[4]
    leaves = clouds((height, width), 256, rng, 4)
    tops = horizon - size * (0.25 + 0.75 * ridge) - 6 * leaves[horizon]
    rows = np.arange(height)[:, None]
    inside = ((rows > tops[None]) & (rows < horizon + 6)).astype(np.float32)
    inside = cv2.GaussianBlur(inside, (0, 0), 0.8)[..., None]
    depth = np.clip((rows - tops[None]) / size, 0, 1).astype(np.float32)
    near = tinted(np.clip(leaves * 1.2 - 0.5 * depth, 0, 1), (26, 48, 38), (74, 128, 104))
    colors = near * (1 - haze) + np.asarray((214, 206, 194), np.float32) * haze
    image[:] = image * (1 - inside) + colors * inside


def _houses(image: Layer, horizon: int, rng: np.random.Generator) -> None:
    """Draw house fronts with roofs and windows, with gaps between them."""
    width = image.shape[1]
    x = 40
    while x < width - 260:
        w = int(rng.integers(130, 250))
        h = int(rng.integers(52, 96))
        wall = rng.choice([(188, 204, 214), (150, 178, 204), (128, 150, 178), (196, 200, 198)])
        top = horizon - h
        grain = clouds((h + 4, w), 16, rng, 4)
        image[top : horizon + 4, x : x + w] = np.asarray(wall, np.float32) * (
            0.9 + 0.14 * grain[..., None]
        )
        roof = np.array(
            [[x - 6, top], [x + 18, top - 26], [x + w - 18, top - 26], [x + w + 6, top]]
        )
        cv2.fillPoly(image, [roof], (64.0, 78.0, 120.0), cv2.LINE_AA)
        for row in range(top + 10, horizon - 18, 26):
            for column in range(x + 12, x + w - 20, 30):
                shade = float(rng.uniform(0.6, 1.2))
                frame = (column - 1, row - 1), (column + 13, row + 17)
                cv2.rectangle(image, *frame, (222.0, 226.0, 228.0), -1, cv2.LINE_AA)
                pane = (column + 1, row + 1), (column + 11, row + 15)
                cv2.rectangle(
                    image, *pane, tuple(shade * c for c in (96.0, 84.0, 70.0)), -1, cv2.LINE_AA
                )
        x += w + int(rng.integers(40, 320))


def person(
    rng: np.random.Generator, jacket: Color, trousers: Color, bag: Color | None, phase: float
) -> Image:
    """A walking person seen from behind: 400 x 180 x 4 BGRA.

    Args:
        rng: of the cloth's folds.
        jacket: its colour.
        trousers: their colour.
        bag: colour of the rucksack, None: none.
        phase: of the stride, radians.
    """
    canvas = np.zeros((400, 180, 3), np.float32)
    alpha = np.zeros((400, 180), np.float32)
    swing = math.sin(phase)

    def part(points: list[tuple[float, float]], color: Color) -> None:
        """A polygon, smooth by a blur of its mask."""
        mask = np.zeros(alpha.shape, np.float32)
        cv2.fillPoly(mask, [np.array(points, np.int32)], 1.0, cv2.LINE_AA)
        mask = np.clip(cv2.GaussianBlur(mask, (0, 0), 2.2) * 2.4 - 0.7, 0, 1)
        canvas[:] = (
            canvas * (1 - mask[..., None]) + np.asarray(color, np.float32) * mask[..., None]
        )
        np.maximum(alpha, mask, out=alpha)

    for side, step in ((-1, swing), (1, -swing)):
        knee, foot = 90 + side * 20 + 3 * step, 90 + side * 21 + 2 * step
        lift = 14 * max(step, 0)
        shade = 0.82 if step > 0 else 1.0
        leg = shaded(trousers, shade)
        part([(90, 196), (90 + side * 36, 196), (knee + side * 15, 290),
              (foot + side * 12, 378 - lift), (foot - side * 9, 378 - lift),
              (knee - side * 12, 290)], leg)  # fmt: skip
        part([(foot - 13, 374 - lift), (foot + 13, 374 - lift), (foot + 15, 394 - lift),
              (foot - 15, 394 - lift)], (44, 42, 48))  # fmt: skip
    for side, step in ((-1, -swing), (1, swing)):
        x = 90 + side * 52
        hand = 204 + 8 * step
        sleeve = shaded(jacket, 0.8 if step > 0 else 0.92)
        part([(90 + side * 34, 84), (x + side * 6, 100), (x + side * 14, 160),
              (x + side * 9, hand), (x - side * 9, hand), (x - side * 8, 150)],
             sleeve)  # fmt: skip
        part([(x - 8 + side * 2, hand - 4), (x + 9 + side * 2, hand - 4), (x + 7, hand + 16),
              (x - 6, hand + 16)], (116, 148, 196))  # fmt: skip
    part(
        [(52, 82), (74, 70), (106, 70), (128, 82), (133, 150), (129, 216), (51, 216), (47, 150)],
        jacket,
    )
    part([(78, 52), (102, 52), (104, 76), (76, 76)], (110, 142, 190))
    head = [
        (90 + 24 * math.cos(a), 34 + 29 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 24)
    ]
    part(head, (38, 52, 72))
    if bag is not None:
        part([(60, 86), (120, 86), (126, 110), (124, 178), (56, 178), (54, 110)], bag)
        part([(64, 132), (116, 132), (116, 168), (64, 168)], shaded(bag, 0.8))
    return _as_cloth(canvas, alpha, rng)


def _as_cloth(colors: Layer, alpha: Layer, rng: np.random.Generator) -> Image:
    """Add folds and light from the left to a flat picture: h x w x 4 BGRA."""
    folds = clouds((alpha.shape[0], alpha.shape[1]), 7, rng, 5)
    across = np.linspace(-1, 1, alpha.shape[1], dtype=np.float32)[None]
    light = 1.06 - 0.28 * across**2 - 0.12 * across + 0.34 * (folds - 0.5)
    return as_image(np.dstack([colors * light[..., None], 255 * alpha]))


def pillar(rng: np.random.Generator) -> Image:
    """A round concrete pillar: 400 x 120 x 4 BGRA."""
    x = np.linspace(-1, 1, 120, dtype=np.float32)[None]
    light = np.sqrt(np.clip(1 - x**2, 0.02, 1)) * (1.05 - 0.25 * x)
    stains = clouds((400, 120), 5, rng, 6)
    colors = tinted(stains, (138, 146, 150), (182, 188, 190)) * (0.35 + 0.65 * light[..., None])
    colors[::100] *= 0.8  # where the formwork ended
    return as_image(np.dstack([colors, np.full((400, 120), 255, np.float32)]))


def hedge(rng: np.random.Generator, columns: int = 480) -> Image:
    """A clipped hedge: 160 x columns x 4 BGRA."""
    leaves = clouds((160, columns), columns // 8, rng, 4)
    mass = clouds((160, columns), columns // 60, rng, 4)
    down = np.linspace(1.15, 0.55, 160, dtype=np.float32)[:, None]
    colors = tinted(np.clip(0.65 * leaves + 0.4 * mass, 0, 1), (18, 40, 30), (70, 136, 104))
    colors *= down[..., None]
    rows = np.arange(160)[:, None]
    top = 8 + 10 * leaves[20][None] * mass[40][None]
    alpha = np.clip(rows - top, 0, 1) * 255
    return as_image(np.dstack([colors, alpha.astype(np.float32)]))


def shadow() -> Image:
    """A soft dark spot, to lie under what stands on the ground: 64 x 64 x 4 BGRA."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    alpha = np.clip(1 - (x**2 + y**2), 0, 1) ** 1.5 * 150
    return as_image(np.dstack([np.zeros((64, 64, 3), np.float32), alpha.astype(np.float32)]))

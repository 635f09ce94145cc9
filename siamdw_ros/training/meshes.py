"""Objects that turn: meshes rendered from a camera that goes around them, with alpha.

pybullet's software renderer draws them. It is optional; its wheel also brings a thousand random
shapes, pybullet_data/random_urdfs, and some toys, vehicles and robots.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamdw_ros.siamdw.crops import Image
from siamdw_ros.training.augment import Rng
from siamdw_ros.training.objects import Views

SIDE = 192  # pixels of a rendered image, before it is cropped to what is seen
FIELD_OF_VIEW = 40.0  # degrees
MIN_VISIBLE = 16  # pixels; a mesh that shows a shorter side is left out

log = logging.getLogger(__name__)


def read_meshes(files: Sequence[Path], views: int = 8, seed: int = 0) -> list[Views]:
    """Render each URDF file from `views` places on an arc around it.

    Args:
        files: URDF files; those that cannot be loaded are left out, with a warning.
        views: of each mesh.
        seed: of colours and arcs.

    Raises:
        ValueError: there are files, but pybullet is not installed.
    """
    if not files:
        return []
    try:
        import pybullet
    except ImportError as error:
        raise ValueError("meshes need pybullet: pip install pybullet") from error
    client = pybullet.connect(pybullet.DIRECT)
    try:
        rng = np.random.default_rng(seed)
        rendered = [_render(pybullet, file, views, rng) for file in files]
    finally:
        pybullet.disconnect(client)
    return [images for images in rendered if images]


def _render(engine: Any, file: Path, views: int, rng: Rng) -> Views | None:
    try:
        body = engine.loadURDF(str(file), useFixedBase=True)
    except engine.error as error:
        log.warning("%s left out: %s", file, error)
        return None
    _paint(engine, body, rng)
    center, radius = _extent(engine, body)
    distance = 1.1 * radius / np.sin(np.radians(FIELD_OF_VIEW / 2))
    yaw, pitch = rng.uniform(0, 360), rng.uniform(-60, 60)
    yaw_step, pitch_step = rng.uniform(5, 15), rng.uniform(-4, 4)
    images = [
        _look(engine, center, distance, yaw + i * yaw_step, pitch + i * pitch_step)
        for i in range(views)
    ]
    engine.resetSimulation()
    seen = all(min(image.shape[:2]) >= MIN_VISIBLE for image in images)
    return images if seen else None


def _paint(engine: Any, body: int, rng: Rng) -> None:
    """Give two of three parts a colour of their own."""
    for link in range(-1, engine.getNumJoints(body)):
        if rng.random() < 0.67:
            engine.changeVisualShape(body, link, rgbaColor=[*rng.uniform(0.1, 1, 3), 1])


def _extent(engine: Any, body: int) -> tuple[list[float], float]:
    """Middle and radius of a body with all its links."""
    boxes = [engine.getAABB(body, link) for link in range(-1, engine.getNumJoints(body))]
    low = np.min([box[0] for box in boxes], axis=0)
    high = np.max([box[1] for box in boxes], axis=0)
    return ((low + high) / 2).tolist(), max(1e-3, float(np.linalg.norm(high - low) / 2))


def _look(engine: Any, center: list[float], distance: float, yaw: float, pitch: float) -> Image:
    """Render an image and crop it to what is seen: h x w x 4 BGRA."""
    view = engine.computeViewMatrixFromYawPitchRoll(center, distance, yaw, pitch, 0, 2)
    projection = engine.computeProjectionMatrixFOV(
        FIELD_OF_VIEW, 1.0, distance / 100, distance * 3
    )
    _, _, colors, _, bodies = engine.getCameraImage(
        SIDE, SIDE, view, projection, shadow=0, renderer=engine.ER_TINY_RENDERER
    )
    image = np.array(colors, np.uint8).reshape(SIDE, SIDE, 4)[..., [2, 1, 0, 3]]
    mask = np.asarray(bodies).reshape(SIDE, SIDE) >= 0
    image[..., 3] = 255 * mask
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return image[:0, :0]
    return np.ascontiguousarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])

"""What a camera does to a picture: light, colour, blur, noise, low resolution, compression.

Every function takes and gives H x W x 3 uint8 and draws from the generator it is handed, so that
a seed reproduces a picture.
"""

import cv2
import numpy as np

from siamdw_ros.siamdw.crops import Image

Rng = np.random.Generator


def camera_effects(image: Image, rng: Rng) -> Image:
    """Apply each effect with its own probability, in the order light meets a camera."""
    image = light(image, rng)
    if rng.random() < 0.25:
        image = low_resolution(image, rng)
    if rng.random() < 0.35:
        image = motion_blur(image, rng)
    if rng.random() < 0.3:
        image = noise(image, rng)
    if rng.random() < 0.2:
        image = compress(image, rng)
    return image


def light(image: Image, rng: Rng) -> Image:
    """Change gamma, brightness and the gain of each channel, by one table a channel."""
    levels = np.arange(256) / 255.0
    levels = levels ** np.exp(rng.normal(0, 0.2))
    gains = np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.06, 3))
    table = levels[:, None] * gains + rng.normal(0, 0.05)
    table = (np.clip(table, 0, 1) * 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(image, table), np.uint8)


def low_resolution(image: Image, rng: Rng) -> Image:
    """Lose detail as a small or distant target does: shrink by up to 4, enlarge again."""
    size, zoom = image.shape[1::-1], rng.uniform(0.25, 0.8)
    small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def motion_blur(image: Image, rng: Rng) -> Image:
    """Smear along a line of up to 13 pixels in any direction."""
    length, angle = int(rng.integers(3, 14)), rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = (np.round((length - 1) / 2 + s * reach).astype(int).tolist() for s in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


def noise(image: Image, rng: Rng) -> Image:
    """Add Gaussian noise of a standard deviation of up to 12 levels."""
    grain = rng.normal(0, rng.uniform(2, 12), image.shape[:2]).astype(np.float32)
    return np.clip(image + grain[..., None], 0, 255).astype(np.uint8)


def compress(image: Image, rng: Rng) -> Image:
    """Pass through JPEG of low quality."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 60))]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], 1), np.uint8)

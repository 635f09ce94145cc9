"""Effects of a camera on an image: light, colour, blur, noise, low resolution, compression.

Every function takes and gives H x W x 3 uint8 and draws from the generator it is handed, so that
a seed reproduces an image.
"""

import cv2
import numpy as np

from siamdw_ros.siamdw.crops import Image

Rng = np.random.Generator


def camera_effects(
    image: Image, rng: Rng, resolution: float = 1.0, blurred: float = 0.35
) -> Image:
    """Apply each effect with its own probability, in the order light meets a camera.

    Args:
        image: H x W x 3.
        rng: to draw from.
        resolution: camera pixels a pixel of the image. Below one, what happens after the lens
            happens to fewer pixels, and the image is enlarged again, as a window around a
            small or distant target is.
        blurred: how often it is smeared by motion.
    """
    image = light(image, rng, 0.4 if rng.random() < 0.6 else 1.0)
    if rng.random() < blurred:
        image = motion_blur(image, rng)
    size = image.shape[1::-1]
    if resolution < 1:
        image = shrink(image, resolution)
    if rng.random() < 0.3:
        image = noise(image, rng)
    if rng.random() < 0.25:
        image = compress(image, rng)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def draw_resolution(rng: Rng, finest: float = 1.0) -> float:
    """Draw camera pixels a pixel of a pair: half the targets are small, down to 8 pixels."""
    if rng.random() < 0.5:
        return finest
    return min(finest, float(np.exp(rng.uniform(np.log(0.13), 0))))


def light(image: Image, rng: Rng, strength: float = 1.0) -> Image:
    """Change gamma, brightness and the gain of each channel, by one table a channel."""
    levels = np.arange(256) / 255.0
    levels = levels ** np.exp(strength * rng.normal(0, 0.2))
    gains = np.exp(strength * (rng.normal(0, 0.15) + rng.normal(0, 0.06, 3)))
    table = levels[:, None] * gains + strength * rng.normal(0, 0.05)
    table = (np.clip(table, 0, 1) * 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(image, table), np.uint8)


def shadow(image: Image, rng: Rng) -> Image:
    """Darken one side of a random, more or less soft line."""
    height, width = image.shape[:2]
    angle, softness = rng.uniform(0, 2 * np.pi), rng.uniform(2, 40)
    x = np.arange(width, dtype=np.float32)[None] - rng.uniform(0.2, 0.8) * width
    y = np.arange(height, dtype=np.float32)[:, None] - rng.uniform(0.2, 0.8) * height
    depth = (np.cos(angle) * x + np.sin(angle) * y) / np.float32(softness)
    gain = 1 - rng.uniform(0.2, 0.6) / (1 + np.exp(-depth.clip(-20, 20)))
    return np.asarray(image * gain[..., None].astype(np.float32), np.uint8)


def shrink(image: Image, resolution: float) -> Image:
    """Shrink both sides by `resolution` < 1; a new pixel is the mean of those that it covers."""
    size = tuple(max(4, round(side * resolution)) for side in image.shape[1::-1])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def motion_blur(image: Image, rng: Rng) -> Image:
    """Smear along a line of 3 to 25 pixels, more often a short one, in any direction.

    Of an image with alpha (BGRA) the alpha is smeared too.
    """
    length, angle = round(float(np.exp(rng.uniform(np.log(3), np.log(25))))), rng.uniform(0, np.pi)
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


def grey(image: Image) -> Image:
    """Take the colours out, keep three channels."""
    single = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(single, cv2.COLOR_GRAY2BGR), np.uint8)


def recolour(image: Image, rng: Rng) -> Image:
    """Turn all hues by one angle of 60 to 300 degrees; an alpha channel stays as it is."""
    hsv = cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + rng.integers(30, 150)) % 180
    result = image.copy()
    result[..., :3] = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    return result


def bend(image: Image, rng: Rng, strength: float, fixed: tuple[float, float]) -> Image:
    """Deform smoothly, as soft or jointed objects do.

    Args:
        image: H x W x 3 or 4; over the edge comes what is at the edge or, with alpha, nothing.
        rng: to draw from.
        strength: standard deviation of the displacements, as a share of the shorter side.
        fixed: x, y of the pixel that stays where it is.
    """
    height, width = image.shape[:2]
    grid = rng.normal(0, strength * min(height, width), (4, 4, 2)).astype(np.float32)
    moves = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = (int(np.clip(round(c), 0, n - 1)) for c, n in zip(fixed, (width, height), strict=True))
    here = np.dstack(np.meshgrid(np.arange(width), np.arange(height)))
    field = np.asarray(here + moves - moves[y, x], np.float32)
    edge = cv2.BORDER_REPLICATE if image.shape[2] == 3 else cv2.BORDER_CONSTANT
    bent = cv2.remap(image, field, np.empty(0), cv2.INTER_LINEAR, borderMode=edge)
    return np.asarray(bent, np.uint8)

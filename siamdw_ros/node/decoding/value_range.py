"""The range of values of one camera's 16-bit images, and their conversion to 8 bits.

A 16-bit image seldom fills its 16 bits: thermal cameras use some hundred levels anywhere in
them, 10-bit and 12-bit sensors the lowest 1024 or 4096. Taking the high byte would leave a few
grey levels, or one. So the values from the darkest to the brightest percent of the image are
spread over 0 to 255. The range adapts slowly, because a tracker compares each image with those
before it, and a range of each image's own would make the target's brightness flicker.
"""

import math
import sys
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]

ADAPTATION_SECONDS = 2.0  # time constant with which the range follows the images
PERCENTILES = 1, 99  # so that single dead or hot pixels do not set the range
SAMPLED_PIXELS = 6000  # number of pixels from which the range is computed
# A range is of other settings of the camera if it clips more pixels of an image than this, or is
# so many times wider than the image's own.
MOST_CLIPPED = 0.5
MOST_TIMES_WIDER = 4
FILLS_16_BITS = 2**15  # a wider range than this: the high byte is the image
NO_LONGER_FILLS = 2**14  # lower than the above, so that the conversion does not switch each frame
FEW_LEVELS = 32


class Range(NamedTuple):
    """Darkest and brightest value that stay distinct."""

    low: float
    high: float

    @property
    def span(self) -> float:
        """Difference between the brightest and the darkest value."""
        return self.high - self.low

    def suits(self, sample: Values, own: "Range") -> bool:
        """Whether an image would show its contents by this range.

        Args:
            sample: Values of the image.
            own: The image's own range.
        """
        clipped = np.mean((sample < self.low) | (sample > self.high)) if sample.size else 0.0
        return bool(clipped <= MOST_CLIPPED) and self.span <= MOST_TIMES_WIDER * own.span

    def moved(self, other: "Range", share: float) -> "Range":
        """Return the range moved by a share of the way to another one."""
        return Range(
            self.low + share * (other.low - self.low), self.high + share * (other.high - self.high)
        )


class ValueRange:
    """Converts the values of one camera's images to 8 bits, by a range that adapts slowly.

    Only images newer than all before them move the range. An image that is converted again, or
    after a newer one, is converted by the range as it is. An image whose own range is a
    different one altogether (another exposure, the camera's shutter) is converted by its own.
    """

    def __init__(self) -> None:
        self._range: Range | None = None
        self._newest = -math.inf
        self._fills_16_bits = False

    @property
    def warning(self) -> str | None:
        """Warning that the images have very few grey levels, or None."""
        if self._range is None or self._range.span + 1 >= FEW_LEVELS:
            return None
        low, high = round(self._range.low), round(self._range.high)
        return (
            f"the image has only {high - low + 1} grey levels (values {low} to {high}): expected "
            f"at least {FEW_LEVELS}; raise the exposure or gain of the camera"
        )

    def to_bytes(self, values: Values, arrived: float) -> NDArray[np.uint8]:
        """Spread the camera's range of values over 0 to 255.

        Args:
            values: H x W or H x W x channels, any number type. The channels share one range.
            arrived: Arrival time of the image by the steady clock, in seconds.

        Returns:
            The same shape, uint8.
        """
        if values.dtype != np.uint16:
            return _spread_any(values, self._adapted(values, arrived))
        flat = np.ascontiguousarray(values).reshape(len(values), -1)
        used = self._adapted(values, arrived)
        fills = used.span > (NO_LONGER_FILLS if self._fills_16_bits else FILLS_16_BITS)
        if used is self._range:
            self._fills_16_bits = fills
        return (_high_bytes(flat) if fills else _spread(flat, used)).reshape(values.shape)

    def _adapted(self, values: Values, arrived: float) -> Range:
        """Return the range to convert an image by."""
        sample = _sampled(values)
        own = Range(*np.percentile(sample, PERCENTILES).tolist()) if sample.size else Range(0, 0)
        known = self._range
        is_new = arrived > self._newest
        if known is None or not known.suits(sample, own):
            used = own
        elif is_new:
            share = 1 - math.exp((self._newest - arrived) / ADAPTATION_SECONDS)
            used = known.moved(own, share)
        else:
            used = known
        if known is None or is_new:
            self._range = used
            self._newest = arrived
        return used


def _sampled(values: Values) -> Values:
    """Return some thousand values of an image, less those that are no numbers."""
    height, width = values.shape[:2]
    step = int(math.sqrt(height * width / SAMPLED_PIXELS)) | 1  # odd: all colours of a mosaic
    sample = values[::step, ::step]
    if sample.dtype.kind == "f":  # depth images have NaN or infinity where there is no depth
        sample = sample[np.isfinite(sample)]
    return sample


def _high_bytes(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    pairs = values.view(np.uint8).reshape(*values.shape, 2)
    return np.asarray(cv2.extractChannel(pairs, 1 if sys.byteorder == "little" else 0), np.uint8)


def _spread(values: NDArray[np.uint16], used: Range) -> NDArray[np.uint8]:
    low = np.uint16(round(used.low))
    above = np.maximum(values, low)
    above -= low
    return np.asarray(cv2.convertScaleAbs(above, alpha=255 / max(used.span, 1)), np.uint8)


def _spread_any(values: Values, used: Range) -> NDArray[np.uint8]:
    span = used.span or 1
    # Infinity and the like would overflow below; what is cut here is beyond 0 and 255 anyway.
    cut = np.clip(values, used.low - span, used.high + span).astype(np.float32)
    scaled = (np.nan_to_num(cut, nan=used.low) - used.low) * (255 / span)
    return np.clip(scaled, 0, 255).astype(np.uint8)

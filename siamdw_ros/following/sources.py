"""Measures the distance of a target, by the best source that its camera offers.

The sources: depth, known size, ground plane, or the size of the box in relation to the first one.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Camera, Mount
from siamdw_ros.following.ranging import (
    Distance,
    JumpGate,
    distance_from_depth,
    distance_from_ground,
    distance_from_ratio,
    distance_from_size,
)
from siamdw_ros.following.settings import PoseSettings
from siamdw_ros.siamdw.crops import Box

# For this long after the last valid depth, the distance is extrapolated from the box's size. Long
# enough for a few images with holes; short, so that the robot stops when the depth camera fails.
ANCHOR_SECONDS = 0.07


class DepthView(NamedTuple):
    """A depth image, H x W, and the width and height of the colour image it belongs to."""

    pixels: NDArray[np.generic]
    image_size: tuple[int, int]


class Anchor(NamedTuple):
    """A box whose distance was known, metres, at a stamp, seconds."""

    box: Box
    metres: float
    stamp: float


@dataclass
class DistanceSources:
    """Measures the distance of one target by the best source that there is.

    Attributes:
        settings: Known size and distance of the target.
        mount: Mount of the camera.
        source: Source of the last distance, or none.
        rejected: Number of distances that no target can have jumped to.
    """

    settings: PoseSettings
    mount: Mount
    source: str = "none"
    rejected: int = 0
    _target: str | None = None
    _first: Box | None = None
    _depth: Anchor | None = None
    _gate: JumpGate = field(default_factory=JumpGate)

    def measure(
        self, target: str, box: Box, camera: Camera, stamp: float, depth: DepthView | None
    ) -> Distance | None:
        """Measure the distance of a target in an image.

        Args:
            target: Id of the target; a new id starts over.
            box: Pixels.
            camera: Camera of the image.
            stamp: Stamp of the image, seconds.
            depth: Depth image of the same time, if there is one.
        """
        if target != self._target:
            self._target = target
            self._first = box
            self._depth = None
            self._gate = JumpGate()
        found = self._by_depth(box, camera, stamp, depth) or self._without_depth(box, camera)
        self.source = found.source if found else "none"
        return found

    def _by_depth(
        self, box: Box, camera: Camera, stamp: float, depth: DepthView | None
    ) -> Distance | None:
        """Measure by depth. Where it has holes or jumps, extrapolate the last valid depth."""
        if depth is not None:
            found = distance_from_depth(depth.pixels, box, camera, depth.image_size)
            fastest = self.settings.max_target_speed
            if found is not None and self._gate.accept(found, stamp, fastest):
                self._depth = Anchor(box, found.metres, stamp)
                return found
            if found is not None:
                self.rejected += 1
        if self._depth is None or not 0 <= stamp - self._depth.stamp <= ANCHOR_SECONDS:
            return None
        return distance_from_ratio(box, self._depth.box, self._depth.metres)

    def _without_depth(self, box: Box, camera: Camera) -> Distance | None:
        known = self.settings
        found = distance_from_size(box, camera, known.target_height, known.target_width)
        if found is None and self.mount.z > 0:
            found = distance_from_ground(box, camera, self.mount)
        if found is None and self._first is not None:
            found = distance_from_ratio(box, self._first, known.start_distance)
        return found

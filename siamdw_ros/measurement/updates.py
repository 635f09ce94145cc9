"""Time single updates of tracking methods: one image, some targets, always the same work."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from siamdw_ros.measurement.machine import synchronise
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.multi_tracker import MultiTracker


@dataclass
class Update:
    """An update to be timed, and the seconds that it took, round by round.

    targets: as `start` made them; each round works on a copy, for an update moves them.
    """

    method: MultiTracker[Any]
    image: Image
    targets: list[Any]
    seconds: list[float] = field(default_factory=list)

    @property
    def milliseconds(self) -> float:
        """The median."""
        return 1e3 * float(np.median(self.seconds))

    def once(self) -> float:
        """Do it and return how many seconds it took."""
        targets = copy.deepcopy(self.targets)
        device = self.method.runtime.device
        synchronise(device)
        start = time.perf_counter()
        self.method.update(self.image, targets)
        synchronise(device)
        return time.perf_counter() - start


def update_of(method: MultiTracker[Any], image: Image, boxes: Sequence[Box]) -> Update:
    """Start targets on an image and be ready to search them in it."""
    return Update(method, image, [method.start(image, box) for box in boxes])


def time_interleaved(updates: Sequence[Update], rounds: int, title: str) -> None:
    """Time every update once a round, in changing order, after one that does not count."""
    for update in updates:
        update.once()
    for number in tqdm(range(rounds), desc=title, leave=False):
        first = number % len(updates)
        for update in [*updates[first:], *updates[:first]]:
            update.seconds.append(update.once())


def scattered(box: Box, count: int, image: Image) -> list[Box]:
    """As many boxes as asked for, of a box's size, spread evenly over an image."""
    height, width = image.shape[:2]
    columns = int(np.ceil(np.sqrt(count)))
    x, y = np.linspace(0, width - box[2], columns), np.linspace(0, height - box[3], columns)
    places = [(float(left), float(top)) for top in y for left in x]
    return [box, *((left, top, box[2], box[3]) for left, top in places)][:count]


def resized(image: Image, box: Box, size: tuple[int, int]) -> tuple[Image, Box]:
    """An image at another size (width, height), and the box in it."""
    import cv2

    fx, fy = size[0] / image.shape[1], size[1] / image.shape[0]
    x, y, w, h = box
    return np.asarray(cv2.resize(image, size), np.uint8), (x * fx, y * fy, w * fx, h * fy)

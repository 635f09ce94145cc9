"""A process that does a few updates and prints how much memory it then has, in bytes."""

import os
import sys

import numpy as np

from siamdw_ros.measurement.usage import usage
from siamdw_ros.siamdw import create_tracker

UPDATES = 5


def main(model: str, checkpoint: str, precision: str) -> None:
    """Track a patch of noise through VGA images and print the process's memory."""
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    tracker = create_tracker(model, checkpoint, precision=precision)
    tracker.init(image, (280.0, 200.0, 80.0, 80.0))
    for _ in range(UPDATES):
        tracker.track(image)
    print(usage(os.getpid()).rss)


if __name__ == "__main__":
    main(*sys.argv[1:])

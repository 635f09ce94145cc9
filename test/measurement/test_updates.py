"""Timing single updates, on a network that costs next to nothing."""

import numpy as np
import pytest
from tiny import tiny_method

from siamdw_ros.measurement.updates import resized, scattered, time_interleaved, update_of

BOX = (30.0, 20.0, 40.0, 30.0)


@pytest.mark.parametrize("kind", ["siamfc", "siamrpn"])
def test_each_round_does_the_same_work(kind):
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    update = update_of(tiny_method(kind), image, [BOX, BOX])
    time_interleaved([update], 3, "test")
    assert len(update.seconds) == 3
    assert update.milliseconds > 0
    assert [target.box for target in update.targets] == [BOX, BOX]  # none has moved


def test_scattered_boxes_lie_inside_the_image():
    image = np.zeros((120, 160, 3), np.uint8)
    boxes = scattered(BOX, 7, image)
    assert boxes[0] == BOX
    assert len(boxes) == 7
    assert all(0 <= x <= 120 and 0 <= y <= 90 and (w, h) == (40, 30) for x, y, w, h in boxes)


def test_a_box_is_resized_with_its_image():
    image, box = resized(np.zeros((120, 160, 3), np.uint8), BOX, (320, 120))
    assert image.shape == (120, 320, 3)
    assert box == (60.0, 20.0, 80.0, 30.0)

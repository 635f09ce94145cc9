"""A target at another resolution."""

import dataclasses

import cv2
import numpy as np
import pytest

from siamdw_ros.siamdw import create_multi_tracker
from siamdw_ros.siamdw.bundled import BUNDLED

NOT_IN_PIXELS = {"fill", "parity", "response", "searches_since_lost"}


def numbers(target):
    """What a target stores as numbers, by name; templates and the rest are none."""
    stored = {field.name: getattr(target, field.name) for field in dataclasses.fields(target)}
    kinds = (int, float, bool, tuple, np.ndarray)  # exactly: a template is a tuple by descent
    return {name: np.asarray(v) for name, v in stored.items() if type(v) in kinds}


@pytest.mark.parametrize("network", BUNDLED)
def test_all_that_a_target_stores_in_pixels_is_scaled(network):
    tracker = create_multi_tracker(network, device="cpu", precision="full", backend="torch")
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    target = tracker.start(image, (60, 40, 30, 40))
    tracker.update(cv2.resize(image, None, fx=1.1, fy=1.1)[:120, :160], [target])
    before = numbers(target)
    assert {"center", "size", "image_size", "search_side"} < set(before)
    target.rescale(3.0, cv2.resize(image, None, fx=3, fy=3))
    after = numbers(target)
    for name, value in before.items():
        factor = 1.0 if name in NOT_IN_PIXELS else 3.0
        np.testing.assert_allclose(after[name], factor * value, err_msg=name)

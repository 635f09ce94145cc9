"""Augmentation by the effects of cameras."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from drawn_images import textured

from siamdw_ros.training import augment

EFFECTS: dict[str, Callable[..., np.ndarray]] = {
    "all": augment.camera_effects,
    "from afar": lambda image, rng: augment.camera_effects(image, rng, resolution=0.2),
    "light": augment.light,
    "shadow": augment.shadow,
    "blur": augment.motion_blur,
    "noise": augment.noise,
    "compression": augment.compress,
    "hue": augment.recolour,
    "bending": lambda image, rng: augment.bend(image, rng, 0.05, (10.0, 10.0)),
}


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_effects_keep_the_form_change_the_pixels_and_obey_the_seed(
    effect: Callable[..., np.ndarray],
) -> None:
    image = textured(0, 60, 80)
    before = image.copy()
    for seed in range(5):
        first, again = (effect(image, np.random.default_rng(seed)) for _ in range(2))
        assert (first.shape, first.dtype) == (image.shape, np.uint8)
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, image)
    np.testing.assert_array_equal(image, before)


def test_a_coarse_camera_loses_detail_and_keeps_the_rest() -> None:
    image = textured(0, 120, 120)
    small = augment.shrink(image, 0.1)
    assert small.shape == (12, 12, 3)
    np.testing.assert_allclose(small.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=1)


def test_half_of_the_pairs_have_a_lower_resolution() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([augment.draw_resolution(rng) for _ in range(2000)])
    assert 0.45 < (drawn < 1).mean() < 0.55
    assert 0.13 <= drawn.min() < 0.2
    assert max(augment.draw_resolution(rng, finest=0.5) for _ in range(100)) == 0.5


def test_a_smeared_cutout_is_smeared_in_its_alpha_too() -> None:
    image = np.zeros((40, 40, 4), np.uint8)
    image[10:30, 10:30] = 255
    rng = np.random.default_rng(0)
    soft = [augment.motion_blur(image, rng)[..., 3] for _ in range(5)]
    assert all(((alpha > 20) & (alpha < 235)).any() for alpha in soft)


def test_bending_leaves_the_fixed_pixel_in_place_and_moves_others() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    cv2.circle(image, (70, 30), 3, (255, 255, 255), -1)
    for seed in range(5):
        bent = augment.bend(image, np.random.default_rng(seed), 0.1, (70.0, 30.0))
        assert bent[30, 70].min() > 200
    marks = textured(3, 100, 100)
    bent = augment.bend(marks, np.random.default_rng(0), 0.1, (70.0, 30.0))
    assert np.abs(bent.astype(int) - marks).mean() > 5

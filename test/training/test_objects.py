"""Objects with alpha, and how they are laid over images."""

import cv2
import numpy as np
import pytest
from drawn_images import photographs, textured

from siamdw_ros.siamdw.crops import context_side
from siamdw_ros.training.objects import ObjectSource, boxed, moved, tear
from siamdw_ros.training.views import camera, paste, warp


@pytest.fixture
def rng() -> np.random.Generator:
    """Draw the same each time."""
    return np.random.default_rng(0)


def test_a_torn_blob_touches_every_side_of_its_picture(rng: np.random.Generator) -> None:
    for _ in range(10):
        alpha = tear(textured(0), rng)[..., 3]
        assert 0.1 < (alpha > 128).mean() < 1
        assert all(
            edge.max() > 50 for edge in (alpha[:2], alpha[-2:], alpha[:, :2], alpha[:, -2:])
        )


def test_things_come_from_cutouts_and_photographs_and_are_stretched(
    rng: np.random.Generator,
) -> None:
    cutout = np.full((50, 50, 4), 255, np.uint8)
    objects = [ObjectSource(photographs(), [cutout]).draw(rng) for _ in range(60)]
    plain = [shown.image for shown in objects if (shown.image == 255).all()]
    assert 20 < len(plain) < 50
    aspects = [image.shape[1] / image.shape[0] for image in plain]
    assert min(aspects) < 0.8
    assert max(aspects) > 1.25
    assert 1.0 in aspects


def test_a_box_drawn_by_hand_is_about_right(rng: np.random.Generator) -> None:
    image = np.full((40, 80, 4), 255, np.uint8)
    for _ in range(50):
        shown = boxed([image], rng)
        assert (np.abs(shown.center - (40, 20)) <= (8, 4)).all()
        assert 0.8 < shown.side / context_side(np.array([80.0, 40.0])) < 1.25


def test_a_moved_thing_keeps_its_form_and_is_itself_unchanged(rng: np.random.Generator) -> None:
    shown = boxed([np.dstack([textured(0, 60, 60), np.full((60, 60), 255, np.uint8)])], rng)
    before = shown.image.copy()
    later = moved(shown, rng, blurred=1, bent=1).image
    assert later.shape == shown.image.shape
    np.testing.assert_array_equal(shown.image, before)
    assert not np.array_equal(later, before)


def test_a_turning_thing_shows_another_look_in_a_box_of_its_own(
    rng: np.random.Generator,
) -> None:
    views = [np.full((40, 20 + 10 * i, 4), 20 * i, np.uint8) for i in range(8)]
    objects, others = ObjectSource(photographs(), turning=[views]), 0
    for shown in (objects.draw(rng) for _ in range(60)):
        if shown.later is None:
            continue
        later = moved(shown, rng, blurred=0, bent=0)
        first, second = (int(view.image[0, 0, 0]) // 20 for view in (shown, later))
        others += first != second
        assert abs(first - second) <= 3
        shift = [view.center / view.image.shape[1::-1] for view in (shown, later)]
        np.testing.assert_allclose(*shift, atol=1e-6)
        assert (later.side > shown.side) == (second > first)
    assert others > 3


@pytest.mark.parametrize("offset", [(0, 0), (70, -60), (-120, 0), (500, 500)])
def test_pasting_equals_warping_the_whole_canvas(
    offset: tuple[float, float], rng: np.random.Generator
) -> None:
    """Only the part that an object covers is computed; also half outside, and quite outside."""
    shown, canvas = tear(textured(0), rng), textured(1, 191, 191)
    homography = camera(np.array([20.0, 30.0]), 1.1, 0.5, np.array(offset, float), 191)
    warped = cv2.warpPerspective(shown, homography, (191, 191)).astype(float)
    alpha = warped[..., 3:] / 255
    expected = warped[..., :3] * alpha + canvas * (1 - alpha)
    paste(canvas, shown, homography)
    assert np.abs(canvas - expected).max() <= 8  # rounding of coordinates at steep edges
    assert np.abs(canvas - expected).mean() < 1


def test_a_camera_takes_the_target_to_the_offset() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[39:41, 59:61] = 255  # around x 60, y 40
    view = camera(np.array([60.0, 40.0]), 2.0, 0.3, np.array([-20.0, 10.0]), 101)
    ys, xs = np.nonzero(warp(image, view, 101, np.zeros(3))[..., 0] > 60)
    assert xs.mean() + 0.5 == pytest.approx(101 / 2 - 20, abs=0.3)
    assert ys.mean() + 0.5 == pytest.approx(101 / 2 + 10, abs=0.3)

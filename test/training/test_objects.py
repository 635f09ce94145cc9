"""Things with alpha, and how they are laid over pictures."""

import cv2
import numpy as np
import pytest
from pictures import photographs, textured

from siamdw_ros.siamdw.crops import context_side
from siamdw_ros.training.objects import Things, boxed, moved, tear
from siamdw_ros.training.views import camera, look, paste


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
    things = [Things(photographs(), [cutout]).draw(rng) for _ in range(60)]
    plain = [thing.picture for thing in things if (thing.picture == 255).all()]
    assert 20 < len(plain) < 50
    aspects = [picture.shape[1] / picture.shape[0] for picture in plain]
    assert min(aspects) < 0.8
    assert max(aspects) > 1.25
    assert 1.0 in aspects


def test_a_box_drawn_by_hand_is_about_right(rng: np.random.Generator) -> None:
    picture = np.full((40, 80, 4), 255, np.uint8)
    for _ in range(50):
        thing = boxed([picture], rng)
        assert (np.abs(thing.center - (40, 20)) <= (8, 4)).all()
        assert 0.8 < thing.side / context_side(np.array([80.0, 40.0])) < 1.25


def test_a_moved_thing_keeps_its_form_and_is_itself_unchanged(rng: np.random.Generator) -> None:
    thing = boxed([np.dstack([textured(0, 60, 60), np.full((60, 60), 255, np.uint8)])], rng)
    before = thing.picture.copy()
    later = moved(thing, rng, blurred=1, bent=1).picture
    assert later.shape == thing.picture.shape
    np.testing.assert_array_equal(thing.picture, before)
    assert not np.array_equal(later, before)


def test_a_turning_thing_shows_another_look_in_a_box_of_its_own(
    rng: np.random.Generator,
) -> None:
    looks = [np.full((40, 20 + 10 * i, 4), 20 * i, np.uint8) for i in range(8)]
    things, others = Things(photographs(), turning=[looks]), 0
    for thing in (things.draw(rng) for _ in range(60)):
        if thing.later is None:
            continue
        later = moved(thing, rng, blurred=0, bent=0)
        first, second = (int(look.picture[0, 0, 0]) // 20 for look in (thing, later))
        others += first != second
        assert abs(first - second) <= 3
        shift = [look.center / look.picture.shape[1::-1] for look in (thing, later)]
        np.testing.assert_allclose(*shift, atol=1e-6)
        assert (later.side > thing.side) == (second > first)
    assert others > 3


@pytest.mark.parametrize("offset", [(0, 0), (70, -60), (-120, 0), (500, 500)])
def test_pasting_equals_warping_the_whole_canvas(
    offset: tuple[float, float], rng: np.random.Generator
) -> None:
    """Only the part that a thing covers is computed; also half outside, and quite outside."""
    thing, canvas = tear(textured(0), rng), textured(1, 191, 191)
    homography = camera(np.array([20.0, 30.0]), 1.1, 0.5, np.array(offset, float), 191)
    warped = cv2.warpPerspective(thing, homography, (191, 191)).astype(float)
    alpha = warped[..., 3:] / 255
    expected = warped[..., :3] * alpha + canvas * (1 - alpha)
    paste(canvas, thing, homography)
    assert np.abs(canvas - expected).max() <= 8  # rounding of coordinates at steep edges
    assert np.abs(canvas - expected).mean() < 1


def test_a_camera_takes_the_target_to_the_offset() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[39:41, 59:61] = 255  # around x 60, y 40
    view = camera(np.array([60.0, 40.0]), 2.0, 0.3, np.array([-20.0, 10.0]), 101)
    ys, xs = np.nonzero(look(picture, view, 101, np.zeros(3))[..., 0] > 60)
    assert xs.mean() + 0.5 == pytest.approx(101 / 2 - 20, abs=0.3)
    assert ys.mean() + 0.5 == pytest.approx(101 / 2 + 10, abs=0.3)

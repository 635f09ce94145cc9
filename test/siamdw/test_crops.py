"""Windows cut from an image, against direct computations."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.siamdw.crops import (
    context_side,
    crop_window,
    mean_color,
    published_window,
    round_half_away,
)

HEIGHT, WIDTH = 40, 56
FILL = np.array([90.7, 120.2, 150.5])
coordinates = st.floats(-80, 130)
halves = st.integers(-160, 260).map(lambda value: value / 2)


def smooth_image(seed=0):
    """Random, but so smooth that rounding of coordinates hardly shows."""
    coarse = np.random.default_rng(seed).integers(60, 190, (4, 4, 3)).astype(np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def pixel(image, row, column):
    inside = 0 <= row < image.shape[0] and 0 <= column < image.shape[1]
    return image[row, column].astype(float) if inside else FILL


def sampled_window(image, center, side, out):
    """Look up, pixel by pixel, the bilinear value at the place that it shows."""
    window = np.empty((out, out, 3))
    for i in range(out):
        for j in range(out):
            x = center[0] - side / 2 + (j + 0.5) * side / out - 0.5
            y = center[1] - side / 2 + (i + 0.5) * side / out - 0.5
            column, row = int(np.floor(x)), int(np.floor(y))
            right, down = x - column, y - row
            window[i, j] = (
                pixel(image, row, column) * (1 - right) * (1 - down)
                + pixel(image, row, column + 1) * right * (1 - down)
                + pixel(image, row + 1, column) * (1 - right) * down
                + pixel(image, row + 1, column + 1) * right * down
            )
    return window


@given(x=coordinates, y=coordinates, side=st.floats(3, 90), out=st.integers(2, 12))
def test_window_shows_what_lies_around_its_centre(x, y, side, out):
    image, center = smooth_image(), np.array([x, y])
    expected = sampled_window(image, center, side, out)
    window = crop_window(image, center, side, out, FILL)
    # OpenCV rounds coordinates to 1/32 px; at the image's edge that is worth up to 130 / 32.
    assert np.abs(window - expected).max() <= 6


def test_window_of_the_whole_image_is_the_image():
    image = noise()[:, :HEIGHT]
    center = np.array([HEIGHT / 2, HEIGHT / 2])
    np.testing.assert_array_equal(crop_window(image, center, HEIGHT, HEIGHT, FILL), image)


def canvas_window(image, center, side, out):
    """The authors' way: put the image on a canvas large enough, then slice."""
    left, top = (round(c - (side + 1) / 2) for c in center)
    margin = max(0, -left, -top, left + side - WIDTH, top + side - HEIGHT)
    shape = (HEIGHT + 2 * margin, WIDTH + 2 * margin, 3)
    canvas = np.empty(shape, np.uint8)
    canvas[:] = FILL.astype(np.uint8)
    canvas[margin : margin + HEIGHT, margin : margin + WIDTH] = image
    window = canvas[top + margin : top + margin + side, left + margin : left + margin + side]
    return window if side == out else cv2.resize(window, (out, out))


@given(
    x=coordinates | halves,
    y=coordinates | halves,
    side=st.integers(1, 150),
    out=st.integers(1, 40),
)
def test_published_window_is_a_slice_of_a_filled_canvas(x, y, side, out):
    image = noise()
    window = published_window(image, np.array([x, y]), side, out, FILL)
    np.testing.assert_array_equal(window, canvas_window(image, (x, y), side, out))


def test_published_window_at_half_pixels_rounds_to_even():
    image = np.broadcast_to(np.arange(WIDTH, dtype=np.uint8)[None, :, None], (HEIGHT, WIDTH, 3))
    first = [
        published_window(image, np.array([x, 20.0]), 8, 8, FILL)[0, 0, 0] for x in (10, 11, 12)
    ]
    assert first == [6, 6, 8]  # of 5.5, 6.5, 7.5


def test_context_of_a_square_is_twice_its_side():
    assert context_side(np.array([30.0, 30.0])) == pytest.approx(60)
    assert context_side(np.array([60.0, 40.0])) == pytest.approx(np.sqrt(110 * 90))


def test_fill_is_the_mean_of_each_channel():
    image = noise()
    expected = [image[..., channel].mean() for channel in range(3)]
    np.testing.assert_allclose(mean_color(image), expected)


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.5, 1), (1.5, 2), (2.5, 3), (2.49, 2), (-0.5, -1), (-2.5, -3), (4, 4)]
)
def test_halves_round_away_from_zero(value, rounded):
    assert round_half_away(value) == rounded

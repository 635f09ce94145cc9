"""The range of values of 16-bit images: taken from the images, steady over time."""

import numpy as np
import pytest

from siamdw_ros.node.decoding.value_range import (
    ADAPTATION_SECONDS,
    FEW_LEVELS,
    ValueRange,
)

FRAME = 1 / 30  # seconds


def image(low: int, high: int, seed: int = 0) -> np.ndarray:
    """H x W uint16 with all values of a range."""
    rng = np.random.default_rng(seed)
    return rng.integers(low, high, (480, 640), endpoint=True).astype(np.uint16)


def test_a_bright_object_that_enters_changes_the_rest_of_the_image_slowly() -> None:
    values = image(7700, 8000)
    entered = values.copy()
    entered[100:200, 100:200] = 9000  # 3 percent of the image: its own range would be 7700..9000
    camera = ValueRange()
    before = camera.to_bytes(values, 0.0)[300:].astype(int)
    after = camera.to_bytes(entered, FRAME)[300:].astype(int)
    assert np.abs(after - before).max() < 20
    alone = ValueRange().to_bytes(entered, 0.0)[300:].astype(int)
    assert np.abs(alone - before).max() > 150


def test_the_range_follows_within_some_time_constants() -> None:
    camera, now = ValueRange(), 0.0
    camera.to_bytes(image(7700, 8000), now)
    while now < 4 * ADAPTATION_SECONDS:
        now += FRAME
        result = camera.to_bytes(image(7700, 8400), now)
    alone = ValueRange().to_bytes(image(7700, 8400), 0.0)
    assert np.abs(result.astype(int) - alone).max() < 8


def test_another_exposure_is_taken_over_at_once() -> None:
    camera = ValueRange()
    camera.to_bytes(image(7700, 8000), 0.0)
    result = camera.to_bytes(image(20000, 24000), FRAME)
    np.testing.assert_array_equal(result, ValueRange().to_bytes(image(20000, 24000), 0.0))


def test_one_broken_image_does_not_spoil_those_after_it() -> None:
    camera, values = ValueRange(), image(7700, 8000)
    before = camera.to_bytes(values, 0.0)
    camera.to_bytes(image(0, 65535), FRAME)
    np.testing.assert_array_equal(camera.to_bytes(values, 2 * FRAME), before)


def test_an_older_image_does_not_move_the_range() -> None:
    one, other = ValueRange(), ValueRange()
    for camera in (one, other):
        camera.to_bytes(image(7700, 8000), 0.0)
        camera.to_bytes(image(7700, 8050), 1.0)
    first = one.to_bytes(image(7700, 8200), 0.5)
    np.testing.assert_array_equal(one.to_bytes(image(7700, 8200), 0.5), first)
    one.to_bytes(image(100, 200), 0.7)  # another exposure, but long ago
    newest = image(7700, 8020)
    np.testing.assert_array_equal(one.to_bytes(newest, 2.0), other.to_bytes(newest, 2.0))


def test_an_image_that_fills_16_bits_keeps_its_high_byte_through_darker_ones() -> None:
    camera = ValueRange()
    full, darker = image(0, 65535), image(0, 30000)
    for index, values in enumerate([full, darker, full, darker]):
        result = camera.to_bytes(values, index * FRAME)
        np.testing.assert_array_equal(result, values >> 8)


def test_dead_and_hot_pixels_do_not_set_the_range() -> None:
    values = image(7700, 8000)
    chance = np.random.default_rng(1).random(values.shape)
    values[chance < 0.004] = 0
    values[chance > 0.996] = 65535
    result = ValueRange().to_bytes(values, 0.0)
    assert len(np.unique(result)) > 200


def test_every_colour_of_a_mosaic_counts() -> None:
    mosaic = np.zeros((480, 640), np.uint16)
    mosaic[1::2, 1::2] = 900  # a pure colour: one cell of four
    assert ValueRange().to_bytes(mosaic, 0.0).max() == 255


@pytest.mark.parametrize(("high", "few"), [(500 + FEW_LEVELS, False), (508, True), (500, True)])
def test_few_grey_levels_are_warned_of(high: int, few: bool) -> None:
    camera = ValueRange()
    camera.to_bytes(image(500, high), 0.0)
    if few:
        assert f"only {high - 499} grey levels (values 500 to {high})" in (camera.warning or "")
    else:
        assert camera.warning is None


def test_no_depth_counts_as_no_value() -> None:
    depth = np.linspace(1.0, 5.0, 100 * 100, dtype=np.float32).reshape(100, 100)
    depth[:10] = np.nan
    depth[10:20] = np.inf
    result = ValueRange().to_bytes(depth, 0.0)
    assert result[:10].max() == 0
    assert result[20, 0] < 3
    assert result[-1, -1] == 255

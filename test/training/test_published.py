"""Published pairs show the same object twice, where they state."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_images import encoded, textured

from siamdw_ros.siamdw.crops import context_side
from siamdw_ros.training.datasets import Dataset, Source
from siamdw_ros.training.datasets.tracks import Tally, Track
from siamdw_ros.training.published import Augmentation, TrackPairs, color_jitter

BOX = (150.0, 90.0, 60.0, 40.0)
STILL = Augmentation(0, 0, 0, 0)


def dataset(images: list[bytes], max_gap: int = 100, share: float = 1.0) -> Dataset:
    """One track of these images, the target always in the same place."""
    boxes = np.tile(np.float32(BOX), (len(images), 1))
    track = Track("track", images, boxes, np.arange(len(images)))
    source = Source("otb", Path("somewhere"), share=share, max_gap=max_gap)
    return Dataset(source, [[track]], Tally())


@pytest.fixture
def textures() -> list[bytes]:
    """The same textured image, three times."""
    return [encoded(textured(0, 240, 360))] * 3


def find(search: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Where correlation finds the middle of the template, from the search region's middle."""
    patch = template[32:-32, 32:-32]
    response = cv2.matchTemplate(search, patch, cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(response.argmax(), response.shape)
    return np.array([column, row]) + patch.shape[0] / 2 - search.shape[0] / 2


def test_without_changes_the_exemplar_is_the_middle_of_the_search_region(
    textures: list[bytes],
) -> None:
    pair = TrackPairs([dataset(textures)], 255, STILL).draw(np.random.default_rng(0))
    difference = cv2.absdiff(pair.template, np.ascontiguousarray(pair.search[64:191, 64:191]))
    assert difference.max() <= 1  # the interpolation's rounding
    zoom = 127 / context_side(np.array(BOX[2:]))
    np.testing.assert_allclose(pair.size, zoom * np.array(BOX[2:]))
    assert pair.offset.tolist() == [0, 0]


def test_the_target_is_at_its_offset(textures: list[bytes]) -> None:
    change = Augmentation(0, 0, search_shift=40, search_scale=0)
    pairs, rng = TrackPairs([dataset(textures)], 255, change), np.random.default_rng(0)
    for _ in range(10):
        pair = pairs.draw(rng)
        np.testing.assert_allclose(find(pair.search, pair.template), pair.offset, atol=1)


def test_shifts_and_scales_stay_within_their_limits_and_vary(textures: list[bytes]) -> None:
    pairs, rng = TrackPairs([dataset(textures)], 255), np.random.default_rng(0)
    drawn = [pairs.draw(rng) for _ in range(40)]
    offsets = np.array([pair.offset for pair in drawn])
    scales = np.array([pair.size for pair in drawn]) / BOX[2:]
    scales *= context_side(np.array(BOX[2:])) / 127
    assert 3 < np.abs(offsets).max() <= 4
    assert 0.95 < 1 / scales.max() < 1 < 1 / scales.min() < 1.05
    assert len(np.unique(offsets)) == offsets.size  # every pair draws its own


def test_mirrored_pairs_have_mirrored_offsets(textures: list[bytes]) -> None:
    change = Augmentation(0, 0, 40, 0, flip=1.0)
    pair = TrackPairs([dataset(textures)], 255, change).draw(np.random.default_rng(0))
    np.testing.assert_allclose(find(pair.search, pair.template), pair.offset, atol=1)


def test_frames_of_a_pair_lie_no_further_apart_than_allowed() -> None:
    images = [encoded(np.full((60, 80, 3), 5 * index, np.uint8)) for index in range(50)]
    pairs, rng = TrackPairs([dataset(images, max_gap=3)], 143, STILL), np.random.default_rng(0)
    gaps = [
        (int(pair.search[71, 71, 0]) - int(pair.template[63, 63, 0])) / 5
        for pair in (pairs.draw(rng) for _ in range(60))
    ]
    assert (min(gaps), max(gaps)) == (-3, 3)


def test_data_sets_are_drawn_from_by_their_shares() -> None:
    dark, light = ([encoded(np.full((60, 80, 3), level, np.uint8))] for level in (0, 200))
    pairs = TrackPairs([dataset(dark, share=1), dataset(light, share=3)], 143, STILL)
    rng = np.random.default_rng(0)
    found = np.mean([pairs.draw(rng).search.mean() > 100 for _ in range(300)])
    assert found == pytest.approx(0.75, abs=0.06)


def test_a_damaged_picture_is_warned_of_and_another_pair_drawn(
    textures: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    pairs, rng = TrackPairs([dataset([*textures, b"broken"])], 143), np.random.default_rng(0)
    with caplog.at_level(logging.WARNING):
        for _ in range(10):
            assert pairs.draw(rng).search.shape == (143, 143, 3)
    assert "track, frame 3: not an image that OpenCV can read" in caplog.text


def test_nothing_but_damaged_pictures_is_an_error() -> None:
    with pytest.raises(OSError, match="in a row"):
        TrackPairs([dataset([b"broken"])], 143).draw(np.random.default_rng(0))


def test_what_lies_outside_of_the_picture_has_its_mean_colour() -> None:
    small = [encoded(np.full((42, 62, 3), (10, 20, 30), np.uint8))]
    boxes = np.float32([[1, 1, 60, 40]])
    one = Dataset(
        Source("coco", Path("here")), [[Track("t", small, boxes, np.arange(1))]], Tally()
    )
    pair = TrackPairs([one], 255, STILL).draw(np.random.default_rng(0))
    assert (pair.search == (10, 20, 30)).all()


def test_colours_change_by_little_and_differently_each_time() -> None:
    image, rng = textured(0), np.random.default_rng(0)
    first, second = (color_jitter(image, 0.05, rng) for _ in range(2))
    assert 0 < cv2.absdiff(first, image).mean() < 20
    assert not np.array_equal(first, second)

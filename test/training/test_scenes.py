"""Pairs show the same thing twice, where they say."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import photographs, write_sequence

from siamdw_ros.training.augment import camera_effects
from siamdw_ros.training.scenes import TEMPLATE_CANVAS, Pair, PairMaker, Shares
from siamdw_ros.training.sources import read_sequence

SIDE = 191


def maker(tmp_path: Path, shares: Shares) -> PairMaker:
    """Make pairs of pictures that are drawn here."""
    rows = [f"{i:06d}.jpg,{100 + 4 * i},80,40,30" for i in range(3)]
    sequence = read_sequence(write_sequence(tmp_path / "walk.zip", rows))
    return PairMaker(photographs(), sequences=[sequence], search_side=SIDE, shares=shares)


KINDS = {
    "objects": Shares(1, 0, 0),
    "photographs": Shares(0, 1, 0),
    "sequences": Shares(0, 0, 1),
}


@pytest.mark.parametrize("shares", KINDS.values(), ids=KINDS)
def test_pairs_have_the_promised_form(tmp_path: Path, shares: Shares) -> None:
    pairs, rng = maker(tmp_path, shares), np.random.default_rng(0)
    for _ in range(10):
        pair = pairs.draw(rng)
        assert pair.template.shape == (TEMPLATE_CANVAS, TEMPLATE_CANVAS, 3)
        assert pair.search.shape == (SIDE, SIDE, 3)
        assert pair.template.dtype == pair.search.dtype == np.uint8
        assert (np.abs(pair.offset) <= pairs.max_offset).all()


@pytest.mark.parametrize("shares", KINDS.values(), ids=KINDS)
def test_one_seed_gives_one_series(tmp_path: Path, shares: Shares) -> None:
    first, second = (
        [maker(tmp_path, shares).draw(rng) for _ in range(3)]
        for rng in (np.random.default_rng(7), np.random.default_rng(7))
    )
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.search, b.search)
        np.testing.assert_array_equal(a.offset, b.offset)


def found_offset(pair: Pair) -> np.ndarray:
    """Where correlation finds the middle of the template in the search region."""
    patch = pair.template[63:-63, 63:-63]
    response = cv2.matchTemplate(pair.search, patch, cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(response.argmax(), response.shape)
    return np.array([column, row]) + patch.shape[0] / 2 - SIDE / 2


def test_the_target_is_where_the_offset_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undisturbed pairs of one photograph: another algorithm finds the same place."""
    monkeypatch.setattr("siamdw_ros.training.scenes.camera_effects", lambda image, _rng: image)
    pairs, rng = maker(tmp_path, KINDS["photographs"]), np.random.default_rng(1)
    errors = [
        np.abs(found_offset(pair) - pair.offset).max()
        for pair in (pairs.draw(rng) for _ in range(30))
    ]
    assert np.median(errors) < 3


def test_camera_effects_keep_the_form_and_change_the_pixels() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for _ in range(20):
        result = camera_effects(picture, rng)
        assert (result.shape, result.dtype) == (picture.shape, np.uint8)
        assert not np.array_equal(result, picture)


def test_no_photographs_is_an_error() -> None:
    with pytest.raises(ValueError, match="no photographs"):
        PairMaker([])


def test_a_search_region_that_leaves_no_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 143 px"):
        PairMaker(photographs(), search_side=127)

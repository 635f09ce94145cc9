"""Pairs show the same object twice, where they state."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_images import photographs, write_sequence

from siamdw_ros.training.datasets.annotated import read_frame_tables
from siamdw_ros.training.datasets.tracks import Tally
from siamdw_ros.training.scenes import (
    EXEMPLAR,
    TEMPLATE_CANVAS,
    Pair,
    PairMaker,
    Shares,
    two_scales,
)

SIDE = 191


def maker(tmp_path: Path, shares: Shares) -> PairMaker:
    """Make pairs of images that are drawn here."""
    rows = [f"{i:06d}.jpg,{100 + 4 * i},80,40,30" for i in range(3)]
    (walk,) = read_frame_tables(write_sequence(tmp_path / "walk.zip", rows), Tally())
    return PairMaker(photographs(), [disc()], walk, SIDE, shares, videos=walk)


def disc() -> np.ndarray:
    """Make a magenta disc with alpha: 60 x 60 x 4."""
    image = np.zeros((60, 60, 4), np.uint8)
    cv2.circle(image, (30, 30), 28, (255, 0, 255, 255), -1)
    return image


KINDS = {
    "objects": Shares(1, 0, 0, 0),
    "photographs": Shares(0, 1, 0, 0),
    "sequences": Shares(0, 0, 1, 0),
    "videos": Shares(0, 0, 0, 1),
}


def no_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let cameras show objects as they are."""
    monkeypatch.setattr("siamdw_ros.training.scenes.camera_effects", lambda image, *_, **__: image)
    monkeypatch.setattr("siamdw_ros.training.scenes.shadow", lambda image, _rng: image)
    monkeypatch.setattr("siamdw_ros.training.scenes.grey", lambda image: image)


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


def test_the_target_is_at_its_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Undisturbed pairs of one photograph: another algorithm finds the same place."""
    no_effects(monkeypatch)
    pairs, rng = maker(tmp_path, KINDS["photographs"]), np.random.default_rng(1)
    errors = [
        np.abs(found_offset(pair) - pair.offset).max()
        for pair in (pairs.draw(rng) for _ in range(30))
    ]
    assert np.median(errors) < 3


def magenta_middle(image: np.ndarray) -> np.ndarray:
    """Where the disc's pixels are on average, x and y."""
    blue, green, red = (image[..., i].astype(int) for i in range(3))
    ys, xs = np.nonzero((blue > 230) & (red > 230) & (green < 60))
    return np.array([np.median(xs), np.median(ys)]) + 0.5


def test_a_pasted_object_is_at_its_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box drawn by hand is off by up to a tenth of the object, in both views alike."""
    no_effects(monkeypatch)
    monkeypatch.setattr("siamdw_ros.training.objects.tear", lambda *_: disc())
    for other in ("_paste_distractor", "_occlude", "_leave_image"):
        monkeypatch.setattr(PairMaker, other, lambda *_: None)
    pairs, rng = maker(tmp_path, KINDS["objects"]), np.random.default_rng(1)
    errors = []
    for pair in (pairs.draw(rng) for _ in range(30)):
        in_template = magenta_middle(pair.template) - TEMPLATE_CANVAS / 2
        errors.append(np.abs(magenta_middle(pair.search) - SIDE / 2 - pair.offset - in_template))
    assert np.median(errors) < 3


def test_the_image_may_end_within_the_search_region(tmp_path: Path) -> None:
    pairs, rng = maker(tmp_path, KINDS["objects"]), np.random.default_rng(0)
    for _ in range(10):
        search = cv2.resize(photograph_of_noise(), (SIDE, SIDE))
        pairs._leave_image(search, np.zeros(2), rng)
        mean = search[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int)  # the corners
        outside = max((search == corner).all(axis=2).mean() for corner in mean)
        assert 0.1 < outside < 0.5


def photograph_of_noise() -> np.ndarray:
    """Make an image without two like pixels beside each other."""
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def test_the_second_template_shows_the_target_in_a_wrong_size() -> None:
    canvas = np.zeros((TEMPLATE_CANVAS, TEMPLATE_CANVAS, 3), np.uint8)
    middle = TEMPLATE_CANVAS // 2
    canvas[middle - 20 : middle + 21, middle - 20 : middle + 21] = 255
    rng, sizes = np.random.default_rng(0), []
    for _ in range(40):
        right, wrong = two_scales(canvas, rng)
        np.testing.assert_array_equal(right, canvas[24:-24, 24:-24])
        rows, columns = (int((wrong[..., 0] > 127).any(axis=axis).sum()) for axis in (1, 0))
        sizes.append((rows / 41, columns / 41))
    ratios = np.array(sizes)
    assert (np.abs(np.log(ratios)).max(axis=1) > 0.04).all()
    assert np.abs(np.log(ratios)).max() < 0.6
    assert right.shape == wrong.shape == (EXEMPLAR, EXEMPLAR, 3)
    assert (np.abs(ratios[:, 0] - ratios[:, 1]) > 0.06).any()  # some in aspect
    assert (np.abs(ratios[:, 0] - ratios[:, 1]) < 0.03).any()  # some in scale alone


def test_a_photograph_that_cannot_be_decoded_is_left_out_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pairs = PairMaker([b"garbage", *photographs(2), b""], search_side=SIDE)
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert pairs.draw(rng).search.shape == (SIDE, SIDE, 3)
    assert pairs.unreadable >= 2
    assert "left out (2 so far): not an image" in caplog.text


def test_no_photograph_that_can_be_decoded_is_an_error() -> None:
    with pytest.raises(ValueError, match="100 images in a row"):
        PairMaker([b"garbage"]).draw(np.random.default_rng(0))


def test_no_photographs_is_an_error() -> None:
    with pytest.raises(ValueError, match="no photographs"):
        PairMaker([])


def test_a_search_region_that_leaves_no_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 143 px"):
        PairMaker(photographs(), search_side=127)

"""The box of an object at a point, on images that are drawn here."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.siamdw import extent
from siamdw_ros.siamdw.backends import OpenVinoModule
from siamdw_ros.siamdw.extent import (
    SIDES,
    WEIGHTS,
    WINDOW,
    ExtentFinder,
    box_of_distances,
    choose_box,
    create_extent_finder,
    window_pyramid,
)
from siamdw_ros.siamdw.extent_network import load_extent_network

CLIPS = Path(__file__).parents[1] / "data" / "clips"


@pytest.fixture(scope="module")
def finder() -> ExtentFinder:
    return create_extent_finder()


def textured(width: int = 480, height: int = 360, coarse: int = 12) -> np.ndarray:
    """A background of soft patches, like grass or a wall."""
    rng = np.random.default_rng(5)
    patches = rng.integers(90, 150, (height // coarse, width // coarse, 3), np.uint8)
    return cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)


def disc(image: np.ndarray, center: tuple[int, int], radius: int) -> tuple[float, ...]:
    cv2.circle(image, center, radius, (30, 40, 220), -1, cv2.LINE_AA)
    return center[0] - radius, center[1] - radius, 2 * radius, 2 * radius


@pytest.mark.parametrize("radius", [12, 25, 50])
def test_a_disc_is_found_from_its_centre(finder: ExtentFinder, radius: int) -> None:
    image = textured()
    truth = disc(image, (200, 170), radius)
    found = finder.box_around(image, (200.0, 170.0))
    assert found is not None
    assert overlap(found.box, truth) > 0.5
    assert 0 < found.score <= 1


def test_a_disc_is_found_from_a_point_off_its_centre(finder: ExtentFinder) -> None:
    image = textured()
    truth = disc(image, (200, 170), 30)
    found = finder.box_around(image, (190.0, 180.0))
    assert found is not None
    assert overlap(found.box, truth) > 0.5


def test_a_textured_object_is_found_on_a_textured_background(finder: ExtentFinder) -> None:
    image = textured()
    patches = np.random.default_rng(3).integers(0, 255, (6, 4, 3), np.uint8)
    image[120:210, 150:210] = cv2.resize(patches, (60, 90), interpolation=cv2.INTER_NEAREST)
    found = finder.box_around(image, (180.0, 165.0))
    assert found is not None
    assert overlap(found.box, (150, 120, 60, 90)) > 0.5


def test_an_object_of_ten_pixels_is_found(finder: ExtentFinder) -> None:
    image = textured(coarse=60)
    truth = disc(image, (300, 100), 5)
    found = finder.box_around(image, (300.0, 100.0))
    assert found is not None
    assert overlap(found.box, truth) > 0.4


def test_the_box_of_an_object_at_the_border_ends_there(finder: ExtentFinder) -> None:
    image = textured()
    disc(image, (0, 100), 40)
    found = finder.box_around(image, (15.0, 100.0))
    assert found is not None
    left, _, _, _ = found.box
    assert left == 0
    assert overlap(found.box, (0, 60, 40, 80)) > 0.4


@pytest.mark.parametrize("radius", [8, 30])
def test_openvino_and_torch_find_the_same_box(radius: int) -> None:
    image = textured()
    disc(image, (200, 170), radius)
    fast, plain = (create_extent_finder(backend=name) for name in ("openvino", "torch"))
    assert isinstance(fast.features, OpenVinoModule)
    assert not isinstance(plain.features, OpenVinoModule)
    one, other = (finder.box_around(image, (203.0, 168.0)) for finder in (fast, plain))
    assert one is not None
    assert other is not None
    assert one.box == pytest.approx(other.box, abs=0.01)
    assert one.score == pytest.approx(other.score, abs=1e-4)


def test_openvino_is_used_where_it_is_installed(finder: ExtentFinder) -> None:
    assert isinstance(finder.features, OpenVinoModule)


def test_a_backend_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="backend 'tensor' is not one of auto"):
        create_extent_finder(backend="tensor")


@pytest.mark.parametrize("gray", [0, 90, 255])
def test_nothing_is_found_where_there_is_nothing(finder: ExtentFinder, gray: int) -> None:
    image = np.full((240, 320, 3), gray, np.uint8)
    assert finder.box_around(image, (160.0, 120.0)) is None


@pytest.mark.parametrize("point", [(-1.0, 5.0), (5.0, 240.0), (float("nan"), 5.0)])
def test_a_point_outside_the_image_is_refused(
    finder: ExtentFinder, point: tuple[float, float]
) -> None:
    with pytest.raises(ValueError, match="inside the image of 320x240 px"):
        finder.box_around(np.zeros((240, 320, 3), np.uint8), point)


def test_the_same_tap_finds_the_same_box(finder: ExtentFinder) -> None:
    image = textured()
    disc(image, (200, 170), 30)
    assert finder.box_around(image, (200.0, 170.0)) == finder.box_around(image, (200.0, 170.0))


def test_tiny_and_gray_images_are_taken(finder: ExtentFinder) -> None:
    for shape in ((1, 1, 3), (3, 400, 3), (9, 9, 3)):
        found = finder.box_around(np.zeros(shape, np.uint8), (0.0, 0.0))
        assert found is None


def test_boxes_that_agree_are_averaged_and_others_left_out() -> None:
    agreeing = [[10.0, 10, 10, 10], [12.0, 10, 12, 10]]
    distances = torch.tensor([*agreeing, [80, 80, 80, 80]])
    found, score = choose_box(torch.zeros(3), distances)
    assert 10 < found[0] < 12
    assert found.tolist() == pytest.approx([found[0], 10, found[0], 10])
    assert score == pytest.approx(0.5)


def test_a_box_without_support_wins_when_its_score_is_far_better() -> None:
    distances = torch.tensor([[10.0, 10, 10, 10], [12, 10, 12, 10], [80, 80, 80, 80]])
    found, score = choose_box(torch.tensor([-3.0, -3, 3]), distances)
    assert found.tolist() == pytest.approx([80] * 4)
    assert score > 0.9


@pytest.mark.parametrize("name", ["cup", "juice"])
def test_a_tap_on_a_clip_finds_the_object(finder: ExtentFinder, name: str) -> None:
    (sequence,) = find_sequences(CLIPS / f"{name}.mp4")
    x, y, w, h = sequence.start
    found = finder.box_around(next(sequence.images()), (x + w / 2, y + h / 2))
    assert found is not None
    assert overlap(found.box, sequence.start) > 0.5


def test_the_bundled_file_is_small() -> None:
    assert (Path(extent.__file__).parents[1] / "weights" / WEIGHTS).stat().st_size < 5_000_000


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="expected the weights of an extent network"):
        load_extent_network(path)


@pytest.mark.parametrize("side", [SIDES[0], 127.0, 300.0, SIDES[-1]])
def test_windows_are_centred_on_the_point(side: float) -> None:
    image = np.zeros((400, 600, 3), np.uint8)
    dot = max(round(side / 20), 2)
    image[200 - dot : 200 + dot, 300 - dot : 300 + dot] = 255
    window = window_pyramid(image, (300.0, 200.0), [side])[0, ..., 0].astype(float)
    rows, columns = np.mgrid[:WINDOW, :WINDOW] + 0.5
    for axis in (rows, columns):
        assert (window * axis).sum() / window.sum() == pytest.approx(WINDOW / 2, abs=0.7)


def test_boxes_are_cut_at_the_borders_of_the_image() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    inside = box_of_distances((50.0, 40.0), np.float32([10, 20, 30, 40]), image)
    assert inside == (40, 20, 40, 60)
    cut = box_of_distances((50.0, 40.0), np.float32([80, 80, 500, 500]), image)
    assert cut == (0, 0, 200, 100)

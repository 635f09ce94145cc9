"""The rendered camera agrees with the geometry that the follower computes with."""

import math

import numpy as np
import pytest

from siamdw_ros.following.camera import Camera, Mount, box_center, rotation_from_euler
from siamdw_ros.following.ranging import distance_from_depth, distance_from_ground
from siamdw_ros.simulation.renderer import (
    FLATTEST,
    HAZE_COLOR,
    HAZE_METRES,
    Card,
    Renderer,
    View,
)
from siamdw_ros.simulation.scenarios import HEIGHT, SCENARIOS, Actors

CAMERA = Camera.from_field_of_view(640, 480, math.radians(70))
MOUNT = Mount(z=0.6)
TARGET = np.array([3.0, 0.4, 0.0])


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(CAMERA, seed=1)


@pytest.fixture(scope="module")
def actors() -> Actors:
    return Actors(SCENARIOS[0], seed=1)


def view(yaw: float = 0.0, height: float = 0.6) -> View:
    return View(np.array([0.0, 0.0, height]), rotation_from_euler(0, 0, yaw) @ MOUNT.rotation())


def person(actors: Actors, where: np.ndarray = TARGET) -> Card:
    (card,) = (card for card in actors.cards(0.0) if card.name == "target")
    return Card(card.texture, where, card.width, card.height, "target")


def test_a_person_on_the_left_is_on_the_left_of_the_image(renderer, actors) -> None:
    picture = renderer.render(view(), [person(actors)])
    bearing, _ = CAMERA.angles(box_center(picture.boxes["target"]))
    assert bearing == pytest.approx(math.atan2(0.4, 3.0), abs=0.01)
    assert picture.image.shape == (480, 640, 3)


def test_depth_and_ground_give_the_distance_that_was_rendered(renderer, actors) -> None:
    picture = renderer.render(view(), [person(actors)])
    box = picture.boxes["target"]
    away = math.hypot(3.0, 0.4)
    by_depth = distance_from_depth(picture.depth, box, CAMERA, (640, 480))
    by_ground = distance_from_ground(box, CAMERA, MOUNT)
    assert by_depth is not None
    assert by_ground is not None
    assert by_depth.metres == pytest.approx(away, rel=0.05)
    assert by_ground.metres == pytest.approx(math.hypot(away, HEIGHT / 2 - 0.6), rel=0.05)


def test_the_depth_of_the_ground_is_that_of_the_plane(renderer) -> None:
    depth = renderer.render(view(), []).depth
    assert depth.shape == (120, 160)
    row = 100
    expected = 0.6 * CAMERA.focal[1] / (4 * row - 240)
    assert depth[row, 80] == pytest.approx(expected, rel=0.02)
    assert np.isnan(depth[:50]).all(), "the sky has no depth"


def test_what_is_nearer_covers_what_is_farther(renderer, actors) -> None:
    pillar = Card(np.full((40, 10, 4), 255, np.uint8), np.array([1.5, 0.2, 0.0]), 1.0, 3.0)
    for cards in ([person(actors), pillar], [pillar, person(actors)]):
        picture = renderer.render(view(), cards)
        x, y = map(round, box_center(picture.boxes["target"]))
        assert picture.image[y, x].min() > 235
        assert picture.depth[y // 4, x // 4] == pytest.approx(1.5, abs=0.1)


def test_the_world_stands_still_while_the_camera_turns(renderer) -> None:
    turned = 60 / CAMERA.focal[0]  # about 60 pixels in the middle of the image
    first = renderer.render(view(), []).image.astype(np.float32)
    second = renderer.render(view(math.atan(turned)), []).image.astype(np.float32)
    moved = second[60:200, 300:340] - first[60:200, 240:280]
    still = second[60:200, 300:340] - first[60:200, 300:340]
    assert np.abs(moved).mean() < 0.8 * np.abs(still).mean() + 2.5
    assert np.abs(moved).mean() < 6


def test_cards_behind_the_camera_and_outside_the_image_are_not_in_it(renderer, actors) -> None:
    behind = person(actors, np.array([-3.0, 0.0, 0.0]))
    beside = person(actors, np.array([1.0, 6.0, 0.0]))
    assert renderer.render(view(), [behind]).boxes == {}
    assert renderer.render(view(), [beside]).boxes == {}


def test_images_look_like_a_place_and_not_like_a_test_pattern(renderer, actors) -> None:
    image = renderer.render(view(), actors.cards(0.0)).image
    sky, ground = image[40:160].mean(axis=(0, 1)), image[300:].mean(axis=(0, 1))
    assert sky[0] > sky[2], "the sky is blue"
    assert np.ptp(ground) < 40, "the paving is grey"
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20_000


@pytest.mark.parametrize("height", [0.3, 0.6, 2.0, 6.0])
def test_far_ground_fades_into_haze_at_every_height_of_the_camera(renderer, height) -> None:
    image = renderer.render(view(height=height), []).image.astype(np.float32)
    farthest = round(240 + FLATTEST * CAMERA.focal[1])  # row where the ground begins
    away = height * CAMERA.focal[1] / (np.arange(farthest + 1, 480) + 0.5 - 240)
    hazy = farthest + 1 + np.flatnonzero(away > 0.9 * HAZE_METRES)
    for row in hazy:
        assert np.abs(image[row] - HAZE_COLOR).max() < 30, f"row {row}"
    steps = np.abs(np.diff(image[farthest + 1 :].mean(axis=(1, 2))))
    assert steps.max() < 30, "no row differs from its neighbours as if it were not painted"


def test_the_same_seed_gives_the_same_place() -> None:
    first, second = (Renderer(CAMERA, seed=2).render(view(), []).image for _ in range(2))
    assert (first == second).all()

"""Places that a detector proposes for a lost target."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.siamdw import State, create_multi_tracker
from siamdw_ros.siamdw.bundled import BUNDLED
from siamdw_ros.siamdw.multi_tracker import MultiTracker, box_to_center_size
from siamdw_ros.siamdw.redetection import redetect

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
CUP = (306.0, 124.0, 108.0, 260.0)  # on the first frame
WALL = (20.0, 60.0, 110.0, 240.0)


@pytest.fixture(scope="module", params=BUNDLED)
def method(request: pytest.FixtureRequest) -> MultiTracker[Any]:
    torch.set_num_threads(1)
    return create_multi_tracker(request.param, device="cpu")


@pytest.fixture
def image() -> np.ndarray:
    return next(iter(read_clip(CLIP)))


@pytest.fixture
def lost(method: MultiTracker[Any], image: np.ndarray) -> Any:
    """The cup, lost in a corner."""
    target = method.start(image, CUP)
    target.presence.state = State.LOST
    target.center = np.array([5.0, 5.0])
    return target


def test_the_place_that_shows_the_target_takes_it_back_once_confirmed(
    method: MultiTracker[Any], image: np.ndarray, lost: Any
) -> None:
    x, y, w, h = CUP
    found = redetect(method, image, lost, [WALL, (x + 20, y - 15, w * 1.2, h * 1.1)])
    assert found is not None
    target, score = found
    assert score >= target.presence.thresholds.reacquire
    assert np.abs(target.center - box_to_center_size(CUP)[0]).max() < 25
    assert target.presence.state is State.LOST  # one image is not enough
    states = [method.update(image, [target])[0].state for _ in range(2)]
    assert states[-1] is State.TRACKED


def test_places_that_do_not_show_it_change_nothing(
    method: MultiTracker[Any], image: np.ndarray, lost: Any
) -> None:
    plain = np.full_like(image, 127)
    assert redetect(method, plain, lost, [WALL, CUP]) is None
    assert redetect(method, image, lost, []) is None
    assert lost.center.tolist() == [5.0, 5.0]
    assert lost.presence.searching


@pytest.mark.parametrize(
    "box", [(-1e6, -1e6, 5.0, 5.0), (0.0, 0.0, 1e7, 1e7), (600.0, 470.0, 2.0, 2.0)]
)
def test_a_place_beyond_the_image_does_no_harm(
    method: MultiTracker[Any], image: np.ndarray, lost: Any, box: tuple[float, ...]
) -> None:
    x, y, w, h = box
    redetect(method, image, lost, [(x, y, w, h)])

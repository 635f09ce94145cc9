"""The drawing on the debug image."""

import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.node.debug_image import COLORS, INSET, draw
from siamdw_ros.node.results import TargetResult
from siamdw_ros.siamdw.presence import State

GREY = np.full((240, 320, 3), 128, np.uint8)


def target(
    state: State = State.TRACKED,
    box: tuple[float, ...] = (100.0, 80.0, 60.0, 50.0),
    response: np.ndarray | None = None,
    name: str = "cup",
) -> TargetResult:
    x, y, w, h = box
    return TargetResult(name, state, 0.9, (x, y, w, h), Time(), response=response)


def peak_at(row: int, column: int, cells: int = 17) -> np.ndarray:
    response = np.full((cells, cells), -8.0, np.float32)
    response[row, column] = 8.0
    return response


@pytest.mark.parametrize("state", list(State))
def test_a_box_has_the_colour_of_its_state(state: State) -> None:
    canvas = draw(GREY, [target(state)], "")
    left_edge, inside = canvas[110, 100], canvas[110, 130]
    assert tuple(left_edge) == COLORS[state]
    assert tuple(inside) == (128, 128, 128)


def test_the_image_itself_stays_as_it_is() -> None:
    image = GREY.copy()
    image.flags.writeable = False  # as a view of a message may be
    assert not np.array_equal(draw(image, [target()], "caption"), GREY)


def test_the_inset_is_bright_where_the_response_is() -> None:
    side = GREY.shape[0] // INSET
    inset = draw(GREY, [target(response=peak_at(3, 12))], "")[-side:, :side].astype(int).sum(2)
    row, column = np.argwhere(inset[5:-5, 5:-5] == inset[5:-5, 5:-5].max()).mean(0) + 5
    assert (row, column) == (
        pytest.approx(3.5 / 17 * side, abs=2),
        pytest.approx(12.5 / 17 * side, abs=2),
    )


def test_a_target_without_response_has_no_inset() -> None:
    side = GREY.shape[0] // INSET
    assert (draw(GREY, [target(response=None)], "")[-side:] == 128).all()


def test_insets_that_have_no_room_are_left_out() -> None:
    many = [target(response=peak_at(5, 5), name=str(i)) for i in range(40)]
    assert draw(GREY, many, "").shape == GREY.shape


numbers = st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, 639.5])


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    box=st.tuples(numbers, numbers, numbers, numbers),
    value=st.sampled_from([math.nan, math.inf, -math.inf, 3e38]),
    name=st.text(max_size=64),
)
def test_nothing_that_can_be_followed_keeps_it_from_drawing(
    height: int, width: int, box: tuple[float, ...], value: float, name: str
) -> None:
    response = np.full((5, 5), value, np.float32)
    image = np.zeros((height, width, 3), np.uint8)
    assert draw(image, [target(State.LOST, box, response, name)], name).shape == image.shape

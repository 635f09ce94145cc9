"""Overlap and success, against cases worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.evaluation.metrics import overlap, success_rate

BOX = st.tuples(*[st.floats(-100, 100)] * 2, *[st.floats(0.1, 100)] * 2)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 10, 10), 1),
        ((5, 0, 10, 10), 1 / 3),
        ((0, 5, 10, 10), 1 / 3),
        ((2, 2, 5, 5), 0.25),
        ((10, 0, 10, 10), 0),
        ((50, 50, 10, 10), 0),
    ],
)
def test_overlap_of_known_boxes(other: tuple[float, ...], expected: float) -> None:
    assert overlap((0, 0, 10, 10), other) == pytest.approx(expected)


@given(BOX, BOX)
def test_overlap_is_symmetric_and_bounded(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    value = overlap(a, b)
    assert 0 <= value <= 1 + 1e-9
    assert value == pytest.approx(overlap(b, a))


def test_boxes_are_compared_one_by_one() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10]])
    others = np.array([[0, 0, 10, 10], [5, 0, 10, 10]])
    np.testing.assert_allclose(overlap(boxes, others), [1, 1 / 3])


def test_success_needs_more_than_the_threshold() -> None:
    assert success_rate([0.5, 0.51, 0.9, 0.1]) == 0.5
    assert math.isnan(success_rate([]))

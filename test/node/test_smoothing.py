"""A target's box without jitter, and where it will be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.node.smoothing import BoxFilter

PERIOD = 1 / 30
SIZE = np.array([40.0, 60.0])


def box_around(center: np.ndarray) -> tuple[float, ...]:
    return (*(center - SIZE / 2), *SIZE)


def center_of(box: tuple[float, ...]) -> np.ndarray:
    return np.array(box[:2]) + np.array(box[2:]) / 2


def follow(smoother: BoxFilter, centers: np.ndarray, stamps: np.ndarray) -> np.ndarray:
    """Return the centres that a filter computes from these."""
    pairs = zip(centers, stamps, strict=True)
    return np.array([center_of(smoother.update(box_around(c), t)) for c, t in pairs])


def velocity_of(smoother: BoxFilter) -> np.ndarray:
    """Velocity of the centre, pixels per second."""
    return np.subtract(center_of(smoother.predict(1.0)), center_of(smoother.predict(0.0)))


def test_a_steady_target_is_followed_without_lag_and_its_velocity_is_known() -> None:
    stamps = 1e9 + np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, 60))
    centers = np.outer(stamps - stamps[0], [90.0, -30.0]) + 200
    smoother = BoxFilter(0.2)
    smoothed = follow(smoother, centers, stamps)
    np.testing.assert_allclose(smoothed, centers, atol=1e-3)
    np.testing.assert_allclose(velocity_of(smoother), (90, -30), rtol=1e-3)
    ahead = center_of(smoother.predict(0.5))
    np.testing.assert_allclose(ahead, centers[-1] + [45, -15], atol=1e-2)


@pytest.mark.parametrize("time_constant", [0.1, 0.3])
def test_lag_of_an_accelerating_target_is_the_documented_one(time_constant: float) -> None:
    stamps, acceleration = np.arange(90) * PERIOD, 100.0
    centers = np.outer(acceleration / 2 * stamps**2, [1.0, 0.0])
    lag = (centers - follow(BoxFilter(time_constant), centers, stamps))[-1, 0]
    assert 0.5 < lag / (acceleration * time_constant**2) <= 1


def test_jitter_falls_as_in_theory() -> None:
    stamps = np.arange(3000) * PERIOD
    noise = np.random.default_rng(0).normal(0, 2.0, (3000, 2))
    fading = np.exp(-PERIOD / 0.1)
    left = (1 - fading) * (1 + 4 * fading + 5 * fading**2) / (1 + fading) ** 3  # of the variance
    smoothed = follow(BoxFilter(0.1), 100 + noise, stamps)[100:]
    assert np.var(smoothed) == pytest.approx(4.0 * left, rel=0.15)


def test_without_a_time_constant_boxes_stay_as_they_are() -> None:
    stamps = np.arange(20) * PERIOD
    centers = np.random.default_rng(0).uniform(0, 500, (20, 2))
    np.testing.assert_allclose(follow(BoxFilter(0.0), centers, stamps), centers)


@pytest.mark.parametrize("stamp", [0.0, 1000.0, 10.0])
def test_a_jump_of_time_starts_over(stamp: float) -> None:
    smoother = BoxFilter(0.3)
    follow(smoother, np.outer(np.arange(10), [9.0, 9.0]), 9.1 + np.arange(10) / 10)
    assert smoother.update((7.0, 7.0, 5.0, 5.0), stamp) == (7.0, 7.0, 5.0, 5.0)
    assert tuple(velocity_of(smoother)) == (0, 0)


@given(
    shown=st.lists(
        st.tuples(*[st.floats(-1e4, 1e4)] * 2, *[st.floats(1, 1e4)] * 2, st.floats(-1e9, 2e9)),
        min_size=1,
        max_size=20,
    ),
    time_constant=st.floats(0, 2),
    ahead=st.floats(0, 1),
)
def test_whatever_it_is_shown_boxes_are_finite_and_have_a_size(
    shown: list[tuple[float, ...]], time_constant: float, ahead: float
) -> None:
    smoother = BoxFilter(time_constant)
    for *box, stamp in shown:
        smoothed = smoother.update((box[0], box[1], box[2], box[3]), stamp)
        for result in (smoothed, smoother.predict(ahead)):
            assert np.isfinite(result).all()
            assert min(result[2:]) >= 1

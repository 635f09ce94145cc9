"""The limit of requests per second."""

import pytest

from siamdw_ros.node.services import RateLimit


def accepted(limit: RateLimit, rate: float, times: list[float]) -> int:
    return sum(limit.allows(rate, time) for time in times)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0, 3.0, 100.0])
def test_on_average_as_many_requests_pass_as_the_rate_allows(rate: float) -> None:
    limit = RateLimit()
    limit.allows(rate, 0.0)
    while limit.allows(rate, 0.0):
        pass  # what may come at once after a pause has passed
    seconds = 100 / rate
    times = [seconds * index / 1000 for index in range(1, 1001)]
    assert accepted(limit, rate, times) == pytest.approx(100, abs=1)


def test_after_a_pause_a_second_s_worth_of_requests_passes_at_once() -> None:
    assert accepted(RateLimit(), 5.0, [0.0] * 20) == 5
    assert accepted(RateLimit(), 0.2, [0.0] * 20) == 1


def test_a_rate_of_zero_lets_all_pass_and_is_forgotten_by_the_next_rate() -> None:
    limit = RateLimit()
    assert accepted(limit, 0.0, [0.0] * 5000) == 5000
    assert accepted(limit, 100.0, [0.0] * 200) == 100

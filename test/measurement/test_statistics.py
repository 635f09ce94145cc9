"""The benchmark's statistics."""

import pytest

from siamdw_ros.measurement.statistics import median_ratio, percentiles, theil_sen


def test_percentiles_carry_their_unit_in_their_name():
    found = percentiles([float(i) for i in range(101)], "ms")
    assert found == {"p50 ms": 50.0, "p95 ms": 95.0, "p99 ms": 99.0, "max ms": 100.0}


def test_no_values_have_no_percentiles():
    assert set(percentiles([], "ms").values()) == {None}


def test_ratio_is_of_pairs_so_that_a_disturbance_of_both_cancels():
    assert median_ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == 2.0


@pytest.mark.parametrize(("reference", "seconds"), [([1.0], [1.0, 2.0]), ([], [])])
def test_series_that_make_no_pairs_are_an_error(reference, seconds):
    with pytest.raises(ValueError, match="no pairs"):
        median_ratio(reference, seconds)


def test_theil_sen_is_the_growth_per_unit_of_time_whatever_single_values_do():
    assert theil_sen([0.0, 1.0, 2.0], [5.0, 7.0, 9.0]) == pytest.approx(2.0)
    times = list(range(100))
    values = [2.0 * t for t in times]
    values[50] = 1e6
    assert theil_sen(times, values) == pytest.approx(2.0)
    assert theil_sen([1.0], [5.0]) == 0.0

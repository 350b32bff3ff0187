"""Moments of readings, how they merge, and what is said of a trend."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.statistics import (
    Direction,
    Moments,
    concatenate,
    group_starts,
    incomplete_beta,
    merge,
    merge_all,
    moments_of,
    roll_up,
    singles,
    summarize,
    trend,
    weighted_median,
)

HOUR_US = 3_600_000_000
START_US = 1_780_000_000_000_000
measured = st.floats(-1e6, 1e6).map(lambda value: round(value, 9))
values = st.lists(measured, min_size=1, max_size=60)


def starts_of(cuts: list[int], size: int) -> np.ndarray:
    """First positions of the runs that some cuts make of `size` rows."""
    return np.unique([0, *(cut % size for cut in cuts)])


def assert_moments_of(found: Moments, value: np.ndarray) -> None:
    """One group of all values, to 1e-9 of what rounding can do at their size."""
    scale = float(np.abs(value).max()) or 1.0
    assert len(found) == 1
    assert found.count[0] == len(value)
    assert found.sum[0] == pytest.approx(value.sum(), rel=1e-9, abs=1e-12 * scale * len(value))
    assert found.mean[0] == pytest.approx(value.mean(), rel=1e-9, abs=1e-12 * scale)
    assert found.m2[0] == pytest.approx(value.var() * len(value), rel=1e-9, abs=1e-20 * scale**2 * len(value))
    assert (found.min[0], found.max[0], found.first[0], found.last[0]) == (
        value.min(),
        value.max(),
        value[0],
        value[-1],
    )


@pytest.mark.requirement("DB-3")
@given(values, st.lists(st.integers(0, 10_000), max_size=10), st.lists(st.integers(0, 10_000), max_size=5))
def test_merging_in_any_grouping_gives_the_moments_of_all_readings(value, cuts, coarser):
    column = np.array(value)
    parts = moments_of(column, starts_of(cuts, len(column)))
    assert_moments_of(merge_all(parts), column)
    assert_moments_of(merge_all(merge(parts, starts_of(coarser, len(parts)))), column)


@pytest.mark.requirement("DB-3")
def test_a_small_spread_about_a_large_mean_survives_merging():
    value = 1e9 + np.tile([0.0, 0.001], 43_200)  # a sum of squares would lose all of it
    merged = merge_all(moments_of(value, np.arange(0, len(value), 60)))
    assert merged.sd[0] == pytest.approx(np.std(value - 1e9, ddof=1), rel=1e-4)


@given(st.lists(st.tuples(st.integers(0, 7200), measured), min_size=1, max_size=50, unique_by=lambda r: r[0]))
def test_rolling_up_does_not_depend_on_the_order_of_readings(readings):
    times = np.array([START_US + second * 1_000_000 for second, _ in readings])
    column = np.array([value for _, value in readings])
    buckets, moments = roll_up(times, column, 60_000_000)
    order = np.argsort(times)
    sorted_buckets, sorted_moments = roll_up(times[order], column[order], 60_000_000)
    assert buckets.tolist() == sorted_buckets.tolist() == sorted({t // 60_000_000 * 60_000_000 for t in times.tolist()})
    for at, bucket in enumerate(buckets.tolist()):
        inside = (times[order] >= bucket) & (times[order] < bucket + 60_000_000)
        assert_moments_of(moments.take(slice(at, at + 1)), column[order][inside])
        assert moments.m2[at] == sorted_moments.m2[at]


def test_nothing_rolls_up_to_nothing():
    buckets, moments = roll_up(np.empty(0, np.int64), np.empty(0), 60_000_000)
    assert len(buckets) == len(moments) == len(merge_all(moments)) == len(concatenate([])) == 0
    assert summarize(buckets, moments, "readings") is None


def test_parts_are_joined_in_their_order():
    whole = concatenate([singles(np.array([1.0, 2.0])), singles(np.array([5.0]))])
    assert merge_all(whole).last[0] == 5.0


def test_a_single_reading_has_no_deviation():
    assert math.isnan(singles(np.array([4.0])).sd[0])


def test_values_that_no_square_can_hold_keep_their_extremes():
    value = np.array([1e300, -1e300, 1e-300, 7.0])
    moments = merge_all(singles(value))
    assert (moments.min[0], moments.max[0], moments.first[0], moments.last[0]) == (-1e300, 1e300, 1e300, 7.0)
    assert np.isfinite([moments.sum[0], moments.mean[0], moments.m2[0]]).all()


@given(st.lists(st.integers(0, 3), max_size=20))
def test_groups_start_where_a_label_changes(labels):
    labels = np.sort(np.array(labels, np.int64))
    assert labels[group_starts(labels)].tolist() == np.unique(labels).tolist()


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 4)), min_size=1, max_size=20))
def test_a_weighted_median_is_the_median_of_repeated_values(pairs):
    value, weight = np.array([float(v) for v, _ in pairs]), np.array([w for _, w in pairs])
    assert weighted_median(value, weight) == np.median(np.repeat(value, weight))


@pytest.mark.requirement("AN-1")
def test_a_summary_says_count_mean_median_deviation_and_extremes():
    value = np.array([1.0, 2.0, 3.0, 10.0])
    summary = summarize(START_US + np.arange(4) * 1_000_000, singles(value), "readings")
    assert (summary.count, summary.mean, summary.median, summary.min, summary.max) == (4, 4.0, 2.5, 1.0, 10.0)
    assert summary.sd == pytest.approx(value.std(ddof=1))
    assert summary.median_of == "readings"


@pytest.mark.requirement("AN-1")
@pytest.mark.parametrize(("slope", "said"), [(3.0, Direction.INCREASING), (-3.0, Direction.DECREASING)])
def test_a_drift_in_noise_is_found_with_its_slope(slope, said):
    times = START_US + np.arange(3600) * 1_000_000
    noise = np.random.default_rng(7).normal(0, 0.5, 3600)
    found = trend(times, 20 + slope * np.arange(3600) / 3600 + noise)
    assert found.direction is said
    assert found.slope_per_hour == pytest.approx(slope, abs=0.15)
    assert found.p_value < 0.01


@pytest.mark.requirement("AN-1")
def test_noise_alone_is_stable():
    rng = np.random.default_rng(11)
    times = START_US + np.arange(600) * 1_000_000
    drifts = [trend(times, rng.normal(0, 1, 600)).direction for _ in range(200)]
    assert sum(direction is not Direction.STABLE for direction in drifts) <= 8  # 1 % of 200 would be 2


@pytest.mark.requirement("AN-1")
def test_a_slow_swing_is_no_trend_however_many_readings_it_has():
    hours = np.arange(86_400) / 3600
    value = 20 + 5 * np.sin(2 * np.pi * hours / 24 + 1) + np.random.default_rng(3).normal(0, 0.1, 86_400)
    found = trend(START_US + np.arange(86_400) * 1_000_000, value)
    assert found.direction is Direction.STABLE


@pytest.mark.parametrize("value", [[], [1.0], [1.0, 5.0], [0.1] * 50, [1e-200] * 9])
def test_few_or_equal_readings_are_stable(value):
    times = START_US + np.arange(len(value)) * 1_000_000
    assert trend(times, np.array(value)).direction is Direction.STABLE


def test_a_straight_line_is_certain():
    found = trend(START_US + np.arange(5) * HOUR_US, np.array([1.0, 3, 5, 7, 9]))
    assert (found.slope_per_hour, found.p_value) == (pytest.approx(2), 0.0)


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [(2.228, 10, 0.05), (2.576, 100_000, 0.01), (12.706, 1, 0.05), (0.0, 5, 1.0), (6.869, 5, 0.001)],
)
def test_p_values_are_those_of_the_tables_of_students_t(t, freedom, p):
    assert incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) == pytest.approx(p, rel=2e-3)

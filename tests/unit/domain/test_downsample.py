"""Fewer points that show the same: no extreme lost, none invented, gaps as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.downsample import break_at_gaps, gaps, min_max_points

START_US = 1_780_000_000_000_000


@st.composite
def lines(draw):
    """A line of up to 3,000 points with gaps, and a budget of points well below it."""
    size = draw(st.integers(1, 3000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = rng.integers(1, 2_000_000, size)
    pauses = rng.random(size) < draw(st.sampled_from([0, 0.002, 0.05, 0.5]))
    steps[pauses] *= draw(st.sampled_from([10, 1000, 100_000]))
    spikes = np.where(rng.random(size) < 0.01, 1000 * rng.normal(size=size), 0)
    return (
        START_US + np.cumsum(steps),
        rng.normal(size=size).round(1) + spikes,
        draw(st.sampled_from([8, 50, 333, 2000])),
    )


def bucket_us(times: np.ndarray, points: int) -> int:
    """The width of a bucket, as the function promises it: two points a bucket and two at the ends."""
    return -(-int(times[-1] - times[0] + 1) // (points // 2 - 2))


@pytest.mark.requirement("AN-2")
@given(lines())
def test_every_buckets_extremes_stay_and_none_is_invented(line):
    times, value, points = line
    kept = min_max_points(times, value, points=points)
    assert len(kept) <= points
    assert (np.diff(kept) > 0).all()  # positions of points that were there, each once, in order
    bucket = times // bucket_us(times, points)
    for each in np.unique(bucket):
        all_of_it, left = value[bucket == each], value[kept][bucket[kept] == each]
        assert (left.min(), left.max()) == (all_of_it.min(), all_of_it.max())


@pytest.mark.requirement("AN-2")
@given(lines())
def test_the_ends_and_both_sides_of_every_visible_gap_stay(line):
    times, value, points = line
    kept = set(min_max_points(times, value, points=points).tolist())
    assert {0, len(times) - 1} <= kept
    for at in gaps(times, 2 * bucket_us(times, points)).tolist():
        assert {at, at + 1} <= kept


@pytest.mark.requirement("AN-2")
@given(lines(), st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 0.7)), min_size=1, max_size=4))
def test_zooming_never_shows_a_spike_that_the_readings_lack_nor_hides_one(line, zooms):
    """However one zooms: what is drawn is readings, and every pixel reaches as high and as low as its readings do."""
    times, value, points = line
    start, end = int(times[0]), int(times[-1])
    for where, share in zooms:
        length = max(int((end - start) * share), 1)
        start = start + int((end - start - length) * where)
        end = start + length
        shown = (times >= start) & (times <= end)
        inside, raw = times[shown], value[shown]
        kept = min_max_points(inside, raw, points=points, start_us=start, end_us=end)
        assert len(kept) <= max(points, 8)
        if not len(raw):
            continue
        assert (raw[kept].min(), raw[kept].max()) == (raw.min(), raw.max())
        pixel = inside // (-(-(end - start + 1) // (points // 2 - 2)))
        for each in np.unique(pixel):
            column, drawn = raw[pixel == each], raw[kept][pixel[kept] == each]
            assert (drawn.min(), drawn.max()) == (column.min(), column.max())


@pytest.mark.requirement("AN-2")
def test_a_short_line_is_left_as_it_is():
    times = START_US + np.arange(2000) * 1_000_000
    assert min_max_points(times, np.zeros(2000)).tolist() == list(range(2000))
    assert len(min_max_points(times[:0], np.empty(0))) == 0


def test_a_sliding_window_picks_the_same_points_again():
    times = START_US + np.arange(60_000) * 1_000_000
    value = np.random.default_rng(5).normal(size=60_000)
    picks = []
    for shift in (0, 1, 7):
        window = slice(shift * 10, 50_000 + shift * 10)
        start, end = int(times[window][0]), int(times[window][0]) + 50_000_000_000
        picks.append(
            set((min_max_points(times[window], value[window], start_us=start, end_us=end) + shift * 10).tolist())
        )
    inner = set(range(1000, 49_000))
    assert picks[0] & inner == picks[1] & inner == picks[2] & inner


def test_a_wider_range_than_the_line_has_wider_pixels():
    times = START_US + np.arange(10_000) * 1_000_000
    value = np.random.default_rng(5).normal(size=10_000)
    narrow = min_max_points(times, value, start_us=START_US, end_us=START_US + 10_000_000_000)
    wide = min_max_points(times, value, start_us=START_US, end_us=START_US + 100_000_000_000)
    assert len(wide) < len(narrow) / 5


def test_a_line_is_broken_in_the_middle_of_its_gaps_alone():
    times = START_US + np.array([0, 1, 2, 30, 31]) * 1_000_000
    broken, (value,) = break_at_gaps(times, 5_000_000, np.arange(5.0))
    assert broken.tolist() == (START_US + np.array([0, 1, 2, 16, 30, 31]) * 1_000_000).tolist()
    assert np.isnan(value).tolist() == [False, False, False, True, False, False]
    whole, (same,) = break_at_gaps(times[:3], 5_000_000, np.arange(3.0))
    assert (whole.tolist(), same.tolist()) == (times[:3].tolist(), [0, 1, 2])

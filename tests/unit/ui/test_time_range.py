"""Time ranges in URLs, and the calendar of a zone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.ui.time_range import (
    DAY_US,
    HOUR_US,
    PRESETS,
    TimeRange,
    iso,
    midnight_us,
    parse_instant,
    parse_range,
    same_time_days_ago_us,
    zone_of,
)

pytestmark = pytest.mark.requirement("UI-13")
NOW = parse_instant("2026-03-31T12:00:00Z")


def test_a_preset_counts_back_from_now() -> None:
    assert parse_range({"range": "24h"}, NOW) == TimeRange(NOW - DAY_US, NOW, "24h")


def test_a_url_without_a_range_shows_the_default() -> None:
    assert parse_range({}, NOW) == TimeRange(NOW - 8 * HOUR_US, NOW, "8h")
    assert parse_range({"sensor": "temperature"}, NOW, default="30d").preset == "30d"


def test_all_begins_with_the_first_reading() -> None:
    assert parse_range({"range": "all"}, NOW, first_us=NOW - 3 * DAY_US).start_us == NOW - 3 * DAY_US


def test_from_and_to_are_fixed_ends() -> None:
    found = parse_range({"from": "2026-03-30T06:00:00Z", "to": "2026-03-30T14:00:00+02:00"}, NOW)
    assert (iso(found.start_us), iso(found.end_us), found.preset) == ("2026-03-30T06:00:00Z", "2026-03-30T12:00:00Z", None)


def test_a_time_without_an_offset_is_one_of_the_zone() -> None:
    assert parse_instant("2026-03-31T06:00", "Europe/Berlin") == parse_instant("2026-03-31T04:00Z")
    assert parse_instant("2026-03-31", "Europe/Berlin") == parse_instant("2026-03-30T22:00Z")


def test_one_end_is_enough() -> None:
    assert parse_range({"from": "2026-03-31T06:00Z"}, NOW).end_us == NOW
    found = parse_range({"to": "2026-03-31T06:00Z"}, NOW)
    assert found.end_us - found.start_us == 8 * HOUR_US


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"range": "yesterday"}, "yesterday"),
        ({"from": "soon"}, "soon"),
        ({"from": "2026-03-31T10:00Z", "to": "2026-03-31T09:00Z"}, "before it begins"),
        ({"from": "9" * 400}, "not a time"),
        ({"to": "0001-01-01T00:00+14:00"}, ""),
    ],
)
def test_a_range_that_cannot_be_shown_becomes_the_default_and_says_why(query: dict[str, str], said: str) -> None:
    found = parse_range(query, NOW, default="1h")
    assert said in found.problem
    if found.problem:
        assert (found.start_us, found.end_us, found.preset) == (NOW - HOUR_US, NOW, "1h")


def test_the_last_of_several_values_counts() -> None:
    assert parse_range({"range": ["1h", "7d"]}, NOW).preset == "7d"


@given(st.sampled_from(sorted(PRESETS)))
def test_a_preset_comes_back_from_its_url(preset: str) -> None:
    assert parse_range({"range": preset}, NOW).query == f"range={preset}"


@given(st.integers(0, 4 * 10**15), st.integers(1_000_000, 10**14))
def test_fixed_ends_come_back_from_their_url_to_the_microsecond(start: int, length: int) -> None:
    from urllib.parse import parse_qsl

    made = TimeRange(start, start + length)
    assert parse_range(dict(parse_qsl(made.query)), NOW) == made


@given(st.dictionaries(st.sampled_from(["range", "from", "to"]), st.text(max_size=60)))
def test_whatever_stands_in_the_url_there_is_a_range(query: dict[str, str]) -> None:
    found = parse_range(query, NOW)
    assert found.end_us > found.start_us


def test_a_day_begins_at_midnight_of_the_plant() -> None:
    assert iso(midnight_us(NOW, "Asia/Kolkata")) == "2026-03-30T18:30:00Z"
    assert iso(midnight_us(NOW, "Europe/Berlin", days_back=2)) == "2026-03-28T23:00:00Z"  # before the clocks went forward


def test_the_same_time_yesterday_is_by_the_clock_on_the_wall() -> None:
    after_change = parse_instant("2026-03-29T10:00", "Europe/Berlin")
    assert after_change - same_time_days_ago_us(after_change, "Europe/Berlin") == 23 * HOUR_US


def test_an_unknown_zone_is_utc() -> None:
    assert zone_of("Mars/Olympus").key == "UTC"
    assert zone_of("../../etc/passwd").key == "UTC"

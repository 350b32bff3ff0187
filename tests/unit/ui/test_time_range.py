"""Time ranges in URLs, and the calendar of a zone."""

from datetime import date
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.shifts import parse_calendar
from dashapp.ui.time_range import (
    DAY_US,
    HOUR_US,
    PRESETS,
    SHIFTS,
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
        ({"range": "tomorrow"}, "tomorrow"),
        ({"range": "0h"}, "0h"),
        ({"range": "999999y"}, "not a range"),
        ({"range": "this-shift"}, "no shift calendar"),
        ({"range": "Early@2026-11-20"}, "no shift calendar"),
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


@pytest.mark.parametrize(
    ("typed", "kept", "words"),
    [
        ("36h", "36h", "last 36 hours"), ("last 36 hours", "36h", "last 36 hours"), ("90 min", "90m", "last 90 minutes"),
        ("1 day", "24h", "last 24 hours"), ("2 weeks", "14d", "last 14 days"), ("the last week", "7d", "last 7 days"),
        ("past 3 months", "90d", "last 90 days"), ("hour", "1h", "last 1 hour"), ("last-10-minutes", "10m", "last 10 minutes"),
        ("All", "all", "all readings"), ("45s", "45s", "last 45 seconds"), ("2y", "2y", "last 2 years"),
    ],
)  # fmt: skip
def test_any_length_can_be_counted_back_and_is_kept_short(typed: str, kept: str, words: str) -> None:
    found = parse_range({"range": typed}, NOW)
    assert (found.preset, found.words, found.problem) == (kept, words, "")
    assert found.query == f"range={kept}"


@given(st.integers(1, 10_000), st.sampled_from(["s", "m", "h", "d", "seconds", "min", "hours", "days", "weeks"]))
def test_a_range_that_counts_back_comes_back_from_its_url(number: int, unit: str) -> None:
    found = parse_range({"range": f"last {number} {unit}"}, NOW)
    assert found.problem == ""
    assert parse_range(dict(parse_qsl(found.query)), NOW) == found
    assert len(found.query) < 16


@given(st.sampled_from(sorted(PRESETS)))
def test_a_preset_comes_back_from_its_url(preset: str) -> None:
    assert parse_range({"range": preset}, NOW).query == f"range={preset}"


# ---- Shifts

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
PATTERN = {"shifts": [
    {"name": "Early", "days": EVERY_DAY, "start": "06:00", "end": "14:00"},
    {"name": "Night shift", "days": EVERY_DAY, "start": "22:00", "end": "06:00"},
]}  # fmt: skip
CALENDARS = [parse_calendar("", "Usual", "Europe/Berlin", PATTERN, date(2020, 1, 1), None)]


def shift(text: str, now: str = "2026-03-31T12:00:00Z") -> TimeRange:
    return parse_range({"range": text}, parse_instant(now), calendars=CALENDARS)


def test_this_shift_is_up_to_now_the_others_are_whole() -> None:
    now = "2026-03-31T10:00:00Z"
    this, before, night = (shift(name, now) for name in ("this-shift", "previous-shift", "last-night-shift"))
    assert (iso(this.start_us), iso(this.end_us)) == ("2026-03-31T04:00:00Z", "2026-03-31T10:00:00Z")
    assert this.words == "Early shift of 31 Mar 2026"
    assert (iso(before.start_us), iso(before.end_us)) == ("2026-03-30T20:00:00Z", "2026-03-31T04:00:00Z")
    assert (night.start_us, night.words, night.query) == (before.start_us, "Night shift of 30 Mar 2026", "range=last-night-shift")
    assert (this.earlier, this.later) == ("Night shift@2026-03-30", None)
    assert (before.earlier, before.later) == ("Early@2026-03-30", "Early@2026-03-31")


def test_between_shifts_this_shift_is_the_last_one_and_says_so() -> None:
    found = shift("this-shift", "2026-03-31T15:00:00Z")
    assert (found.name, found.preset, found.problem) == ("Early shift of 31 Mar 2026", "this-shift", "")
    assert "No shift is on now" in found.note


def test_a_shift_of_a_date_is_found_in_any_case_and_stands_in_the_url_as_it_is_called() -> None:
    found = shift("early@2026-03-30")
    assert (iso(found.start_us), iso(found.end_us)) == ("2026-03-30T04:00:00Z", "2026-03-30T12:00:00Z")
    assert found.query == "range=Early@2026-03-30"
    assert shift("night shift@2026-03-28").end_us - shift("night shift@2026-03-28").start_us == 7 * HOUR_US  # the clocks went forward


@pytest.mark.parametrize(
    ("asked", "said"),
    [("Late@2026-03-30", "no Late@2026-03-30"), ("Early@soon", "not a date"), ("Early@2026-04-30", "not begun"), ("@", "not a date"),
     ("Early@9999-12-31", "no"), ("Early@0001-01-01", "no")],
)  # fmt: skip
def test_a_shift_that_there_is_not_is_said(asked: str, said: str) -> None:
    assert said in shift(asked).problem


@given(st.sampled_from(["Early", "night shift"]), st.dates(date(2021, 1, 1), date(2026, 3, 29)))
def test_a_shift_comes_back_from_its_url_and_stepping_there_and_back_leads_to_it(name: str, day: date) -> None:
    found = shift(f"{name}@{day}")
    assert shift(dict(parse_qsl(found.query))["range"]) == found
    assert found.earlier is not None
    assert shift(found.earlier).later == found.preset


@given(st.integers(0, 4 * 10**15), st.integers(1_000_000, 10**14))
def test_fixed_ends_come_back_from_their_url_to_the_microsecond(start: int, length: int) -> None:
    made = TimeRange(start, start + length)
    assert parse_range(dict(parse_qsl(made.query)), NOW) == made


def test_whole_minutes_are_short_in_the_url() -> None:
    assert TimeRange(NOW - HOUR_US, NOW).query == "from=2026-03-31T11:00Z&to=2026-03-31T12:00Z"


anything = st.one_of(st.text(max_size=60), st.from_regex(r"[A-Za-z ]{0,12}@[0-9-]{0,10}", fullmatch=True), st.sampled_from(sorted(SHIFTS)))


@given(st.dictionaries(st.sampled_from(["range", "from", "to"]), anything))
def test_whatever_stands_in_the_url_there_is_a_range(query: dict[str, str]) -> None:
    found = parse_range(query, NOW, calendars=CALENDARS)
    assert found.end_us > found.start_us


def test_a_day_begins_at_midnight_of_the_plant() -> None:
    assert iso(midnight_us(NOW, "Asia/Kolkata")) == "2026-03-30T18:30:00Z"
    assert iso(midnight_us(NOW, "Europe/Berlin", days_back=2)) == "2026-03-28T23:00:00Z"  # before the clocks went forward


def test_today_and_yesterday_are_days_of_the_zone() -> None:
    today, before = (parse_range({"range": name}, NOW, zone="Europe/Berlin") for name in ("today", "yesterday"))
    assert (iso(today.start_us), today.end_us, today.query) == ("2026-03-30T22:00:00Z", NOW, "range=today")
    assert (iso(before.start_us), before.end_us, before.words) == ("2026-03-29T22:00:00Z", today.start_us, "yesterday")
    changed = parse_range({"range": "yesterday"}, parse_instant("2026-03-30T12:00", "Europe/Berlin"), zone="Europe/Berlin")
    assert changed.end_us - changed.start_us == 23 * HOUR_US


def test_the_same_time_yesterday_is_by_the_clock_on_the_wall() -> None:
    after_change = parse_instant("2026-03-29T10:00", "Europe/Berlin")
    assert after_change - same_time_days_ago_us(after_change, "Europe/Berlin") == 23 * HOUR_US


def test_an_unknown_zone_is_utc() -> None:
    assert zone_of("Mars/Olympus").key == "UTC"
    assert zone_of("../../etc/passwd").key == "UTC"

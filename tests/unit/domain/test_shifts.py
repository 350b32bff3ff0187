"""Shift calendars: what takes place when, over every sort of clock change, in any range and any part of it."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashapp.domain.shifts import (
    DAY_US,
    PatternError,
    Shift,
    ShiftCalendar,
    busy_intervals,
    busy_us,
    day_us,
    instant_us,
    last_shift,
    next_shift,
    of_line,
    parse_calendar,
    shift_at,
    shift_of,
    shifts_between,
)

pytestmark = pytest.mark.requirement("PR-3")
HOUR_US = DAY_US // 24
WORKDAYS, ALL_DAYS = [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]
EARLY = {"name": "Early", "days": WORKDAYS, "start": "06:00", "end": "14:00", "breaks": [["09:00", "09:15"], ["12:00", "12:30"]]}
LATE = {"name": "Late", "days": WORKDAYS, "start": "14:00", "end": "22:00", "breaks": [["18:00", "18:30"]]}
NIGHT = {"name": "Night", "days": [1, 2, 3, 4], "start": "22:00", "end": "06:00", "breaks": [["01:30", "02:00"]]}
ROUND_THE_CLOCK = [{**EARLY, "days": ALL_DAYS}, {**LATE, "days": ALL_DAYS}, {**NIGHT, "days": ALL_DAYS}]
# Whole hours, a half hour (Lord Howe), changes at midnight (Beirut, Havana, São Paulo of old), a day left out (Apia) and one that there was
# twice (Kwajalein goes the other way), odd offsets, both hemispheres, negative daylight saving (Dublin), and one without.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "America/Havana", "America/Sao_Paulo", "Africa/Cairo",
         "America/Asuncion", "Pacific/Apia", "Pacific/Kwajalein", "Asia/Kathmandu", "Pacific/Chatham", "Europe/Dublin", "Antarctica/Troll",
         "America/St_Johns", "Asia/Tehran", "Africa/Casablanca", "UTC"]  # fmt: skip


def calendar(*shifts: dict[str, Any], zone: str = "Europe/Berlin", **more: Any) -> ShiftCalendar:
    pattern = {"shifts": list(shifts), "exceptions": more.pop("exceptions", [])}
    return parse_calendar(more.pop("line", ""), "Usual", zone, pattern, more.pop("valid_from", date.min), more.pop("valid_to", None))


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


def at(zone: str, text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


def local(time_us: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).astimezone(ZoneInfo(zone))


THREE = [calendar(EARLY, LATE, NIGHT)]


def test_the_shifts_of_a_range_come_with_their_name_date_and_ends() -> None:
    found = shifts_between(THREE, us("2026-06-02T05:00+02:00"), us("2026-06-02T23:00+02:00"))
    assert [(one.name, one.day.isoformat(), one.is_night) for one in found] == [
        ("Night", "2026-06-01", True), ("Early", "2026-06-02", False), ("Late", "2026-06-02", False), ("Night", "2026-06-02", True),
    ]  # fmt: skip
    assert [(one.start_us, one.end_us) for one in found[:2]] == [
        (us("2026-06-01T22:00+02:00"), us("2026-06-02T06:00+02:00")), (us("2026-06-02T06:00+02:00"), us("2026-06-02T14:00+02:00")),
    ]  # fmt: skip


def named(shift: Shift | None) -> tuple[str, str] | None:
    return shift and (shift.name, shift.day.isoformat())


def test_this_shift_the_one_before_and_the_last_night_shift() -> None:
    now = us("2026-06-03T10:00+02:00")  # a Wednesday
    assert named(shift_at(THREE, now)) == ("Early", "2026-06-03")
    assert named(last_shift(THREE, now)) == named(last_shift(THREE, now, night=True)) == ("Night", "2026-06-02")
    at_night = us("2026-06-03T03:00+02:00")
    assert named(shift_at(THREE, at_night)) == ("Night", "2026-06-02")
    assert named(last_shift(THREE, at_night, night=True)) == ("Night", "2026-06-01")  # the one that is on has not ended
    sunday = us("2026-06-07T12:00+02:00")
    assert shift_at(THREE, sunday) is None
    assert named(last_shift(THREE, sunday)) == ("Late", "2026-06-05")
    assert named(next_shift(THREE, sunday)) == ("Early", "2026-06-08")


@pytest.mark.parametrize(
    ("start", "end", "night"),
    [("22:00", "06:00", True), ("00:00", "08:00", True), ("23:30", "07:00", True), ("04:00", "12:00", False), ("18:00", "02:00", False)],
)
def test_a_night_shift_is_one_with_three_hours_between_midnight_and_five(start: str, end: str, night: bool) -> None:
    assert calendar({**EARLY, "start": start, "end": end, "breaks": []}).shifts[0].is_night is night


def test_breaks_are_not_planned_time() -> None:
    monday = us("2026-06-01T06:00+02:00"), us("2026-06-01T22:00+02:00")
    busy = busy_intervals(THREE, *monday)
    assert [(local(low, "Europe/Berlin").strftime("%H:%M"), local(high, "Europe/Berlin").strftime("%H:%M")) for low, high in busy] == [
        ("06:00", "09:00"), ("09:15", "12:00"), ("12:30", "18:00"), ("18:30", "22:00"),
    ]  # fmt: skip
    assert busy_us(THREE, *monday) == 16 * HOUR_US - 75 * HOUR_US // 60


def test_a_holiday_an_extra_shift_and_changed_hours() -> None:
    short = {"name": "Early", "start": "06:00", "end": "10:00"}
    exceptions = [
        {"date": "2026-12-25", "name": "Christmas", "shifts": []},
        {"date": "2026-12-26", "shifts": [{**short, "name": "Extra"}], "extra": True},
        {"date": "2026-12-24", "shifts": [short]},
    ]
    found = shifts_between([calendar(EARLY, LATE, exceptions=exceptions)], us("2026-12-24T00:00+01:00"), us("2026-12-28T00:00+01:00"))
    assert [(one.name, one.day.day, (one.end_us - one.start_us) // HOUR_US) for one in found] == [("Early", 24, 4), ("Extra", 26, 4)]


def test_a_new_calendar_takes_over_on_its_first_day_and_ends_what_still_runs() -> None:
    old = calendar(EARLY, LATE, NIGHT, valid_to=date(2026, 6, 30))
    new = calendar({**EARLY, "start": "05:00", "end": "13:00"}, valid_from=date(2026, 7, 1))
    found = shifts_between([old, new], us("2026-06-30T15:00+02:00"), us("2026-07-01T15:00+02:00"))
    assert [one.name for one in found] == ["Late", "Night", "Early"]
    assert found[1].end_us == found[2].start_us == us("2026-07-01T05:00+02:00")


def test_a_line_has_its_own_calendars_or_the_plants() -> None:
    plant, cell = calendar(EARLY), calendar(LATE, line="Cell 4")
    assert of_line([plant, cell], "Cell 4") == [cell]
    assert of_line([plant, cell], "Cell 5") == of_line([plant, cell], "") == [plant]
    assert of_line([cell], "Cell 5") == []


def test_a_named_shift_of_a_date() -> None:
    found = shift_of(THREE, "night", date(2026, 6, 2))
    assert found is not None
    assert found.start_us == us("2026-06-02T22:00+02:00")
    assert shift_of(THREE, "night", date(2026, 6, 6)) is None
    assert shift_of(THREE, "Noon", date(2026, 6, 2)) is None


# ---- Clock changes


@pytest.mark.parametrize(
    ("zone", "day", "shift", "hours"),
    [
        ("Europe/Berlin", "2026-03-28", NIGHT, 7), ("Europe/Berlin", "2026-10-24", NIGHT, 9),
        ("Australia/Lord_Howe", "2026-10-03", NIGHT, 7.5), ("Australia/Lord_Howe", "2026-04-04", NIGHT, 8.5),
        ("America/Sao_Paulo", "2018-11-03", NIGHT, 7), ("America/Sao_Paulo", "2018-02-17", NIGHT, 9),
        ("Europe/Berlin", "2026-03-28", EARLY, 8),
        ("Pacific/Apia", "2011-12-29", NIGHT, 2), ("Pacific/Apia", "2011-12-30", EARLY, None),  # the day that there was not
    ],
)  # fmt: skip
def test_a_shift_over_a_clock_change_is_shorter_or_longer(zone: str, day: str, shift: dict[str, Any], hours: float | None) -> None:
    found = shift_of([calendar({**shift, "days": ALL_DAYS}, zone=zone)], str(shift["name"]), date.fromisoformat(day))
    assert (found and (found.end_us - found.start_us) / HOUR_US) == hours


def test_a_local_time_that_is_left_out_is_the_instant_of_the_change_and_a_doubled_one_its_first() -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    assert {instant_us("Europe/Berlin", spring, minute) for minute in (120, 130, 179, 180)} == {us("2026-03-29T01:00Z")}
    assert instant_us("Europe/Berlin", autumn, 150) == us("2026-10-25T00:30Z")
    assert instant_us("Asia/Beirut", date(2026, 3, 29), 0) == us("2026-03-28T22:00Z")  # midnight is left out


@pytest.mark.parametrize("zone", ZONES)
def test_every_day_of_half_a_century_is_tiled_by_its_shifts(zone: str) -> None:
    """Only days on which the clocks change, and those around them: they are where it could go wrong."""
    tiles = [calendar(*ROUND_THE_CLOCK, zone=zone)]
    whole = [calendar({"name": "Day", "days": ALL_DAYS, "start": "00:00", "end": "24:00"}, zone=zone)]
    first = date(1990, 1, 1)
    lengths = [day_us(zone, first + timedelta(days=number)) for number in range(17_000)]
    assert all(before[1] == after[0] for before, after in pairwise(lengths))
    odd = [first + timedelta(days=n) for n, (low, high) in enumerate(lengths) if high - low != DAY_US]
    assert len(odd) > 3 or zone in ("UTC", "Asia/Kathmandu", "Pacific/Kwajalein")
    for day in odd[:30] + odd[-30:]:
        low, high = day_us(zone, day)
        assert high - low in {hours * HOUR_US // 2 for hours in (0, 44, 46, 47, 49, 50, 52)}, (zone, day)
        around = low - DAY_US, high + DAY_US
        shifts = shifts_between(tiles, *around)
        assert all(one.end_us == two.start_us for one, two in pairwise(shifts)), (zone, day)
        assert all(one.start_us < one.end_us for one in shifts)
        assert busy_us(whole, *around) == around[1] - around[0]
        assert busy_us(whole, low, high) == high - low


# ---- Whatever the calendar

minutes = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")
specs = st.fixed_dictionaries({"name": st.sampled_from("ABC"), "start": minutes, "end": minutes})
exceptions = st.lists(
    st.builds(
        lambda day, shifts, extra: {"date": (date(2026, 3, 25) + timedelta(days=day)).isoformat(), "shifts": shifts, "extra": extra},
        st.integers(0, 12), st.lists(specs, max_size=3), st.booleans(),
    ),
    max_size=5,
)  # fmt: skip
edges = st.integers(us("2026-03-24T00:00Z") // 60_000_000, us("2026-04-07T00:00Z") // 60_000_000).map(lambda minute: minute * 60_000_000)


def made(zone: str, usual: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[ShiftCalendar]:
    kept: list[dict[str, Any]] = []
    for one in usual:  # as many of them as go together
        try:
            calendar(*kept, {**one, "days": ALL_DAYS})
        except PatternError:
            continue
        kept.append({**one, "days": ALL_DAYS})
    return [calendar(*kept, zone=zone, exceptions=others)]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.lists(specs, max_size=3), exceptions, st.tuples(edges, edges, edges).map(sorted))
def test_shifts_are_in_order_and_apart_and_any_split_of_a_range_adds_up(zone, usual, others, cuts) -> None:
    calendars = made(zone, usual, others)
    start, middle, end = cuts
    shifts = shifts_between(calendars, start, end)
    assert all(one.start_us < one.end_us <= two.start_us for one, two in pairwise([*shifts, *shifts[-1:]]) if one is not two)
    assert all(one.end_us > start and one.start_us < end and one.start_us < one.end_us for one in shifts)
    busy = busy_intervals(calendars, start, end)
    assert all(one[1] < two[0] for one, two in pairwise(busy))
    assert busy_us(calendars, start, middle) + busy_us(calendars, middle, end) == busy_us(calendars, start, end)
    assert busy_us(calendars, start, end) == sum(min(one.end_us, end) - max(one.start_us, start) for one in shifts)
    for shift in shifts:
        assert shift_at(calendars, shift.start_us) == shift_at(calendars, shift.end_us - 1) == shift


@pytest.mark.parametrize(
    ("pattern", "field"),
    [
        ({"shifts": [EARLY, {**LATE, "start": "13:00"}]}, "shifts"),
        ({"shifts": [{**NIGHT, "days": [7]}, {**EARLY, "start": "05:00", "days": [1]}]}, "shifts"),  # over the end of the week
        ({"shifts": [{**EARLY, "days": []}]}, "days"),
        ({"shifts": [{**EARLY, "days": [8]}]}, "days"),
        ({"shifts": [{**EARLY, "start": "6"}]}, "start"),
        ({"shifts": [{**EARLY, "end": "25:00"}]}, "end"),
        ({"shifts": [{**EARLY, "breaks": [["15:00", "15:30"]]}]}, "breaks"),
        ({"shifts": [{**EARLY, "breaks": [["09:00", "10:00"], ["09:30", "11:00"]]}]}, "breaks"),
        ({"shifts": [{**EARLY, "name": "a@b"}]}, "name"),
        ({"shifts": "Early"}, "shifts"),
        ({"exceptions": [{"date": "Christmas"}]}, "date"),
    ],
)
def test_a_pattern_that_is_none_names_what_is_wrong(pattern: dict[str, Any], field: str) -> None:
    with pytest.raises(PatternError) as caught:
        parse_calendar("", "Usual", "Europe/Berlin", pattern, date(2026, 1, 1), None)
    assert caught.value.field == field


def test_a_zone_that_is_none_and_an_end_before_the_beginning_are_refused() -> None:
    with pytest.raises(PatternError, match="zone"):
        parse_calendar("", "", "Mars/Olympus", {}, date(2026, 1, 1), None)
    with pytest.raises(PatternError, match="valid_to"):
        parse_calendar("", "", "UTC", {}, date(2026, 1, 1), date(2025, 1, 1))

"""Partitions by time: made where they are missing, never twice, never overlapping; pinned; measured."""

import itertools
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from db.columns import DAY_US, from_us, to_us
from db.commands.partitions import (
    MINUTES,
    READINGS,
    PartitionKeeper,
    ensure_ahead,
    ensure_partitions,
    partition_ranges,
    partition_sizes,
    pin_partitions,
    span_of,
)
from db.engine import Database
from jobs import partitions as job
from tests.integration.stored import new_sensors, store, utc_us


def ranges(database: Database, parent: str, year: str) -> list[tuple[str, str]]:
    """(low, high) as days, of the partitions that begin in a year."""
    with database.engine.connect() as connection:
        found = partition_ranges(connection, parent)
    pairs = [(f"{from_us(each.low_us):%Y-%m-%d}", f"{from_us(each.high_us):%Y-%m-%d}") for each in found]
    return [pair for pair in pairs if pair[0].startswith(year)]


@pytest.mark.requirement("DB-2")
def test_readings_and_minutes_get_a_partition_for_each_month_that_has_times(database):
    times = np.array(
        [utc_us("1991-01-31T23:59"), utc_us("1991-02-01T00:00"), utc_us("1991-02-02T00:00"), utc_us("1991-12-24T18:00")]
    )
    made = ensure_partitions(database, times)
    months = [("1991-01-01", "1991-02-01"), ("1991-02-01", "1991-03-01"), ("1991-12-01", "1992-01-01")]
    assert len(made) == 6
    assert ranges(database, READINGS, "1991") == ranges(database, MINUTES, "1991") == months
    assert ensure_partitions(database, times) == []


@pytest.mark.requirement("DB-2")
@pytest.mark.parametrize(
    ("span", "year", "expected"),
    [("day", "1992", ("1992-02-29", "1992-03-01")), ("week", "1993", ("1993-05-31", "1993-06-07"))],
)
def test_readings_can_be_partitioned_by_day_or_week_and_minutes_stay_by_month(database, span, year, expected):
    time_us = utc_us(f"{expected[0]}T13:00")
    ensure_partitions(database, np.array([time_us]), span)
    assert ranges(database, READINGS, year) == [expected]
    first = f"{expected[0][:8]}01"
    assert [low for low, _ in ranges(database, MINUTES, year)] == [first]


@pytest.mark.requirement("DB-2")
def test_a_changed_span_fills_the_gaps_between_what_is_there(database):
    ensure_partitions(database, np.array([utc_us("1994-06-08T12:00")]), "week")  # 6 to 13 June
    ensure_partitions(database, np.array([utc_us("1994-06-20T12:00")]), "day")
    ensure_partitions(database, (utc_us("1994-06-01T00:00"), utc_us("1994-07-01T00:00")), "month")
    assert ranges(database, READINGS, "1994") == [
        ("1994-06-01", "1994-06-06"),
        ("1994-06-06", "1994-06-13"),
        ("1994-06-13", "1994-06-20"),
        ("1994-06-20", "1994-06-21"),
        ("1994-06-21", "1994-07-01"),
    ]


FIRST_DAY = utc_us("2051-01-01T00:00")
wishes = st.lists(
    st.tuples(st.sampled_from(["month", "week", "day"]), st.integers(0, 700), st.integers(0, 20), st.booleans()),
    min_size=1,
    max_size=6,
)


@pytest.mark.requirement("DB-2")
@given(wishes)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_wishes_in_any_order_are_covered_without_an_overlap(database, wished):
    for span, day, days, as_range in wished:
        low, high = FIRST_DAY + day * DAY_US + 1, FIRST_DAY + (day + days) * DAY_US + 2
        ensure_partitions(database, (low, high) if as_range else np.array([low, high - 1]), span)
        with database.engine.connect() as connection:
            for parent in (READINGS, MINUTES):
                edges = [(each.low_us, each.high_us) for each in partition_ranges(connection, parent)]
                assert all(before[1] <= after[0] for before, after in itertools.pairwise(edges))
                wanted = range(low, high, DAY_US) if as_range else (low, high - 1)
                assert all(any(first <= at < last for first, last in edges) for at in wanted)


@pytest.mark.requirement("DB-2")
def test_many_that_need_the_same_partition_at_once_make_it_once(database):
    times = np.array([utc_us("1995-03-05T00:00"), utc_us("1995-04-05T00:00")])
    with ThreadPoolExecutor(3) as pool:
        spans = ["month", "week", "day", "month", "week", "day"]
        made = list(pool.map(lambda span: ensure_partitions(database, times, span), spans))
    assert sum(len(names) > 0 for names in made) == 1


@pytest.mark.requirement("DB-2")
def test_the_job_makes_the_time_to_come_and_says_so_in_one_line(database, caplog):
    now = datetime(2040, 12, 30, 12, tzinfo=UTC)
    with caplog.at_level(logging.INFO, "andon.jobs.partitions"):
        made = job.run(database, now, "month", 2)
    assert [name for name in made if name.startswith(READINGS)] == [
        "readings_20401201_20410101", "readings_20410101_20410201", "readings_20410201_20410301"
    ]  # fmt: skip
    assert len(made) == 6
    assert len(caplog.records) == 1
    assert job.run(database, now, "month", 2) == []
    assert ensure_ahead(database, now, "day", 5) == []


@pytest.mark.requirement("DB-2", "DB-6")
def test_a_partition_is_protected_and_cannot_be_reached_past_its_parent(database):
    (readings, minutes) = ensure_partitions(database, np.array([utc_us("1996-01-01T00:00")]))
    with database.owner.connect() as connection:
        flags = text("select relrowsecurity and relforcerowsecurity from pg_class where relname = any(:names)")
        assert connection.execute(flags, {"names": [readings, minutes]}).scalars().all() == [True, True]
    for name in (readings, minutes):
        with pytest.raises(ProgrammingError, match="permission denied"), database.engine.connect() as connection:
            connection.execute(text(f"select * from {name}"))


@pytest.mark.requirement("IN-5")
def test_partitions_of_imported_history_are_pinned_with_the_reason(database):
    ensure_partitions(database, (utc_us("1997-01-01T00:00"), utc_us("1997-04-01T00:00")))
    first, last = utc_us("1997-01-15T00:00"), utc_us("1997-02-01T00:00")
    names = pin_partitions(database, first, last, "import 7")
    assert names == [
        "readings_19970101_19970201", "readings_19970201_19970301",
        "rollup_minute_19970101_19970201", "rollup_minute_19970201_19970301",
    ]  # fmt: skip
    assert pin_partitions(database, first, first, "import 8") == [names[0], names[2]]
    with database.engine.connect() as connection:
        reasons = connection.execute(
            text("select name, reason from pinned_partitions where name = any(:n)"), {"n": names}
        )
        assert {(row.name, row.reason) for row in reasons} == {
            *((name, "import 7") for name in names), (names[0], "import 8"), (names[2], "import 8"),
        }  # fmt: skip
        pinned = {each.partition.name for each in partition_sizes(connection) if each.pinned}
    assert set(names) <= pinned
    assert "readings_19970301_19970401" not in pinned


def test_sizes_say_bytes_and_rows_of_every_partition(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    start_us = utc_us("1998-07-01T00:00")
    store(database, tenant, sensor, start_us + np.arange(5000) * 1_000_000, np.zeros(5000))
    with database.owner.begin() as connection:
        connection.execute(text("analyze readings_19980701_19980801"))
    with database.engine.connect() as connection:
        sizes = {each.partition.name: each for each in partition_sizes(connection)}
    found = sizes["readings_19980701_19980801"]
    assert (found.parent, found.rows, found.pinned) == (READINGS, 5000, False)
    assert found.bytes > 5000 * 40
    assert (found.partition.low_us, found.partition.high_us) == (start_us, utc_us("1998-08-01T00:00"))


@pytest.mark.requirement("DB-2")
def test_the_keeper_asks_the_database_only_for_what_it_does_not_know(database, monkeypatch):
    asked = []

    def asking(database, times_us, span):
        asked.append(len(times_us))
        return ensure_partitions(database, times_us, span)

    monkeypatch.setattr("db.commands.partitions.ensure_partitions", asking)
    keeper = PartitionKeeper(database, "day")
    day = utc_us("1999-09-09T00:00")
    keeper(np.empty(0, np.int64))
    keeper(np.array([day, day + 1000]))
    keeper(np.array([day + DAY_US - 1]))
    assert asked == [2]
    keeper(np.array([day, day + DAY_US]))
    assert asked == [2, 2]
    assert ranges(database, READINGS, "1999") == [("1999-09-09", "1999-09-10"), ("1999-09-10", "1999-09-11")]


def test_a_keeper_forgets_after_a_while_what_another_process_may_have_dropped(database, monkeypatch):
    keeper = PartitionKeeper(database)
    times = np.array([utc_us("2001-05-05T00:00")])
    keeper(times)
    with database.owner.begin() as connection:
        connection.execute(text("drop table readings_20010501_20010601"))
    monkeypatch.setattr("db.commands.partitions.KNOWN_FOR_S", -1.0)
    keeper(times)
    assert ranges(database, READINGS, "2001") == [("2001-05-01", "2001-06-01")]


@given(
    st.integers(to_us(datetime(1990, 1, 1, tzinfo=UTC)), to_us(datetime(2100, 1, 1, tzinfo=UTC))),
    st.sampled_from(["month", "week", "day"]),
)
def test_spans_hold_their_time_and_follow_one_another(time_us, span):
    low, high = span_of(time_us, span)
    assert low <= time_us < high
    assert span_of(low, span) == span_of(high - 1, span) == (low, high)
    assert span_of(high, span)[0] == high


def test_an_unknown_span_is_refused():
    with pytest.raises(ValueError, match="year"):
        span_of(0, "year")

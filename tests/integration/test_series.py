"""What charts, tables and statistics read: right at every resolution, with the tail that is not rolled up yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from sqlalchemy import Connection, text

from dashapp.domain.statistics import Direction
from db.columns import DAY_US, HOUR_US, MINUTE_US, from_us
from db.commands.rollups import close_buckets
from db.engine import Database
from db.queries import series as queries
from db.queries.series import (
    hourly_activity,
    latest_points,
    readings_page,
    series,
    statistics,
    stream_readings,
)
from db.tenancy import tenant_reading, tenant_transaction
from tests.integration.stored import new_sensors, new_tenant, store, utc_us

START_US = utc_us("2026-03-01T00:00")
SECOND_US = 1_000_000
DAYS = 8
CLOSED_US = START_US + DAYS * DAY_US - 25 * MINUTE_US  # rollups end here, in the middle of an hour


@dataclass
class History:
    """A sensor at a reading every ten seconds for eight days, the last 25 minutes of which are not rolled up."""

    database: Database
    tenant_id: int
    sensor: int
    time_us: np.ndarray
    value: np.ndarray

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            yield connection

    def between(self, start_us: int, end_us: int) -> np.ndarray:
        return self.value[(self.time_us >= start_us) & (self.time_us < end_us)]


@pytest.fixture(scope="module")
def history(database) -> History:
    tenant_id = new_tenant(database)
    (sensor,) = new_sensors(database, tenant_id, 1)
    time_us = START_US + np.arange(DAYS * 8640) * 10 * SECOND_US
    rng = np.random.default_rng(4)
    value = 50 + 10 * np.sin(np.arange(len(time_us)) / 1375) + rng.normal(0, 0.3, len(time_us))
    value[rng.choice(len(value), 30, replace=False)] += rng.normal(0, 80, 30)
    store(database, tenant_id, sensor, time_us, value)
    close_buckets(database, tenant_id, from_us(CLOSED_US), lag_s=0)
    return History(database, tenant_id, sensor, time_us, value)


@pytest.fixture(scope="module")
def sparse(database) -> History:
    """Like a historian's export: a reading every five minutes for thirty days, rolled up."""
    tenant_id = new_tenant(database)
    (sensor,) = new_sensors(database, tenant_id, 1)
    time_us = START_US + np.arange(30 * 288) * 5 * MINUTE_US
    value = np.random.default_rng(9).normal(80, 4, len(time_us))
    store(database, tenant_id, sensor, time_us, value)
    close_buckets(database, tenant_id, from_us(START_US + 40 * DAY_US), lag_s=0)
    return History(database, tenant_id, sensor, time_us, value)


END_US = START_US + DAYS * DAY_US
RANGES = [
    (2 * HOUR_US, 1000, "raw"),
    (9 * HOUR_US, 1000, "raw"),
    (12 * HOUR_US, 1000, "minute"),
    (DAYS * DAY_US, 1000, "minute"),
    (DAYS * DAY_US, 300, "hour"),
]


@pytest.mark.requirement("AN-2")
@pytest.mark.parametrize(("length_us", "width", "resolution"), RANGES)
def test_every_range_answers_from_the_coarsest_level_that_fills_the_width(history, length_us, width, resolution):
    with history.reading() as connection:
        line = series(connection, history.sensor, END_US - length_us, END_US, width=width)
    held = history.between(END_US - length_us, END_US)
    assert line.resolution == resolution
    assert 0.5 * width <= len(line) <= 2000 or len(line) == len(held)
    assert (np.diff(line.time_us) > 0).all()
    assert (line.low.min(), line.high.max()) == (held.min(), held.max())
    assert ((line.low <= line.mean) & (line.mean <= line.high)).all()
    if line.step_us:
        assert line.count.sum() == len(held)  # none is missing and none counted twice, the raw tail included
        assert line.mean @ line.count / len(held) == pytest.approx(held.mean())


@pytest.mark.requirement("AN-2")
def test_each_point_of_a_coarse_line_stands_for_its_own_readings(history):
    with history.reading() as connection:
        line = series(connection, history.sensor, START_US, END_US, width=1000)
    for at in (0, 100, len(line) - 1):
        held = history.between(line.time_us[at], line.time_us[at] + line.step_us)
        assert line.count[at] == len(held)
        assert (line.low[at], line.high[at]) == (held.min(), held.max())
        assert line.mean[at] == pytest.approx(held.mean())


@pytest.mark.requirement("AN-2")
@pytest.mark.requirement("AN-2")
def test_zooming_from_days_to_minutes_keeps_every_extreme_and_invents_none(history):
    """At any zoom the band reaches exactly as far as the readings of its points, from the rollups as from the readings."""
    chance = np.random.default_rng(11)
    for length_us in np.geomspace(10 * MINUTE_US, DAYS * DAY_US, 24).astype(np.int64).tolist():
        start_us = START_US + int(chance.uniform(0, DAYS * DAY_US - length_us))
        with history.reading() as connection:
            found = series(connection, history.sensor, start_us, start_us + length_us, width=700)
        assert 0 < len(found) <= 2000
        step_us = max(found.step_us, 1)
        inner = slice(1, -1)  # the range cuts the first and the last step
        columns = (found.time_us[inner].tolist(), found.low[inner].tolist(), found.high[inner].tolist())
        for at, low, high in zip(*columns, strict=True):
            raw = history.between(at, at + step_us)
            assert (raw.min(), raw.max()) == (low, high)
        whole = history.between(start_us, start_us + length_us)
        assert found.high.max() >= whole.max()
        assert found.low.min() <= whole.min()


def test_short_ranges_show_the_readings_themselves(history, sparse):
    start = START_US + 3 * HOUR_US
    for one, period_us in ((history, 10 * SECOND_US), (sparse, 5 * MINUTE_US)):
        with one.reading() as connection:
            line = series(connection, one.sensor, start, start + 2 * HOUR_US)
        inside = (one.time_us >= start) & (one.time_us < start + 2 * HOUR_US)
        assert line.resolution == "raw"
        assert len(line) == 2 * HOUR_US // period_us
        assert (line.time_us.tolist(), line.mean.tolist()) == (one.time_us[inside].tolist(), one.value[inside].tolist())
        assert line.step_us == 0


@pytest.mark.requirement("AN-2")
def test_few_readings_in_a_long_range_are_shown_as_they_are(sparse):
    with sparse.reading() as connection:
        line = series(connection, sparse.sensor, START_US, START_US + 5 * DAY_US)
        whole = series(connection, sparse.sensor, START_US, START_US + 30 * DAY_US)
    assert (line.resolution, len(line)) == ("raw", 5 * 288)
    assert (whole.resolution, len(whole), whole.count.sum()) == ("hour", 720, 30 * 288)


@pytest.mark.requirement("AN-2")
def test_a_gap_in_the_readings_is_a_gap_in_the_line(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    time_us = START_US + np.r_[0:4000, 20_000:24_000] * SECOND_US
    store(database, tenant, sensor, time_us, np.sin(np.arange(8000)))
    with tenant_reading(database.engine, tenant) as connection:
        line = series(connection, sensor, START_US, START_US + 7 * HOUR_US)
    jump = int(np.argmax(np.diff(line.time_us)))
    assert len(line) <= 2000
    assert (line.time_us[jump], line.time_us[jump + 1]) == (time_us[3999], time_us[4000])


def test_very_many_raw_readings_are_gathered_by_pixel(history, monkeypatch):
    monkeypatch.setattr(queries, "RAW_FETCHED", 500)
    start = END_US - 3 * HOUR_US
    with history.reading() as connection:
        line = series(connection, history.sensor, start, END_US, width=400)
    held = history.between(start, END_US)
    assert (line.resolution, line.count.sum()) == ("raw", len(held))
    assert 350 <= len(line) <= 402
    assert (line.low.min(), line.high.max()) == (held.min(), held.max())


def test_what_was_never_rolled_up_is_read_raw_at_any_length(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    time_us = START_US + np.arange(5 * 1440) * MINUTE_US
    store(database, tenant, sensor, time_us, np.arange(len(time_us)))
    with tenant_reading(database.engine, tenant) as connection:
        line = series(connection, sensor, START_US, START_US + 5 * DAY_US)
        assert (line.resolution, line.count.sum()) == ("minute", len(time_us))
        assert statistics(connection, sensor, START_US, START_US + 5 * DAY_US).count == len(time_us)


@pytest.mark.requirement("DB-5")
def test_a_range_whose_raw_data_was_dropped_is_answered_from_what_is_left(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    time_us = START_US + np.arange(4 * 48) * 30 * MINUTE_US
    store(database, tenant, sensor, time_us, np.arange(len(time_us)))
    close_buckets(database, tenant, from_us(END_US))
    with tenant_transaction(database.engine, tenant) as connection:
        for table, column in (("readings", "time"), ("rollup_minute", "bucket")):
            gone = {"until": from_us(START_US + 3 * DAY_US)}
            connection.execute(text(f"delete from {table} where {column} < :until"), gone)
        short = series(connection, sensor, START_US, START_US + 2 * HOUR_US)
        long = series(connection, sensor, START_US, START_US + 4 * DAY_US, width=100)
        summary = statistics(connection, sensor, START_US, START_US + 4 * DAY_US)
    assert (short.resolution, short.count.tolist()) == ("hour", [2, 2])
    assert (long.resolution, long.count.sum()) == ("hour", len(time_us))
    assert (summary.count, summary.max, summary.median_of) == (len(time_us), len(time_us) - 1, "hours")


def test_nothing_in_a_range_is_an_empty_line(history):
    with history.reading() as connection:
        for length_us in (HOUR_US, 2 * DAY_US, 400 * DAY_US):
            assert len(series(connection, history.sensor, START_US - length_us, START_US)) == 0
        assert statistics(connection, history.sensor, START_US - DAY_US, START_US) is None


@pytest.mark.requirement("DB-6")
def test_another_tenants_sensor_has_no_line(history, tenant):
    with tenant_reading(history.database.engine, tenant) as connection:
        assert len(series(connection, history.sensor, START_US, END_US)) == 0
        assert len(latest_points(connection, [history.sensor], START_US).value) == 0
        assert len(readings_page(connection, [history.sensor], START_US, END_US, 10)) == 0
        assert list(stream_readings(connection, [history.sensor], START_US, END_US)) == []


@pytest.mark.requirement("AN-1")
@pytest.mark.parametrize(
    ("by_readings", "by_minutes", "median_of"),
    [(200_000, 100_000, "readings"), (10, 100_000, "minutes"), (10, 10, "hours")],
)
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START_US + 1234 * SECOND_US + 7, END_US - 5 * SECOND_US),
        (START_US + 90 * MINUTE_US, START_US + 30 * HOUR_US),
        (START_US + 3 * HOUR_US + 5 * SECOND_US, START_US + 3 * HOUR_US + 50 * SECOND_US),
        (START_US + 100 * SECOND_US, START_US + 200 * SECOND_US),
        (CLOSED_US - 100 * SECOND_US, END_US),
        (CLOSED_US + 90 * SECOND_US, END_US + DAY_US),
    ],
)
def test_statistics_are_exact_at_the_edges_of_any_range(
    history, monkeypatch, by_readings, by_minutes, median_of, start, end
):
    monkeypatch.setattr(queries, "MEDIAN_OF_READINGS", by_readings)
    monkeypatch.setattr(queries, "MEDIAN_OF_MINUTES", by_minutes)
    with history.reading() as connection:
        summary = statistics(connection, history.sensor, start, end)
    held = history.between(start, end)
    assert (summary.count, summary.min, summary.max) == (len(held), held.min(), held.max())
    assert summary.mean == pytest.approx(held.mean(), rel=1e-9)
    assert summary.sd == pytest.approx(held.std(ddof=1), rel=1e-9)
    if summary.median_of == "readings":
        assert summary.median == np.median(held)
    else:
        assert abs(summary.median - np.median(held)) < 1.5
    if end - start >= HOUR_US:
        assert summary.median_of == median_of


@pytest.mark.requirement("AN-1")
def test_the_trend_of_a_day_is_that_of_its_readings(history):
    quarter = START_US + int(1375 * np.pi / 2) * 10 * SECOND_US  # the swing rises until here
    with history.reading() as connection:
        rising = statistics(connection, history.sensor, START_US, quarter)
    assert rising.trend.direction is Direction.INCREASING
    assert rising.trend.slope_per_hour == pytest.approx(2 / np.pi * 10 / (1375 / 360), rel=0.2)


@pytest.mark.requirement("UI-1")
def test_points_of_many_sensors_come_by_sensor_and_time(database, tenant):
    sensors = new_sensors(database, tenant, 3)
    for shift, sensor in enumerate(sensors):
        store(database, tenant, sensor, START_US + (np.arange(20) + shift) * SECOND_US, np.arange(20.0) + shift)
    with tenant_reading(database.engine, tenant) as connection:
        points = latest_points(connection, sensors[:2], START_US + 15 * SECOND_US)
        assert len(latest_points(connection, [], START_US).value) == 0
    assert points.sensor_id.tolist() == [sensors[0]] * 5 + [sensors[1]] * 6
    assert ((points.time_us - START_US) // SECOND_US).tolist() == [*range(15, 20), *range(15, 21)]
    assert points.value.tolist() == [15.0, 16, 17, 18, 19, 15, 16, 17, 18, 19, 20]


@pytest.mark.requirement("UI-1", "DB-3")
@pytest.mark.parametrize(
    "shift_us", [0, 30 * MINUTE_US, -45 * MINUTE_US], ids=["UTC", "half an hour", "three quarters"]
)
def test_activity_by_hours_of_any_zone_counts_every_reading_once(history, shift_us):
    start, end = START_US + DAY_US + shift_us, END_US
    with history.reading() as connection:
        hours = hourly_activity(connection, [history.sensor], start, end)
    assert hours.count.sum() == len(history.between(start, end))
    assert ((hours.time_us - start) % HOUR_US == 0).all()
    for at in (0, 50, len(hours.time_us) - 1):
        held = history.between(hours.time_us[at], min(hours.time_us[at] + HOUR_US, end))
        assert (hours.count[at], hours.low[at], hours.high[at]) == (len(held), held.min(), held.max())
        assert hours.mean[at] == pytest.approx(held.mean())


@pytest.mark.requirement("UI-1")
def test_activity_ends_where_its_range_ends(history):
    with history.reading() as connection:
        hours = hourly_activity(connection, [history.sensor], START_US, START_US + 90 * MINUTE_US)
    assert hours.count.tolist() == [360, 180]


def test_pages_hold_every_reading_once_newest_first(database, tenant):
    sensors = new_sensors(database, tenant, 3)
    rng = np.random.default_rng(2)
    for sensor in sensors:  # many at the same instants
        times = START_US + np.sort(rng.choice(40, 25, replace=False)) * SECOND_US
        store(database, tenant, sensor, times, rng.normal(size=25))
    seen: list[tuple[int, int]] = []
    with tenant_reading(database.engine, tenant) as connection:
        before = None
        while len(page := readings_page(connection, sensors, START_US, START_US + 60 * SECOND_US, 7, before)):
            seen += list(zip(page.time_us.tolist(), page.sensor_id.tolist(), strict=True))
            before = seen[-1]
        inner = readings_page(connection, sensors[:1], START_US + 5 * SECOND_US, START_US + 9 * SECOND_US, 100)
    assert len(seen) == len(set(seen)) == 75
    assert seen == sorted(seen, reverse=True)
    assert ((inner.time_us >= START_US + 5 * SECOND_US) & (inner.time_us < START_US + 9 * SECOND_US)).all()
    assert page.value.dtype == np.float64


def test_an_export_streams_sensor_by_sensor_in_pieces(database, tenant):
    sensors = new_sensors(database, tenant, 2)
    for sensor in sensors:
        store(database, tenant, sensor, START_US + np.arange(250) * SECOND_US + 123, np.arange(250.0) + sensor)
    with tenant_reading(database.engine, tenant) as connection:
        pieces = list(stream_readings(connection, sensors, START_US, START_US + 200 * SECOND_US, rows=90))
        first = next(stream_readings(connection, sensors, START_US, START_US + 200 * SECOND_US, rows=90))
        assert connection.execute(text("select 1")).scalar_one() == 1  # an export that is broken off leaves it usable
    assert [len(piece) for piece in pieces] == [90, 90, 20] * 2
    assert first.time_us.tolist() == (START_US + np.arange(90) * SECOND_US + 123).tolist()
    for sensor, mine in zip(sensors, (pieces[:3], pieces[3:]), strict=True):
        assert {int(i) for piece in mine for i in piece.sensor_id} == {sensor}
        assert np.concatenate([piece.value for piece in mine]).tolist() == (np.arange(200.0) + sensor).tolist()
    assert (pieces[0].quality == 192).all()
    assert (pieces[0].received_us > START_US).all()

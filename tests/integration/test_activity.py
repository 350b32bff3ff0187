"""What a plant did, asked of rollups and of what is not rolled up yet: the same whichever of them answers."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from db.columns import HOUR_US, MINUTE_US, from_us
from db.commands.rollups import close_buckets
from db.engine import Database
from db.queries import activity
from db.tenancy import tenant_reading
from tests.integration.stored import new_sensors, new_tenant, store, utc_us

DAY = utc_us("2026-03-30T00:00")
NOW = utc_us("2026-03-31T13:47:30")
TODAY = utc_us("2026-03-31T00:00")
CLOSED = ("nothing", "2026-03-30T11:20:00", "2026-03-31T12:30:30", "2026-03-31T13:47:30")


@pytest.fixture(params=CLOSED, ids=lambda closed: f"rolled up to {closed}")
def plant(database: Database, request: pytest.FixtureRequest) -> tuple[Database, int, int, int]:
    """Two sensors with a reading every 37 s for two days but for a gap, rolled up to somewhere."""
    tenant_id = new_tenant(database)
    counter, gauge = new_sensors(database, tenant_id, 2)
    times = np.arange(DAY, NOW, 37_000_000)
    times = times[(times < utc_us("2026-03-30T05:10")) | (times >= utc_us("2026-03-30T09:00"))]
    store(database, tenant_id, counter, times, (times // 1_000_000 % 5).astype(float))
    store(database, tenant_id, gauge, times, np.sin(times / 1e9))
    if request.param != "nothing":
        close_buckets(database, tenant_id, datetime.fromisoformat(request.param + "+00:00") + timedelta(seconds=5))
    return database, tenant_id, counter, gauge


def expected(start_us: int, end_us: int) -> np.ndarray:
    """Times of the readings of a range."""
    times = np.arange(DAY, NOW, 37_000_000)
    times = times[(times < utc_us("2026-03-30T05:10")) | (times >= utc_us("2026-03-30T09:00"))]
    return times[(times >= start_us) & (times < end_us)]


def units(start_us: int, end_us: int) -> float:
    return float((expected(start_us, end_us) // 1_000_000 % 5).sum())


@pytest.mark.requirement("DB-3")
def test_minutes_hold_sum_and_maximum_of_their_readings(plant):
    database, tenant_id, counter, gauge = plant
    start = NOW - 8 * HOUR_US
    with tenant_reading(database.engine, tenant_id) as connection:
        found = activity.minute_sums(connection, [gauge, counter], start, NOW)
    assert sorted(set(found.sensor_id.tolist())) == sorted([counter, gauge])
    mine = found.sensor_id == counter
    assert found.total[mine].sum() == units(start // MINUTE_US * MINUTE_US, NOW)
    assert (np.diff(found.time_us[mine]) > 0).all()
    gauges = found.sensor_id == gauge
    assert found.high[gauges].max() == np.sin(expected(start // MINUTE_US * MINUTE_US, NOW) / 1e9).max()


@pytest.mark.requirement("UI-1")
def test_units_of_today_and_yesterday_are_those_of_the_plants_days(plant):
    database, tenant_id, counter, _ = plant
    then = NOW - 24 * HOUR_US
    with tenant_reading(database.engine, tenant_id) as connection:
        found = activity.units_counted(connection, [counter], yesterday_us=DAY, yesterday_now_us=then, today_us=TODAY, now_us=NOW)[counter]
    assert found.today == units(TODAY, NOW)
    assert found.yesterday == units(DAY, TODAY)
    assert found.yesterday_by_now == units(DAY, then // MINUTE_US * MINUTE_US)


def test_days_that_begin_within_an_hour_of_utc_are_counted_to_the_minute(plant):
    database, tenant_id, counter, _ = plant
    yesterday, today = DAY + 30 * MINUTE_US, TODAY + 30 * MINUTE_US
    with tenant_reading(database.engine, tenant_id) as connection:
        found = activity.units_counted(
            connection, [counter], yesterday_us=yesterday, yesterday_now_us=yesterday + 10 * MINUTE_US, today_us=today, now_us=NOW
        )[counter]
    assert (found.today, found.yesterday) == (units(today, NOW), units(yesterday, today))
    assert found.yesterday_by_now == units(yesterday, yesterday + 10 * MINUTE_US)


def test_readings_are_counted_since_midnight_and_in_the_last_minute(plant):
    database, tenant_id, counter, gauge = plant
    with tenant_reading(database.engine, tenant_id) as connection:
        found = activity.readings_reported(connection, [counter, gauge], TODAY, NOW)
        odd = activity.readings_reported(connection, [counter], TODAY + 30 * MINUTE_US, NOW)
    assert found.since == 2 * len(expected(TODAY, NOW))
    assert found.last_minute == 2 * len(expected(NOW - MINUTE_US, NOW))
    assert odd.since == len(expected(TODAY + 30 * MINUTE_US, NOW))


@pytest.mark.requirement("AN-3")
def test_an_hour_says_in_how_many_of_its_minutes_something_was_reported(plant):
    database, tenant_id, counter, _ = plant
    with tenant_reading(database.engine, tenant_id) as connection:
        found = activity.minutes_reported(connection, [counter], DAY, NOW)
    hours = {hour: len(np.unique(expected(hour, hour + HOUR_US) // MINUTE_US)) for hour in range(DAY, NOW, HOUR_US)}
    assert found == {(counter, hour): minutes for hour, minutes in hours.items() if minutes}
    assert (counter, utc_us("2026-03-30T07:00")) not in found


def test_the_mean_of_a_range_is_that_of_its_readings(plant):
    database, tenant_id, counter, gauge = plant
    start = NOW - HOUR_US
    with tenant_reading(database.engine, tenant_id) as connection:
        found = activity.averages(connection, [counter, gauge], start, NOW)
    assert found[gauge] == pytest.approx(np.sin(expected(start // MINUTE_US * MINUTE_US, NOW) / 1e9).mean())


def test_a_sensor_without_readings_has_no_mean_and_no_minutes(database):
    tenant_id = new_tenant(database)
    (silent,) = new_sensors(database, tenant_id, 1)
    with tenant_reading(database.engine, tenant_id) as connection:
        assert activity.averages(connection, [silent], DAY, NOW) == {}
        assert activity.minutes_reported(connection, [silent], DAY, NOW) == {}
        assert len(activity.minute_sums(connection, [silent], DAY, NOW).time_us) == 0
        assert activity.readings_reported(connection, [silent], DAY, NOW) == activity.Reported(0, 0)
        edges = {"yesterday_us": DAY, "yesterday_now_us": DAY, "today_us": TODAY, "now_us": NOW}
        assert activity.units_counted(connection, [silent], **edges) == {silent: activity.Counted(0, 0, 0, 0)}


@pytest.fixture
def limits(database: Database) -> tuple[Database, int, int]:
    """A sensor that rises from 70 to 99 in half an hour, a reading a minute."""
    tenant_id = new_tenant(database)
    (sensor,) = new_sensors(database, tenant_id, 1)
    store(database, tenant_id, sensor, DAY + np.arange(30) * MINUTE_US, 70.0 + np.arange(30))
    return database, tenant_id, sensor


def since(limits, **more):
    database, tenant_id, sensor = limits
    known = {"low": None, "high": None, "before_us": DAY + 30 * MINUTE_US, "back_us": HOUR_US}
    with tenant_reading(database.engine, tenant_id) as connection:
        found = activity.beyond_since(connection, sensor, **{**known, **more})
    return None if found is None else from_us(found - DAY).minute


def test_a_trouble_began_with_the_first_reading_after_the_last_that_was_within_limits(limits):
    assert since(limits, high=90.0) == 21
    assert since(limits, low=10.0, high=90.0) == 21


def test_a_trouble_that_is_older_than_is_looked_back_has_no_beginning(limits):
    assert since(limits, high=60.0) is None
    assert since(limits, high=90.0, back_us=5 * MINUTE_US) is None


def test_a_sensor_that_is_within_its_limits_has_no_trouble(limits):
    assert since(limits, high=99.0) is None

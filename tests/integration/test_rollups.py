"""Rollups equal what numpy says of the final set of readings, whatever came at once, twice, late or in between."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from db.columns import DAY_US, HOUR_US, MINUTE_US, from_us
from db.commands import rollups as commands
from db.commands.rollups import begin_progress, close_buckets, move_closed_to, rebuild, recompute_dirty
from db.engine import Database
from db.tenancy import tenant_reading, tenant_transaction
from jobs import aggregation
from tests.integration.stored import (
    Bucket,
    expected_rollups,
    ingest,
    new_sensors,
    new_tenant,
    put,
    rollups,
    store,
    utc_us,
)

LEVELS = (("minute", MINUTE_US), ("hour", HOUR_US), ("day", DAY_US))
START_US = utc_us("2026-03-31T22:00")  # a month ends two hours later
END = from_us(START_US + 5 * HOUR_US)
SECOND_US = 1_000_000


def assert_rolled_up(database: Database, tenant_id: int, readings: dict[Bucket, float]) -> None:
    """Every level equals numpy on these readings, to 1e-9 of what they measure, and holds nothing else."""
    scale = max((abs(value) for value in readings.values()), default=1.0) or 1.0
    for level, width_us in LEVELS:
        found, wanted = rollups(database, tenant_id, level), expected_rollups(readings, width_us)
        assert found.keys() == wanted.keys()
        for bucket, row in wanted.items():
            count, total, mean, m2, *exact = found[bucket]
            assert count == row[0]
            assert total == pytest.approx(row[1], rel=1e-9, abs=1e-12 * scale * count)
            assert mean == pytest.approx(row[2], rel=1e-9, abs=1e-12 * scale)
            assert m2 == pytest.approx(row[3], rel=1e-9, abs=1e-18 * scale**2 * count)
            assert exact == list(row[4:])


def settle(database: Database, tenant_id: int) -> None:
    """Closes everything and recomputes what is marked."""
    close_buckets(database, tenant_id, END)
    while recompute_dirty(database, tenant_id, limit=3):
        pass


def marks(database: Database, tenant_id: int) -> int:
    """Dirty marks that wait."""
    with tenant_reading(database.engine, tenant_id) as connection:
        return connection.execute(text("select count(*) from rollup_dirty")).scalar_one()


edges = st.sampled_from([0, 59.999999, 60, 3599, 3600, 7199.999999, 7200, 10_800, 14_399])
seconds = st.one_of(edges, st.integers(0, 14_399).map(float), st.floats(0, 14_399).map(lambda value: round(value, 6)))
measured = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
arrivals = st.lists(
    st.tuples(st.integers(0, 1), seconds, measured, st.integers(0, 5), st.booleans()),
    min_size=1,
    max_size=40,
    unique_by=lambda arrival: arrival[:2],
)
between = st.lists(
    st.tuples(st.sampled_from(["close", "recompute", "both"]), st.integers(0, 18_000)), min_size=5, max_size=5
)


@pytest.mark.requirement("DB-3", "IN-8")
@given(arrivals, between, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_split_replay_and_late_arrival_gives_the_rollups_of_the_final_set(database, arrived, jobs, random):
    tenant_id = new_tenant(database)
    sensors = new_sensors(database, tenant_id, 2)
    batches: list[list[tuple[int, int, float]]] = [[] for _ in range(6)]
    readings: dict[Bucket, float] = {}
    for sensor, second, value, batch, again in arrived:
        row = (sensors[sensor], START_US + round(second * SECOND_US), value)
        batches[batch].append(row)
        if again:
            batches[(batch * 7 + 3) % 6].append(row)
        readings[row[:2]] = value
    for batch, (job, at_s) in zip(batches, [*jobs, ("both", 0)], strict=True):
        random.shuffle(batch)
        store(database, tenant_id, *([list(column) for column in zip(*batch, strict=True)] or ([], [], [])))
        if job != "recompute":
            close_buckets(database, tenant_id, from_us(START_US) + timedelta(seconds=at_s))
        if job != "close":
            recompute_dirty(database, tenant_id, limit=2)
    settle(database, tenant_id)
    assert_rolled_up(database, tenant_id, readings)


@pytest.mark.requirement("DB-3")
def test_a_minute_is_rolled_up_only_when_it_and_the_lag_are_over(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    store(database, tenant, sensor, [START_US, START_US + 70 * SECOND_US], [1.0, 2.0])
    close_buckets(database, tenant, from_us(START_US + 64 * SECOND_US), lag_s=5)
    assert rollups(database, tenant, "minute") == {}
    close_buckets(database, tenant, from_us(START_US + 65 * SECOND_US), lag_s=5)
    assert list(rollups(database, tenant, "minute")) == [(sensor, START_US)]


def test_time_that_goes_back_opens_nothing_again(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    store(database, tenant, sensor, [START_US], [1.0])
    close_buckets(database, tenant, END)
    close_buckets(database, tenant, END - timedelta(hours=3))
    with tenant_reading(database.engine, tenant) as connection:
        row = connection.execute(text("select closed_to, computed_to from rollup_progress")).one()
    assert (row.closed_to, row.computed_to) == (END - timedelta(minutes=1), END - timedelta(minutes=1))


def wait_for_lock_waiter(database: Database) -> None:
    """Until somebody waits for an advisory lock."""
    deadline = time.monotonic() + 10
    with database.engine.connect() as connection:
        while time.monotonic() < deadline:
            waiting = "select exists (select 1 from pg_locks where locktype = 'advisory' and not granted)"
            if connection.execute(text(waiting)).scalar_one():
                return
            time.sleep(0.005)
    raise AssertionError("nobody waited for the lock")


@pytest.mark.requirement("DB-3", "IN-8")
def test_closing_waits_for_an_ingest_that_is_under_way(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    store(database, tenant, sensor, [START_US], [1.0])
    with ThreadPoolExecutor(1) as pool:
        with ingest(database, tenant) as connection:
            put(connection, tenant, sensor, np.array([START_US + SECOND_US]), [3.0])
            closing = pool.submit(close_buckets, database, tenant, END, wait_s=30)
            wait_for_lock_waiter(database)
            assert rollups(database, tenant, "minute") == {}
        assert closing.result(30).moved
    assert marks(database, tenant) == 0
    assert_rolled_up(database, tenant, {(sensor, START_US): 1.0, (sensor, START_US + SECOND_US): 3.0})


def test_an_ingest_that_does_not_end_is_waited_for_in_the_next_run(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    store(database, tenant, sensor, [START_US], [1.0])
    with ingest(database, tenant) as connection:
        put(connection, tenant, sensor, np.array([START_US + SECOND_US]), [3.0])
        assert not close_buckets(database, tenant, END, wait_s=0.05).moved
    assert close_buckets(database, tenant, END).moved
    assert_rolled_up(database, tenant, {(sensor, START_US): 1.0, (sensor, START_US + SECOND_US): 3.0})


@pytest.mark.requirement("DB-3")
def test_a_kill_between_closing_and_computing_is_healed_by_the_next_run(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    store(database, tenant, sensor, [START_US, START_US + HOUR_US], [1.0, 2.0])
    move_closed_to(database, tenant, START_US + 90 * MINUTE_US)  # and here the process dies
    store(database, tenant, sensor, [START_US + SECOND_US], [5.0])
    assert rollups(database, tenant, "minute") == {}
    close_buckets(database, tenant, from_us(START_US + 90 * MINUTE_US))
    assert recompute_dirty(database, tenant) == 1
    assert_rolled_up(
        database,
        tenant,
        {(sensor, START_US): 1.0, (sensor, START_US + SECOND_US): 5.0, (sensor, START_US + HOUR_US): 2.0},
    )


def test_recomputing_a_late_hour_takes_nothing_that_is_not_closed(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    store(database, tenant, sensor, [START_US], [1.0])
    close_buckets(database, tenant, from_us(START_US + 10 * MINUTE_US), lag_s=0)
    late, current = START_US + 5 * MINUTE_US, START_US + 20 * MINUTE_US
    store(database, tenant, sensor, [late, current], [2.0, 3.0])
    assert recompute_dirty(database, tenant) == 1
    assert_rolled_up(database, tenant, {(sensor, START_US): 1.0, (sensor, late): 2.0})
    settle(database, tenant)
    assert_rolled_up(database, tenant, {(sensor, START_US): 1.0, (sensor, late): 2.0, (sensor, current): 3.0})


@pytest.mark.requirement("DB-3")
def test_closing_and_recomputing_many_times_at_once_changes_nothing_in_the_result(database, tenant):
    sensors = new_sensors(database, tenant, 4)
    rng = np.random.default_rng(1)
    times = START_US + rng.choice(4 * 3600, 800, replace=False) * SECOND_US
    ids, value = rng.choice(sensors, 800), rng.normal(20, 5, 800)
    close_buckets(database, tenant, from_us(START_US))
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            close_buckets(database, tenant, END)
            recompute_dirty(database, tenant, limit=2)

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(work) for _ in range(3)]
        try:
            for low in range(0, 800, 80):
                part = slice(low, low + 80)
                store(database, tenant, ids[part], times[part], value[part])
        finally:
            stop.set()
        for each in running:
            each.result(60)
    settle(database, tenant)
    readings = dict(zip(zip(ids.tolist(), times.tolist(), strict=True), value.tolist(), strict=True))
    assert_rolled_up(database, tenant, readings)


@pytest.mark.requirement("DB-3")
def test_a_computation_waits_for_one_that_is_under_way_so_that_an_older_never_overwrites_a_newer(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    store(database, tenant, sensor, [START_US], [1.0])
    settle(database, tenant)
    with ThreadPoolExecutor(1) as pool:
        with tenant_transaction(database.engine, tenant) as connection:
            rebuild(connection, tenant, [sensor], START_US, START_US + HOUR_US)
            store(database, tenant, sensor, [START_US + SECOND_US], [3.0])
            recomputing = pool.submit(recompute_dirty, database, tenant)
            wait_for_lock_waiter(database)
        assert recomputing.result(30) == 1
    assert_rolled_up(database, tenant, {(sensor, START_US): 1.0, (sensor, START_US + SECOND_US): 3.0})


@pytest.mark.requirement("DB-3", "IN-5")
def test_rebuilding_a_range_leaves_no_bucket_of_readings_that_were_removed(database, tenant):
    sensors = new_sensors(database, tenant, 2)
    times = [START_US + minute * MINUTE_US for minute in range(0, 200, 20)]
    for sensor in sensors:
        store(database, tenant, sensor, times, range(10))
    settle(database, tenant)
    with tenant_transaction(database.engine, tenant) as connection:
        gone = text("delete from readings where sensor_id = :sensor and time < :until")
        connection.execute(gone, {"sensor": sensors[0], "until": from_us(times[5])})
        rebuild(connection, tenant, sensors, times[0], times[5])
    left = {(sensors[0], at): float(i) for i, at in enumerate(times) if i >= 5}
    assert_rolled_up(database, tenant, left | {(sensors[1], at): float(i) for i, at in enumerate(times)})


def test_history_that_was_just_written_is_rolled_up_by_rebuilding_it(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    times = [START_US + hour * HOUR_US for hour in range(5)]
    store(database, tenant, sensor, times, range(5))
    with tenant_transaction(database.engine, tenant) as connection:
        assert rebuild(connection, tenant, [sensor], times[0], times[-1] + 1).minutes == 0  # nothing was closed yet
        begin_progress(connection, tenant, times[-1])
        assert rebuild(connection, tenant, [sensor], times[0], times[-1] + 1).minutes == 4
    assert_rolled_up(database, tenant, {(sensor, at): float(i) for i, at in enumerate(times[:4])})
    close_buckets(database, tenant, END)
    assert_rolled_up(database, tenant, {(sensor, at): float(i) for i, at in enumerate(times)})


def test_years_without_readings_are_stepped_over(database, tenant, monkeypatch):
    (sensor,) = new_sensors(database, tenant, 1)
    old = utc_us("2014-02-19T15:25")
    store(database, tenant, sensor, [old, START_US], [1.0, 2.0])
    steps, recompute = [], commands._recompute
    monkeypatch.setattr(commands, "_recompute", lambda *spans, **how: steps.append(spans) or recompute(*spans, **how))
    close_buckets(database, tenant, END)
    assert len(steps) <= 5
    assert_rolled_up(database, tenant, {(sensor, old): 1.0, (sensor, START_US): 2.0})


def test_values_whose_squares_overflow_do_not_stop_the_job(database, tenant):
    (sensor,) = new_sensors(database, tenant, 1)
    value = [1e308, -1e308, 1e308, 5e-324, 5e-324, 1e-170, 2e-170, 20.0]
    store(database, tenant, sensor, [START_US + i * 17 * MINUTE_US for i in range(8)], value)
    settle(database, tenant)
    (day,) = [
        row for (_, bucket), row in rollups(database, tenant, "day").items() if bucket < utc_us("2026-04-01T00:00")
    ]
    assert day[0] == 8
    assert day[4:] == (-1e308, 1e308, 1e308, 20.0)
    assert np.isfinite(day).all()


@pytest.mark.requirement("DB-6")
def test_closing_one_tenants_buckets_leaves_the_others_alone(database, tenant):
    other = new_tenant(database)
    for tenant_id in (tenant, other):
        store(database, tenant_id, new_sensors(database, tenant_id, 1)[0], [START_US], [1.0])
    close_buckets(database, tenant, END)
    assert rollups(database, tenant, "day")
    assert rollups(database, other, "day") == {}


def test_the_job_serves_every_tenant_and_says_so_in_one_line(database, tenant, caplog):
    other = new_tenant(database)
    mine = {}
    for tenant_id in (tenant, other):
        (sensor,) = new_sensors(database, tenant_id, 1)
        store(database, tenant_id, sensor, [START_US], [1.0])
        mine[tenant_id] = {(sensor, START_US): 1.0}
    with caplog.at_level(logging.DEBUG, "andon.jobs.aggregation"):
        done = aggregation.run(database, END)
    assert done.minutes >= 2
    assert [record.name for record in caplog.records] == ["andon.jobs.aggregation"]
    for tenant_id, readings in mine.items():
        assert_rolled_up(database, tenant_id, readings)
    assert aggregation.run(database, END).minutes == 0


def test_a_tenant_that_fails_does_not_keep_the_job_from_the_next(database, tenant, monkeypatch):
    other = new_tenant(database)
    (sensor,) = new_sensors(database, other, 1)
    store(database, other, sensor, [START_US], [1.0])

    def failing(database: Database, tenant_id: int, now):
        if tenant_id == tenant:
            raise RuntimeError("broken")
        return close_buckets(database, tenant_id, now)

    monkeypatch.setattr(aggregation, "close_buckets", failing)
    with pytest.raises(ExceptionGroup) as failure:
        aggregation.run(database, END)
    assert [error.__notes__ for error in failure.value.exceptions] == [[f"tenant {tenant}"]]
    assert_rolled_up(database, other, {(sensor, START_US): 1.0})

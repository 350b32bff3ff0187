"""Jobs on a real database: who runs them, what the simulator stores, what the demo plant starts with."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from dashapp.domain.shifts import last_shift, shifts_between
from dashapp.ingest.services import Services, make_services
from dashapp.settings import Settings
from db.columns import to_us
from db.commands.partitions import PartitionKeeper, ensure_ahead
from db.engine import Database
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_reading
from jobs import housekeeping
from jobs.demo import ensure_demo
from jobs.scheduler import Job, Lease, Scheduler
from jobs.simulator import Simulator

pytestmark = pytest.mark.requirement("OP-1")
NOW = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)


def expire(database: Database, name: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("update leases set expires_at = now() - interval '1 s' where name = :name"), {"name": name})


def test_one_replica_holds_the_lease_until_it_expires_and_the_token_grows(database):
    first, second = Lease(database.engine, "jobs-a"), Lease(database.engine, "jobs-a")
    assert first.renew()
    assert not second.renew()
    assert first.held
    assert not second.held
    expire(database, "jobs-a")
    assert second.renew()
    assert second.token == first.token + 1
    assert not first.renew()
    assert not first.held


def test_a_lease_given_back_is_free_at_once(database):
    first, second = Lease(database.engine, "jobs-b"), Lease(database.engine, "jobs-b")
    first.renew()
    first.release()
    assert second.renew()


def test_only_the_replica_with_the_lease_runs_jobs(database):
    ran: dict[str, int] = {"one": 0, "two": 0}
    seen = threading.Event()

    def count(name: str) -> None:
        ran[name] += 1
        if ran["one"] + ran["two"] >= 3:
            seen.set()

    one = Scheduler(database.engine, [Job("count", 0.05, lambda _now: count("one"))])
    two = Scheduler(database.engine, [Job("count", 0.05, lambda _now: count("two"))])
    one.start()
    two.start()
    try:
        assert seen.wait(30)
    finally:
        one.stop()
        two.stop()
    assert min(ran.values()) == 0
    assert max(ran.values()) >= 3


def test_a_job_that_fails_is_recorded_with_its_error_and_runs_again(database):
    runs: list[datetime] = []

    def fail_once(now: datetime) -> None:
        runs.append(now)
        if len(runs) == 1:
            raise ValueError("the disk is full")

    scheduler = Scheduler(database.engine, [Job("fail-once", 60, fail_once)])
    assert not scheduler.run("fail-once", force=True)
    assert scheduler.run("fail-once", force=True)
    with database.engine.connect() as connection:
        row = connection.execute(text("select runs, failures, last_error from job_runs where name = 'fail-once'")).one()
    assert row.failures == 1
    assert "the disk is full" in row.last_error


def test_a_job_does_not_overlap_itself(database):
    entered, leave = threading.Event(), threading.Event()

    def slow(_now: datetime) -> None:
        entered.set()
        assert leave.wait(30)

    scheduler = Scheduler(database.engine, [Job("slow", 60, slow)])
    running = threading.Thread(target=scheduler.run, args=["slow"], kwargs={"force": True})
    running.start()
    assert entered.wait(30)
    assert not scheduler.run("slow", force=True)
    leave.set()
    running.join()


@pytest.fixture(scope="module")
def demo(database) -> int:
    """A demo plant with one day of history up to NOW."""
    ensure_ahead(database, NOW, "month", 1)
    notes: list[tuple[float, str]] = []
    tenant_id = ensure_demo(database, days=1, span="month", now=NOW, progress=lambda share, note: notes.append((share, note)))
    assert notes[-1][0] == 1.0
    return tenant_id


def counts(database: Database, tenant_id: int) -> dict[str, int]:
    with tenant_reading(database.engine, tenant_id) as connection:
        rows = connection.execute(
            text("select s.key, count(*) from readings r join sensors s on s.id = r.sensor_id group by s.key")
        )
        return {row[0]: row[1] for row in rows}


@pytest.mark.requirement("IN-6")
def test_the_demo_plant_starts_with_its_fleet_thinned_history_and_full_last_hours(database, demo):
    with tenant_reading(database.engine, demo) as connection:
        devices = connection.execute(text("select key from devices order by position")).scalars().all()
        full, thin = (
            connection.execute(
                text(
                    "select count(*) from readings r join sensors s on s.id = r.sensor_id join devices d on d.id = s.device_id"
                    " where d.key = 'MX-01' and s.key = 'temperature' and r.time > :low and r.time <= :high"
                ),
                {"low": low, "high": low + timedelta(hours=1)},
            ).scalar_one()
            for low in (NOW - timedelta(hours=2), NOW - timedelta(hours=20))
        )
        minutes = connection.execute(text("select count(*) from rollup_minute")).scalar_one()
    assert devices == ["MX-01", "MX-02", "MX-03", "device-001", "device-002", "device-003", "device-004", "device-005"]
    assert (full, thin) == (1800, 60)
    assert minutes > 20 * 1400


@pytest.mark.requirement("PR-3", "UI-13")
def test_the_demo_plant_has_shifts_of_which_some_are_at_night(database, demo):
    with tenant_reading(database.engine, demo) as connection:
        calendars = shift_calendars(connection, "Assembly")
    now_us = to_us(NOW)
    week = shifts_between(calendars, now_us - 7 * 86_400_000_000, now_us)
    assert {shift.name for shift in week} == {"Early", "Late", "Night"}
    night = last_shift(calendars, now_us, night=True)
    assert night is not None
    assert night.name == "Night"


@pytest.mark.requirement("IN-6", "IN-8")
def test_making_the_demo_plant_again_changes_nothing(database, demo):
    before = counts(database, demo)
    ensure_demo(database, days=1, span="month", now=NOW, progress=lambda _share, _note: None)
    assert counts(database, demo) == before


def started(database: Database) -> Services:
    services = make_services(Settings(), database, PartitionKeeper(database))
    services.start()
    return services


@pytest.mark.requirement("IN-6")
def test_two_simulators_store_each_reading_once_at_each_sensors_own_period(database, demo):
    before = counts(database, demo)
    services = started(database)
    services._demo, services._demo_looked_at = [demo], time.monotonic() + 1000
    one, two = Simulator(services), Simulator(services)
    later = NOW + timedelta(minutes=30)
    for simulator in (one, two, one, two):
        simulator.run(later)
        later += timedelta(seconds=30)
    services.stop()
    gained = {key: count - before[key] for key, count in counts(database, demo).items()}
    seconds = 90 + 4  # a simulator begins two periods back
    assert gained["pressure"] == pytest.approx(seconds / 3, abs=2)
    assert gained["quality"] == pytest.approx(seconds / 4, abs=3)
    assert gained["fault"] == pytest.approx(3 * seconds / 2, abs=6)


@pytest.mark.requirement("IN-7")
def test_old_answers_and_ended_sessions_are_tidied_up(database, tenant):
    with database.owner.begin() as connection:
        connection.execute(text("select set_config('andon.tenant', :tenant, true)"), {"tenant": str(tenant)})
        for key, age in (("old", "3 days"), ("new", "1 hour")):
            connection.execute(
                text(
                    "insert into idempotency_keys (tenant_id, principal, key, body_hash, at, status, response)"
                    " values (:tenant, 'key:1', :key, '', now() - cast(:age as interval), 201, '')"
                ),
                {"tenant": tenant, "key": key, "age": age},
            )
    housekeeping.run(database, datetime.now(UTC))
    with tenant_reading(database.engine, tenant) as connection:
        assert connection.execute(text("select key from idempotency_keys")).scalars().all() == ["new"]

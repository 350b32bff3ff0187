"""The system page's ground: replicas that say they live, jobs run by whoever leads and once, health in one place, sizes that are shared."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.system import run_job
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services, make_services
from dashapp.settings import Settings
from dashapp.ui.shared import Shared
from dashapp.ui.system import facts
from db.commands.partitions import PartitionKeeper
from db.commands.system import sample_storage
from db.embedded import EmbeddedPostgres
from db.engine import Database
from db.queries import system as queries
from db.tenancy import tenant_reading
from jobs.scheduler import Job, Scheduler
from tests.integration.access import new_platform_user
from tests.integration.fresh import fresh_database
from tests.integration.plant import Sent, new_press
from tests.serving import wait_until

pytestmark = pytest.mark.requirement("UI-9")


@pytest.fixture(scope="module")
def own(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """An installation of this file's own: leases, jobs and replicas are everybody's."""
    with fresh_database(postgres) as database:
        yield database


@pytest.fixture
def services(own: Database) -> Iterator[Services]:
    made = make_services(Settings(), own, PartitionKeeper(own))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def platform(own: Database) -> Actor:
    with own.engine.begin() as connection:
        plant = connection.execute(text("select andon_create_tenant('plant', 'Plant', 'UTC', false)")).scalar_one()
    user = new_platform_user(own, plant)
    return Actor("user", user.id, plant, Role.ADMIN, is_platform=True)


def job_row(database: Database, name: str) -> queries.JobRow:
    with database.engine.connect() as connection:
        return next(job for job in queries.jobs(connection) if job.name == name)


@pytest.mark.requirement("OP-1")
def test_a_job_that_is_asked_for_runs_once_on_the_replica_that_leads(own: Database, platform: Actor) -> None:
    ran: list[str] = []
    schedulers = {
        name: Scheduler(own.engine, [Job("count", 3600, lambda _now, name=name: ran.append(name), "Counts")], replica=f"host:{name}:x")
        for name in ("one", "two")
    }
    for scheduler in schedulers.values():
        scheduler.start()
    try:
        wait_until(lambda: ran, message="the job did not run by itself")
        ran.clear()
        run_job(own, platform, "count")
        wait_until(lambda: job_row(own, "count").result, message="nobody took it")
        row = job_row(own, "count")
        assert ran == ["one"]
        assert str(row.result).startswith("done in")
        assert schedulers["two"].take_requests() == 0
        run_job(own, platform, "count")
        wait_until(lambda: len(ran) == 2)
    finally:
        for scheduler in schedulers.values():
            scheduler.stop()
    with own.engine.connect() as connection:
        taken = connection.execute(text("select distinct taken_by from job_requests where name = 'count'")).scalars().all()
    assert taken == ["host:one:x"]


def test_a_request_goes_to_one_of_two_that_both_believe_they_lead(own: Database, platform: Actor) -> None:
    ran: list[str] = []
    pair = [Scheduler(own.engine, [Job("twice", 3600, lambda _now, i=i: ran.append(str(i)))], replica=f"r:{i}:x") for i in range(2)]
    for scheduler in pair:
        scheduler._declare()
        scheduler.lease._held_until = time.monotonic() + 60
    pair[0].take_requests()  # what others asked for
    run_job(own, platform, "twice")
    start = threading.Barrier(2)
    taken: list[int] = []

    def take(scheduler: Scheduler) -> None:
        start.wait()
        taken.append(scheduler.take_requests())

    threads = [threading.Thread(target=take, args=[scheduler]) for scheduler in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: job_row(own, "twice").finished_at)
    assert sorted(taken) == [0, 1]
    assert len(ran) == 1


def test_a_job_that_fails_or_runs_already_says_so(own: Database, platform: Actor) -> None:
    entered, leave = threading.Event(), threading.Event()

    def fail(_now: datetime) -> None:
        entered.set()
        assert leave.wait(30)
        raise ValueError("no room")

    scheduler = Scheduler(own.engine, [Job("fail", 3600, fail)], replica="r:f:x")
    scheduler._declare()
    scheduler.lease._held_until = time.monotonic() + 60
    run_job(own, platform, "fail")
    scheduler.take_requests()
    assert entered.wait(30)
    run_job(own, platform, "fail")
    scheduler.take_requests()
    wait_until(lambda: str(job_row(own, "fail").result) == "not run: it was running already")
    leave.set()
    wait_until(lambda: job_row(own, "fail").failures == 1)
    row = job_row(own, "fail")
    assert row.last_failed_at is not None
    assert "no room" in str(row.last_error)


def test_only_the_platform_asks_for_jobs_and_only_for_those_there_are(own: Database, platform: Actor) -> None:
    with pytest.raises(Forbidden):
        run_job(own, replace(platform, is_platform=False), "count")
    with pytest.raises(ActionError, match="no job"):
        run_job(own, platform, "format-the-disk")
    Scheduler(own.engine, [Job("asked", 60, lambda _now: None)])._declare()
    run_job(own, platform, "asked")
    with pytest.raises(ActionError, match="waiting already"):
        run_job(own, platform, "asked")
    with tenant_reading(own.engine, platform.tenant_id) as connection:
        logged = connection.execute(text("select target, actor from audit_log where action = 'run_job' order by id desc limit 1")).one()
    assert tuple(logged) == ("asked", platform.label)


def test_a_replica_says_that_it_lives_and_signs_off(own: Database) -> None:
    one = make_services(Settings(jobs=False), own, PartitionKeeper(own))
    one.start()

    def known() -> list[queries.Replica]:
        with own.engine.connect() as connection:
            return [each for each in queries.replicas(connection) if each.id == one.replica]

    (row,) = wait_until(known)
    assert (row.runs_jobs, row.version) == (False, "0.1.0")
    one.stop()
    assert known() == []


def test_every_part_is_in_good_health_and_says_since_when(services: Services) -> None:
    wait_until(lambda: services.listener.connected)
    first = wait_until(lambda: (seen := services.health.look()).part("database").mood == "good" and seen)  # not slowed by other tests
    assert {part.key: part.mood for part in first.parts} == {
        "database": "good", "writers": "good", "queue": "good", "listener": "good", "jobs": "bad", "simulator": "off", "disk": "good",
    }  # fmt: skip
    assert first.serves
    assert "Start a replica" in first.part("jobs").advice
    with services.database.engine.begin() as connection:
        connection.execute(text("insert into leases values ('jobs', :me, 1, now() + interval '1 min')"), {"me": services.replica})
    second = services.health.look()
    assert (second.part("jobs").word, second.part("jobs").detail) == ("run", "on this replica")
    assert second.part("jobs").since_ms >= first.part("jobs").since_ms
    assert second.part("queue").since_ms == first.part("queue").since_ms
    with services.database.engine.begin() as connection:
        connection.execute(text("delete from leases"))


def test_a_database_that_is_away_and_a_full_queue_are_bad_and_say_what_to_do(own: Database) -> None:
    away = make_services(Settings(), own, PartitionKeeper(own))
    away.database = Database(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"), own.owner)
    report = away.health.look()
    assert not report.serves
    assert (report.part("database").word, report.latency_ms) == ("away", None)
    full = make_services(Settings(queue_rows=1000), own, PartitionKeeper(own))
    full.pipeline.lanes["bulk"]._rows = 950
    assert (full.health.look().part("queue").word, full.health.look().serves) == ("full", False)


def test_the_meter_sees_readings_lag_and_refusals(services: Services) -> None:
    press = new_press(services.database)
    for second in range(40):
        Sent(press, [(press.temperature, second, 20.0)]).to(services.pipeline).outcome()
    meter = services.meter
    meter._sample()
    assert meter.average_per_second() > 0
    assert meter.per_second() >= 0
    assert any(one.lag_s > 0 for one in meter._samples)
    assert services.pipeline.figures()["turned_away"] == 0


def test_growth_is_measured_where_it_can_be_and_else_estimated_and_says_which(own: Database) -> None:
    now = datetime.now(UTC)
    with own.engine.begin() as connection:
        sample_storage(connection, now)
        sample_storage(connection, now)
        stored = queries.storage(connection)
    assert len(stored.samples) == 1
    assert stored.bytes > 1_000_000
    week = replace(stored, samples=[(now - timedelta(days=5), 1_000_000), (now, 6_000_000)])
    assert facts.growth_per_day(week, 10) == (1_000_000.0, "measured over 5 d")
    growth, how = facts.growth_per_day(replace(stored, partitions=[]), 10)
    assert growth is None
    assert "not known" in how


def test_refused_readings_are_the_plants_own_and_nothing_is_read_twice_a_second(own: Database, platform: Actor) -> None:
    with tenant_reading(own.engine, platform.tenant_id) as connection:
        assert queries.letters(connection).count == 0
    reads: list[int] = []
    clock = [0.0]
    shared: Shared[int] = Shared(30, clock=lambda: clock[0])

    def read() -> int:
        reads.append(1)
        return len(reads)

    assert [shared.get("a", read) for _ in range(3)] == [1, 1, 1]
    clock[0] = 30.0
    assert shared.get("a", read) == 2
    shared.forget("a")
    assert shared.get("a", read) == 3

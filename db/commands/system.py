"""Writes of what concerns the whole installation: replicas, jobs that were asked for, sizes."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text


def beat(
    engine: Engine, *, replica: str, host: str, pid: int, version: str, runs_jobs: bool, started_at: datetime, readings_per_s: float
) -> None:
    """This replica is alive."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into replicas (id, host, pid, version, runs_jobs, started_at, readings_per_s)"
                " values (:id, :host, :pid, :version, :runs_jobs, :started_at, :rate)"
                " on conflict (id) do update set seen_at = now(), readings_per_s = excluded.readings_per_s"
            ),
            {
                "id": replica, "host": host, "pid": pid, "version": version, "runs_jobs": runs_jobs, "started_at": started_at,
                "rate": readings_per_s,
            },
        )  # fmt: skip


def forget_replica(engine: Engine, replica: str) -> None:
    """It has stopped in good order."""
    with engine.begin() as connection:
        connection.execute(text("delete from replicas where id = :id"), {"id": replica})


def declare_job(connection: Connection, name: str, what: str, every_s: float) -> None:
    """A replica of this version has this job."""
    connection.execute(
        text(
            "insert into job_runs (name, what, every_s) values (:name, :what, :every)"
            " on conflict (name) do update set what = excluded.what, every_s = excluded.every_s"
        ),
        {"name": name, "what": what, "every": every_s},
    )


def request_job(connection: Connection, name: str, by: str) -> int | None:
    """Asks for a run; its id. None where there is no such job, or a run of it waits already."""
    made: int | None = connection.execute(
        text(
            "insert into job_requests (name, requested_by) select :name, :by from job_runs where name = :name and every_s is not null"
            " and not exists (select 1 from job_requests where name = :name and taken_at is null) returning id"
        ),
        {"name": name, "by": by},
    ).scalar_one_or_none()
    return made


def take_requests(connection: Connection, replica: str) -> list[tuple[int, str]]:
    """(id, job) of what was asked for and nobody has taken; it is this replica's from the commit on."""
    rows = connection.execute(
        text(
            "update job_requests set taken_at = now(), taken_by = :replica where id = any(array("
            "select id from job_requests where taken_at is null order by id for update skip locked)) returning id, name"
        ),
        {"replica": replica},
    )
    return [(row.id, row.name) for row in rows]


def settle_request(connection: Connection, request_id: int, result: str) -> None:
    """Says what became of it."""
    connection.execute(
        text("update job_requests set finished_at = now(), result = :result where id = :id"), {"id": request_id, "result": result[:500]}
    )


def sample_storage(connection: Connection, now: datetime) -> None:
    """Keeps the database's size, once an hour, for a year; forgets requests and replicas of long ago."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    connection.execute(
        text("insert into storage_samples (at, bytes) values (:at, pg_database_size(current_database())) on conflict do nothing"),
        {"at": hour},
    )
    connection.execute(text("delete from storage_samples where at < :old"), {"old": now - timedelta(days=366)})
    connection.execute(text("delete from replicas where seen_at < :old"), {"old": now - timedelta(days=1)})
    connection.execute(text("delete from job_requests where requested_at < :old"), {"old": now - timedelta(days=30)})

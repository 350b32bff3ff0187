"""Reads of what concerns the whole installation: how it is, jobs, replicas, sizes. And a tenant's own dead letters and counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from db.commands.partitions import PartitionSize, partition_sizes

EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Probe:
    """What the database says in one question. `leader` is the replica that runs the jobs; times are aware UTC."""

    now: datetime
    version: str
    leader: str | None
    simulated_at: datetime | None
    demo: bool


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with its last run and the last run that somebody asked for."""

    name: str
    what: str
    every_s: float | None
    last_started: datetime | None
    duration_s: float | None
    runs: int
    failures: int
    last_error: str | None
    last_failed_at: datetime | None
    requested_at: datetime | None
    taken_at: datetime | None
    finished_at: datetime | None
    result: str | None


@dataclass(frozen=True, slots=True)
class Replica:
    """A server process as it last said it was."""

    id: str
    host: str
    pid: int
    version: str
    runs_jobs: bool
    started_at: datetime
    seen_at: datetime
    readings_per_s: float


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table without partitions, indexes included; rows by the last ANALYZE."""

    name: str
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Storage:
    """Sizes at one moment. `samples` are (when, bytes) of the database over the last week, oldest first."""

    at: datetime
    bytes: int
    partitions: Sequence[PartitionSize]
    tables: Sequence[TableSize]
    samples: Sequence[tuple[datetime, int]]


@dataclass(frozen=True, slots=True)
class Letter:
    """A refused reading of the tenant; `excerpt` is the beginning of what came."""

    received_at: datetime
    door: str
    field: str
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Letters:
    """How many wait to be looked at, and the newest of them."""

    count: int
    newest: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class PlantCounts:
    """What a tenant has."""

    devices: int
    sensors: int
    readings: int
    last_received: datetime | None


def probe(connection: Connection) -> Probe:
    """How the database and what is written in it are."""
    row = connection.execute(
        text(
            "select now() as now, split_part(current_setting('server_version'), ' ', 1) as version,"
            " (select holder from leases where name = 'jobs' and expires_at > now()) as leader,"
            " (select last_finished from job_runs where name = 'simulate') as simulated_at,"
            " exists (select 1 from andon_tenants() where is_demo) as demo"
        )
    ).one()
    return Probe(**row._mapping)


def jobs(connection: Connection) -> list[JobRow]:
    """Every job that a replica of this version has, by name."""
    rows = connection.execute(
        text(
            "select j.name, j.what, j.every_s, j.last_started, j.duration_s, j.runs, j.failures, j.last_error, j.last_failed_at,"
            " r.requested_at, r.taken_at, r.finished_at, r.result from job_runs j"
            " left join lateral (select * from job_requests q where q.name = j.name order by q.id desc limit 1) r on true"
            " where j.every_s is not null order by j.name"
        )
    )
    return [JobRow(**row._mapping) for row in rows]


def replicas(connection: Connection) -> list[Replica]:
    """The replicas that were heard of within a day, the one that was heard of last first."""
    rows = connection.execute(
        text(
            "select id, host, pid, version, runs_jobs, started_at, seen_at, readings_per_s from replicas"
            " where seen_at > now() - interval '1 day' order by seen_at desc"
        )
    )
    return [Replica(**row._mapping) for row in rows]


def storage(connection: Connection) -> Storage:
    """Sizes of the database, its partitions and tables. Some milliseconds: ask rarely."""
    tables = connection.execute(
        text(
            "select relname as name, pg_total_relation_size(oid) as bytes, greatest(reltuples, 0)::bigint as rows from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind = 'r' and not relispartition order by 2 desc"
        )
    )
    found = [TableSize(**row._mapping) for row in tables]
    samples = connection.execute(text("select at, bytes from storage_samples where at > now() - interval '7 days' order by at"))
    now, size = connection.execute(text("select now(), pg_database_size(current_database())")).one()
    return Storage(now, size, tuple(partition_sizes(connection)), tuple(found), tuple((row.at, row.bytes) for row in samples))


def letters(connection: Connection, most: int = 10) -> Letters:
    """The tenant's dead letters that nobody has settled."""
    count = connection.execute(text("select count(*) from dead_letters where settled_at is null")).scalar_one()
    rows = connection.execute(
        text(
            "select received_at, door, field, reason, substring(raw from 1 for :excerpt) as raw from dead_letters"
            " where settled_at is null order by received_at desc, id desc limit :most"
        ),
        {"excerpt": EXCERPT, "most": most},
    )
    newest = [Letter(row.received_at, row.door, row.field, row.reason, bytes(row.raw).decode("utf-8", "replace")) for row in rows]
    return Letters(count, tuple(newest))


def plant_counts(connection: Connection) -> PlantCounts:
    """What the tenant has, by its current state: no reading is counted."""
    row = connection.execute(
        text(
            "select (select count(*) from devices) as devices, (select count(*) from sensors) as sensors,"
            " coalesce(sum(readings), 0)::bigint as readings, max(received_at) as last_received from sensor_state"
        )
    ).one()
    return PlantCounts(**row._mapping)

"""What the page `/system` says, as plain texts by section: read at most every so often and shared by everybody who looks.

What concerns the whole installation is for people of the platform; administrators of a plant see whether it works, and their own plant.
"""

import platform
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from typing import Any, TypeVar

from sqlalchemy import text

from dashapp.actions.actor import Actor
from dashapp.ingest.health import Report, disk_of
from dashapp.ingest.services import Services
from dashapp.settings import VERSION
from dashapp.ui.parts import format_value
from dashapp.ui.shared import Shared
from dashapp.ui.tables import Cell
from db.queries import system as queries
from db.tenancy import tenant_reading

LIBRARIES = ("dash", "plotly", "fastapi", "uvicorn", "SQLAlchemy", "psycopg", "numpy", "pandas")
STORAGE_EVERY_S = 30
GONE_AFTER_S = 30.0
_quick: Shared[Any] = Shared(1.0)
_slow: Shared[Any] = Shared(5.0)
_storage: Shared[queries.Storage] = Shared(STORAGE_EVERY_S)
_Read = TypeVar("_Read")
Pairs = list[tuple[str, str]]


def report(services: Services) -> Report:
    """How the parts are."""
    found: Report = _quick.get(("health", id(services)), services.health.look)
    return found


def jobs(services: Services) -> list[queries.JobRow]:
    """The jobs of the installation."""
    found: list[queries.JobRow] = _quick.get(("jobs", id(services)), lambda: _read(services, queries.jobs))
    return found


def forget_jobs(services: Services) -> None:
    """After somebody here asked for a run."""
    _quick.forget(("jobs", id(services)))


def letters(services: Services, who: Actor) -> queries.Letters:
    """Refused readings of the plant that is looked at."""
    found: queries.Letters = _slow.get(("letters", id(services), who.tenant_id), lambda: _read_own(services, who, queries.letters))
    return found


def plant_pairs(services: Services, who: Actor) -> Pairs:
    """What the plant has."""
    own: queries.PlantCounts = _slow.get(("plant", id(services), who.tenant_id), lambda: _read_own(services, who, queries.plant_counts))
    last = "never" if own.last_received is None else ago(own.last_received)
    counts = [("Devices", own.devices), ("Sensors", own.sensors), ("Readings stored", own.readings)]
    return [*((name, f"{count:,}") for name, count in counts), ("The last came", last)]


def replica_rows(services: Services) -> list[list[Cell]]:
    """Every replica, the leader marked."""
    found: list[queries.Replica] = _quick.get(("replicas", id(services)), lambda: _read(services, queries.replicas))
    asked = report(services).probe
    rows: list[list[Cell]] = []
    for one in found:
        age_s = time.time() - one.seen_at.timestamp()
        alive: Cell = ago(one.seen_at) if age_s <= GONE_AFTER_S else {"text": f"silent for {length(age_s)}", "priority": "high"}
        here = ", this one" if one.id == services.replica else ""
        runs = "leads" if asked and asked.leader == one.id else "stands by" if one.runs_jobs else "no (ANDON_JOBS=0)"
        rows.append([f"{one.host}{here}", str(one.pid), one.version, ago(one.started_at), runs, format_value(one.readings_per_s, 1), alive])
    return rows


def versions(services: Services) -> Pairs:
    """What runs here."""
    asked = report(services).probe
    kind = "embedded" if services.settings.embedded else "external"
    postgres = f"{asked.version}, {kind}" if asked else f"does not answer, {kind}"
    schema = _slow.get(("schema", id(services)), lambda: _schema(services))
    libraries = [(name, version(name)) for name in LIBRARIES]
    return [("Andon", VERSION), ("Python", platform.python_version()), ("PostgreSQL", postgres), ("Schema", schema), *libraries]


def sizes(services: Services) -> queries.Storage:
    """What the database takes up; at most half a minute old."""
    return _storage.get(id(services), lambda: _read(services, queries.storage))


def storage_rows(stored: queries.Storage) -> list[list[Cell]]:
    """Partitions in order of time, then the largest tables."""
    rows: list[list[Cell]] = [
        [one.partition.name, f"{one.rows:,}", size(one.bytes), "kept: it holds imported history" if one.pinned else ""]
        for one in stored.partitions
    ]
    return rows + [[one.name, f"{one.rows:,}", size(one.bytes), ""] for one in stored.tables if one.bytes >= 1_000_000]


def storage_pairs(services: Services, stored: queries.Storage) -> Pairs:
    """The whole, how it grows, and how long the disk lasts, each with how it was found out."""
    growth, how = growth_per_day(stored, services.meter.average_per_second())
    pinned = sum(one.bytes for one in stored.partitions if one.pinned)
    pairs = [("Database", size(stored.bytes)), ("Kept for imports", size(pinned) if pinned else "nothing")]
    if growth is None:
        return [*pairs, ("Growth", how), ("Disk lasts", "not known yet")]
    pairs.append(("Growth", f"{size(max(growth, 0))} a day, {how}"))
    return [*pairs, ("Disk lasts", _days_left(services, growth))]


def growth_per_day(stored: queries.Storage, readings_per_s: float) -> tuple[float | None, str]:
    """Bytes a day and how that was found: by sizes measured over a day or more, else by the rate and the size of a reading."""
    if len(stored.samples) > 1:
        (first, before), (last, after) = stored.samples[0], stored.samples[-1]
        days = (last - first).total_seconds() / 86_400
        if days >= 0.8:
            return (after - before) / days, f"measured over {days:.0f} d" if days >= 1.5 else "measured over a day"
    rows = sum(one.rows for one in stored.partitions if one.parent == "readings")
    taken = sum(one.bytes for one in stored.partitions)
    if not rows or not readings_per_s:
        return None, "not known before readings have come in for some minutes"
    return readings_per_s * 86_400 * taken / rows, f"estimated from {readings_per_s:,.0f} readings/s of {taken / rows:,.0f} bytes"


def _days_left(services: Services, growth: float) -> str:
    if not services.settings.embedded:
        return "unknown: the database is on another server"
    if growth <= 0:
        return "it does not grow"
    days = disk_of(services.settings.data_dir).free / growth
    return "over 10 years" if days > 3650 else f"{days:,.0f} days, free space through growth"


def letter_rows(found: queries.Letters) -> list[list[Cell]]:
    """The newest refused readings."""
    return [[ago(one.received_at), one.door, one.field, one.reason, one.excerpt] for one in found.newest]


def job_line(job: queries.JobRow) -> list[str]:
    """When it last ran, how long that took, when it runs next, how often it ran and failed."""
    last = "not yet" if job.last_started is None else ago(job.last_started)
    took = "" if job.duration_s is None else f"{1000 * job.duration_s:,.0f} ms" if job.duration_s < 1 else f"{job.duration_s:,.1f} s"
    return [last, took, f"every {length(job.every_s or 0)}", f"{job.runs:,}", f"{job.failures:,}"]


def job_notes(job: queries.JobRow) -> list[tuple[str, bool]]:
    """(sentence, whether it is trouble): the last error, what became of a run that was asked for."""
    notes = []
    if job.last_failed_at is not None and job.last_error:
        fresh = job.last_started is None or job.last_failed_at >= job.last_started
        notes.append((f"Failed {ago(job.last_failed_at)}: {job.last_error}", fresh))
    if job.requested_at is not None and time.time() - job.requested_at.timestamp() < 600:
        if job.finished_at is not None:
            notes.append((f"Asked for {ago(job.requested_at)}: {job.result}.", str(job.result).startswith("failed")))
        else:
            words = "it runs now" if job.taken_at else "the replica that runs the jobs takes it within a second"
            notes.append((f"Asked for: {words}.", False))
    return notes


def ago(moment: datetime) -> str:
    """`12 s ago`."""
    return f"{length(time.time() - moment.timestamp())} ago"


def length(seconds: float) -> str:
    """`12 s`, `4 min`, `3 h`, `2 d`."""
    seconds = max(0, round(seconds))
    for unit, size_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size_s or seconds == size_s:
            return f"{seconds // size_s} {unit}"
    return f"{seconds} s"


def size(number: float) -> str:
    """`1.2 GB`, in powers of ten."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:,.1f} {unit}"
    return f"{number:,.0f} B"


def _read(services: Services, query: Callable[[Any], _Read]) -> _Read:
    with services.database.engine.connect() as connection:
        return query(connection)


def _read_own(services: Services, who: Actor, query: Callable[[Any], _Read]) -> _Read:
    with tenant_reading(services.database.engine, who.tenant_id) as connection:
        return query(connection)


def _schema(services: Services) -> str:
    with services.database.owner.connect() as connection:
        return str(connection.execute(text("select version_num from alembic_version")).scalar_one())


def ago_ms(moment_ms: int) -> str:
    """Like `ago`, of milliseconds since 1970."""
    return f"{length(time.time() - moment_ms / 1000)} ago"

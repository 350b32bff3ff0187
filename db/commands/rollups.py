"""Rollups per minute, hour and day: closed behind the running ingest, recomputed where a reading came late.

What holds between transactions: a bucket is made of readings before `rollup_progress.computed_to` alone, and of all
of them but for those whose (sensor, hour) is marked in `rollup_dirty`. Minutes come from readings, hours from minutes,
days from hours (merged by Chan's formula). Whoever writes rollups holds COMPUTING_LOCK of the tenant, so that a slower
computation never overwrites a newer one. DESIGN decision 8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from db.columns import DAY_US, HOUR_US, MINUTE_US, fetch_columns, from_us, ids_array, run, times_array, to_us
from db.commands import rollup_sql
from db.commands.connections import queue_metrics
from db.commands.partitions import MINUTES, ensure_partitions
from db.commands.production_marks import mark_readings
from db.commands.readings import CLOSING_LOCK
from db.engine import Database
from db.tenancy import tenant_reading, tenant_transaction

COMPUTING_LOCK = 7_266_303
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Computed:
    """Rollup rows written."""

    minutes: int = 0
    hours: int = 0
    days: int = 0

    def __add__(self, other: "Computed") -> "Computed":
        return Computed(self.minutes + other.minutes, self.hours + other.hours, self.days + other.days)


@dataclass(frozen=True, slots=True)
class Closing:
    """What a close did: whether `closed_to` is where it should be (no ingest was in the way), and rows written."""

    moved: bool
    computed: Computed


@dataclass(frozen=True, slots=True)
class _Spans:
    """Times to recompute, columns of shape (n,): low ≤ time < high, each inside of one UTC day, none overlapping."""

    sensor_ids: NDArray[np.int32]
    low_us: Ints
    high_us: Ints

    def widened(self, width_us: int) -> "_Spans":
        """The whole buckets of this width that the spans touch, each once."""
        low = self.low_us // width_us * width_us
        high = -(-self.high_us // width_us) * width_us
        distinct = np.unique(np.stack([self.sensor_ids.astype(np.int64), low, high]), axis=1)
        return _Spans(distinct[0].astype(np.int32), distinct[1], distinct[2])


def close_buckets(database: Database, tenant_id: int, now: datetime, *, lag_s: float = 5, wait_s: float = 2) -> Closing:
    """Closes every minute that ended `lag_s` before `now` and computes what is closed. Safe to run twice at once.

    Closing waits for running ingests, and ingests that begin wait for it, but for at most `wait_s`; then it is left to
    the next run. What an earlier run closed and did not compute is computed too.
    """
    minute = (to_us(now) - round(lag_s * 1e6)) // MINUTE_US * MINUTE_US
    closed, computed_to = _progress(database, tenant_id)
    moved = (closed is not None and closed >= minute) or move_closed_to(database, tenant_id, minute, wait_s=wait_s)
    computed = Computed()
    if closed is None or closed < minute or computed_to != closed:
        while step := _compute_next(database, tenant_id):
            computed += step
    return Closing(moved, computed)


def _progress(database: Database, tenant_id: int) -> tuple[int | None, int | None]:
    """(closed to, computed to), None before the first close: read without a lock, to see whether there is work."""
    with tenant_reading(database.engine, tenant_id) as connection:
        row = connection.execute(text("select closed_to, computed_to from rollup_progress")).first()
    return (to_us(row.closed_to), to_us(row.computed_to)) if row else (None, None)


def move_closed_to(database: Database, tenant_id: int, time_us: int, *, wait_s: float = 2) -> bool:
    """Moves `closed_to` forward to the minute of `time_us`; False when ingests were in the way for `wait_s`.

    A reading before it that is committed later leaves a mark: an ingest holds the lock shared from its start and reads
    `closed_to` under it.
    """
    try:
        with tenant_transaction(database.engine, tenant_id) as connection:
            connection.execute(text(f"set local lock_timeout = {max(1, round(wait_s * 1000))}"))
            _lock(connection, CLOSING_LOCK, tenant_id)
            minute = time_us // MINUTE_US * MINUTE_US
            begin = minute
            if connection.execute(text("select closed_to from rollup_progress")).first() is None:
                begin = min(minute, _first_reading(connection, None, minute))
            run(connection, rollup_sql.CLOSE, {"tenant": tenant_id, "to": from_us(minute), "from": from_us(begin)})
            return True
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            return False
        raise


def begin_progress(connection: Connection, tenant_id: int, time_us: int) -> None:
    """For a tenant whose history was just written: counts everything before the minute of `time_us` as rolled up.

    To be followed by `rebuild` of that history in the same transaction. Changes nothing where closing has begun.
    """
    _lock(connection, CLOSING_LOCK, tenant_id)
    _lock(connection, COMPUTING_LOCK, tenant_id)
    minute = from_us(time_us // MINUTE_US * MINUTE_US)
    run(connection, rollup_sql.BEGIN, {"tenant": tenant_id, "to": minute})


def recompute_dirty(database: Database, tenant_id: int, *, limit: int = 500) -> int:
    """Recomputes at most `limit` marked (sensor, hour) pairs from raw, with their days; gives how many there were.

    Marks go in the same transaction. One that is committed meanwhile stays for the next run.
    """
    with tenant_transaction(database.engine, tenant_id) as connection:
        _lock(connection, COMPUTING_LOCK, tenant_id)
        sensor_ids, hours = fetch_columns(connection, ("sensor_id", "hour"), rollup_sql.MARKED, {"limit": limit})
        if len(hours) == 0:
            return 0
        ensure_partitions(database, hours, tables=(MINUTES,))
        run(connection, rollup_sql.UNMARK, {"ids": ids_array(sensor_ids), "hours": times_array(hours)})
        _recompute(connection, tenant_id, _Spans(sensor_ids, hours, hours + HOUR_US), emptied=True)
        return len(hours)


def rebuild(
    connection: Connection, tenant_id: int, sensor_ids: Sequence[int] | NDArray[Any], start_us: int, end_us: int
) -> Computed:
    """Recomputes these sensors' rollups of `start_us` ≤ time < `end_us` from raw, inside of the tenant's transaction.

    For history that was written or removed at once. Its partitions are there. Where nothing was closed yet (or not
    `begin_progress`) nothing is written: the first close does it.
    """
    _lock(connection, COMPUTING_LOCK, tenant_id)
    low, high = start_us // MINUTE_US * MINUTE_US, -(-end_us // MINUTE_US) * MINUTE_US
    return _recompute(connection, tenant_id, _daily(np.asarray(sensor_ids, np.int32), low, high), emptied=True)


def _lock(connection: Connection, lock: int, tenant_id: int) -> None:
    """A statement of its own: the next one's snapshot then sees what the holder before committed."""
    connection.execute(text("select pg_advisory_xact_lock(:lock, :tenant)"), {"lock": lock, "tenant": tenant_id})


def _compute_next(database: Database, tenant_id: int) -> Computed | None:
    """Computes at most a day of what is closed, in one transaction; None when nothing is left."""
    with tenant_transaction(database.engine, tenant_id) as connection:
        _lock(connection, COMPUTING_LOCK, tenant_id)
        row = connection.execute(text("select computed_to, closed_to from rollup_progress")).first()
        if row is None or row.computed_to >= row.closed_to:
            return None
        low, closed = to_us(row.computed_to), to_us(row.closed_to)
        if closed - low > DAY_US:  # history, or a long stop: days without readings are stepped over
            low = min(_first_reading(connection, low, closed), closed)
        high = min(closed, low // DAY_US * DAY_US + DAY_US)
        run(connection, rollup_sql.ADVANCE, {"to": from_us(high)})
        sensor_ids = connection.execute(text("select id from sensors order by id")).scalars().all()
        if low == high or not sensor_ids:
            return Computed()
        ensure_partitions(database, (low, high), tables=(MINUTES,))
        computed = _recompute(connection, tenant_id, _daily(np.asarray(sensor_ids, np.int32), low, high), emptied=False)
        queue_metrics(connection, from_us(low), from_us(high))
        return computed


def _first_reading(connection: Connection, since_us: int | None, none_us: int) -> int:
    """The minute of the tenant's first reading (at or after `since_us`); `none_us` where there is none."""
    since = from_us(since_us) if since_us is not None else from_us(0)
    (found,) = fetch_columns(connection, ("time",), rollup_sql.FIRST_READING, {"since": since})
    return int(found[0]) // MINUTE_US * MINUTE_US if len(found) else none_us


def _daily(sensor_ids: NDArray[np.int32], low_us: int, high_us: int) -> _Spans:
    """Every sensor × every UTC day of a range: small sorts, and partitions that do not matter are left out."""
    edges = np.arange(low_us // DAY_US * DAY_US, max(high_us, low_us + 1), DAY_US, dtype=np.int64)
    low, high = np.maximum(edges, low_us), np.minimum(edges + DAY_US, high_us)
    ids = np.repeat(np.unique(sensor_ids), len(edges))
    count = len(ids) // max(len(edges), 1)
    return _Spans(ids, np.tile(low, count), np.tile(high, count))


def _recompute(connection: Connection, tenant_id: int, spans: _Spans, *, emptied: bool) -> Computed:
    """Minutes of the spans from raw, then the hours and days that they touch. `emptied`: a bucket may hold none now."""
    written = []
    levels = ((rollup_sql.MINUTES, MINUTE_US), (rollup_sql.HOURS, HOUR_US), (rollup_sql.DAYS, DAY_US))
    for level, width_us in levels:
        part = spans.widened(width_us)
        parameters = {
            "tenant": tenant_id,
            "ids": ids_array(part.sensor_ids),
            "lows": times_array(part.low_us),
            "highs": times_array(part.high_us),
        }
        if emptied:
            run(connection, rollup_sql.JOIN_BY_INDEX)
            run(connection, level.clear, parameters)
            run(connection, rollup_sql.JOIN_ANYHOW)
        written.append(run(connection, level.fill, parameters))
    if emptied:  # what is new lies after what is computed of production; this may not
        mark_readings(connection, spans.sensor_ids, spans.low_us, spans.high_us)
    return Computed(*written)

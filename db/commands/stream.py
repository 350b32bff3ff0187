"""What programs follow: a ring of the last minutes, written by the transactions that change something, of tenants that are followed.

Rows come out of it in the order of commits, without a lock and without a gap, by PostgreSQL's own snapshots: what is new is what the
snapshot before did not see (`db.queries.stream`). An identity alone would not do: a smaller one may be committed later.
"""

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from db.binary import INT4
from db.commands.readings import CLOSING_LOCK, Rows
from db.engine import Database
from db.exchange import Parameters, Statement, int4
from db.tenancy import tenant_transaction

MOST_OF_A_SENSOR = 100  # readings of one sensor that a transaction tells of: who sends an hour at once is read by its history
MOST_BYTES = 300_000_000  # of one tenant; beyond it the oldest go before their time
BATCH = 5_000
LOCK_WAIT_MS = 2_000
LOCK_TRIES = 5
BYTEA = 17
_HEAD = struct.Struct("<II")  # readings that follow, readings that were left out
# Past the driver and with the commit, so that it costs no round trip; not said while nobody follows the tenant (`Stored.is_followed`).
NOTE_READINGS = Statement(
    b"andon_note_readings", "insert into stream_events (tenant_id, kind, body) values ($1, 'readings', $2)", (INT4, BYTEA)
)


@dataclass(frozen=True, slots=True)
class Followed:
    """How a tenant is followed: since which epoch, and from which transaction on everything is still there."""

    epoch: int
    kept_from: int


def note_readings(tenant_id: int, rows: Rows) -> tuple[Statement, Parameters]:
    """Tells followers of new rows: to be said in their transaction, right before it is committed."""
    return NOTE_READINGS, (int4(tenant_id), packed(rows))


def packed(rows: Rows) -> bytes:
    """Rows as bytes; of each sensor the newest `MOST_OF_A_SENSOR`."""
    left_out = 0
    if len(rows) > MOST_OF_A_SENSOR:
        keep = _newest(rows.sensor_ids, rows.times_us)
        left_out = len(rows) - len(keep)
        rows = rows.take(keep) if left_out else rows
    columns = (
        rows.sensor_ids.astype("<i4", copy=False), rows.times_us.astype("<i8", copy=False), rows.values.astype("<f8", copy=False),
        rows.quality.astype("<i2", copy=False),
    )  # fmt: skip
    return _HEAD.pack(len(rows), left_out) + b"".join(column.tobytes() for column in columns)


def unpacked(body: bytes) -> tuple[Rows, int]:
    """The rows of `packed`, and how many were left out."""
    count, left_out = _HEAD.unpack_from(body)
    columns, start = [], _HEAD.size
    for kind in ("<i4", "<i8", "<f8", "<i2"):
        columns.append(np.frombuffer(body, kind, count, start))
        start += count * np.dtype(kind).itemsize
    return Rows(*columns), left_out


def _newest(sensor_ids: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where the newest rows of each sensor are, in the order in which they came; shapes (n,)."""
    order = np.lexsort((times_us, sensor_ids))
    _, starts, counts = np.unique(sensor_ids[order], return_index=True, return_counts=True)
    from_the_end = np.repeat(starts + counts, counts) - np.arange(len(order))
    return np.sort(order[from_the_end <= MOST_OF_A_SENSOR])


def follow(database: Database, tenant_id: int, keep: timedelta) -> Followed:
    """Has changes of the tenant written down from now on, for `keep` and as long as it is said again in time.

    Where it was not followed, running ingests are waited for, and ingests that begin wait: each of them writes down what it stores, or
    was committed before this returns. Raises OperationalError where an ingest runs for longer than ten seconds.
    """
    for attempt in range(LOCK_TRIES):
        try:
            return _follow(database, tenant_id, keep)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable) or attempt == LOCK_TRIES - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _follow(database: Database, tenant_id: int, keep: timedelta) -> Followed:
    with tenant_transaction(database.engine, tenant_id) as connection:
        renewed = connection.execute(
            text("update stream_followed set until = now() + :keep where until > now() returning epoch, kept_from"), {"keep": keep}
        ).one_or_none()
        if renewed is not None:
            return Followed(renewed.epoch, renewed.kept_from)
        connection.execute(text(f"set local lock_timeout = {LOCK_WAIT_MS}"))
        connection.execute(text("select pg_advisory_xact_lock(:lock, :tenant)"), {"lock": CLOSING_LOCK, "tenant": tenant_id})
        begun = connection.execute(
            text(
                "insert into stream_followed (tenant_id, epoch, until)"
                " values (:tenant, pg_current_xact_id()::text::bigint, now() + :keep)"
                " on conflict (tenant_id) do update set until = excluded.until,"
                " epoch = case when stream_followed.until > now() then stream_followed.epoch else excluded.epoch end"
                " returning epoch, kept_from"
            ),
            {"tenant": tenant_id, "keep": keep},
        ).one()
        return Followed(begun.epoch, begun.kept_from)


def forget(connection: Connection, before: datetime) -> int:
    """Deletes rows from before a moment, what is too much, and what came with a dump from another cluster; how many. One tenant's."""
    gone = connection.execute(text("delete from stream_events where xid >= pg_snapshot_xmax(pg_current_snapshot())")).rowcount
    size: int = connection.execute(text("select coalesce(sum(octet_length(body) + 100), 0) from stream_events")).scalar_one()
    while True:
        batch = connection.execute(
            text(
                "with oldest as (select xid, at, octet_length(body) + 100 as size from stream_events order by xid limit :batch),"
                " past as (select max(xid) as xid from oldest where at < :before or :too_much),"
                " gone as (delete from stream_events where xid <= (select xid from past) returning octet_length(body) + 100 as size)"
                " select (select xid from past)::text::bigint as xid, count(*) as rows, coalesce(sum(size), 0) as size from gone"
            ),
            {"batch": BATCH, "before": before, "too_much": size > MOST_BYTES},
        ).one()
        if not batch.rows:
            return gone
        gone += batch.rows
        size -= batch.size
        connection.execute(text("update stream_followed set kept_from = greatest(kept_from, :xid + 1)"), {"xid": batch.xid})

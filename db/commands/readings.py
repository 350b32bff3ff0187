"""One slice of readings into PostgreSQL, in one transaction: readings, current state, marks for late ones, dead letters.

The caller owns the connection and its transaction. Duplicates change nothing: the first value of a sensor and time wins (IN-8).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from db.binary import FLOAT8, INT2, INT4, INT8, TIMESTAMPTZ, BinaryArray

CLOSING_LOCK = 7_266_302  # shared by every ingest; taken alone by the job that closes rollup buckets
LATE, DELAYED = 1, 2
HOUR_US = 3_600_000_000
Connection = psycopg.Connection[Any]

ENTER = "select set_config('andon.tenant', %s, true), pg_advisory_xact_lock_shared(%s, %s)"
LOCK_STATE = """
with locked as (
  select sensor_id, coalesce(time, '-infinity') as time, coalesce(value, 0) as value, coalesce(quality, 0) as quality, total, readings
  from sensor_state where sensor_id = any(%b) order by sensor_id for update)
select (select closed_to from rollup_progress), array_agg(sensor_id), array_agg(time), array_agg(value), array_agg(quality),
       array_agg(total), array_agg(readings) from locked"""
INSERT = """
with new as (
  insert into readings (tenant_id, sensor_id, time, value, quality, flags, import_id)
  select %s, u.s, u.t, u.v, u.q, u.f, %s from unnest(%b, %b, %b, %b, %b) as u (s, t, v, q, f)
  on conflict do nothing returning sensor_id, time)
select count(*), array_agg(sensor_id), array_agg(time) from new"""
MOVE_STATE = """
update sensor_state s set time = u.time, value = u.value, quality = u.quality, total = u.total, readings = u.readings,
  received_at = clock_timestamp()
from unnest(%b, %b, %b, %b, %b, %b) as u (id, time, value, quality, total, readings) where s.sensor_id = u.id"""
MARK = "insert into rollup_dirty (tenant_id, sensor_id, hour) select %s, u.s, u.t from unnest(%b, %b) as u (s, t)"
STORED_VALUES = """
select array_agg(r.sensor_id), array_agg(r.time), array_agg(r.value)
from unnest(%b, %b) as u (s, t) join readings r on r.sensor_id = u.s and r.time = u.t"""
DEAD_LETTERS = """
insert into dead_letters (tenant_id, door, source, field, reason, raw, truncated)
select %s, u.* from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %b::bytea[], %s::bool[]) as u"""
DATA_ERRORS = ("22", "23", "P0")


@dataclass(slots=True)
class Rows:
    """Columns of one slice, all of shape (n,): ids, microseconds since 1970 UTC, values, OPC quality."""

    sensor_ids: NDArray[np.int32]
    times_us: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.sensor_ids)

    def take(self, index: NDArray[Any] | slice) -> "Rows":
        """The rows of an index or mask."""
        return Rows(self.sensor_ids[index], self.times_us[index], self.values[index], self.quality[index])


@dataclass(slots=True)
class State:
    """Current state of the slice's sensors, sorted by id; `times_us` is the least int64 where there was no reading yet."""

    sensor_ids: NDArray[np.int32]
    times_us: NDArray[np.int64]
    values: NDArray[np.float64]
    quality: NDArray[np.int16]
    totals: NDArray[np.float64]
    readings: NDArray[np.int64]


@dataclass(slots=True)
class Stored:
    """What became of a slice: a mask of new rows, stored values where another one was there first, refused rows, the state after."""

    new: NDArray[np.bool_]
    conflicts: dict[int, float] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    state: State | None = None


@dataclass(slots=True)
class DeadLetter:
    """A refused reading as it came, with the field and the reason."""

    door: str
    source: str
    field: str
    reason: str
    raw: bytes
    truncated: bool = False


def enter(connection: Connection, tenant_id: int) -> None:
    """Begins the transaction, names its tenant and keeps rollup buckets from closing under it."""
    connection.execute("begin", prepare=True)
    connection.execute(ENTER, (str(tenant_id), CLOSING_LOCK, tenant_id), prepare=True)


def store(
    connection: Connection, tenant_id: int, rows: Rows, is_increment: NDArray[np.bool_], *, import_id: int | None = None,
    careful: bool = False,
) -> Stored:  # fmt: skip
    """Stores a slice and moves the state forward by what is new. `is_increment` has shape (n,).

    `careful` inserts by savepoint and bisection, so that a row which the database refuses does not take its neighbours with it.
    Raises psycopg.Error otherwise; the caller rolls back.
    """
    sensors = np.unique(rows.sensor_ids)
    locked = connection.execute(LOCK_STATE, (BinaryArray(sensors, INT4),), binary=True, prepare=True)
    closed_to, ids, times, values, quality, totals, counts = locked.fetchone()  # type: ignore[misc]
    if ids is None:
        ids = np.empty(0, np.int32)
    known = np.isin(rows.sensor_ids, ids) if len(ids) < len(sensors) else None
    stored = Stored(new=np.zeros(len(rows), bool))
    if known is not None and not known.all():  # the sensor was removed since the catalogue was read
        stored.refused = {int(i): "the sensor no longer exists" for i in np.flatnonzero(~known)}
    if len(ids) == 0:
        return stored
    state = State(ids, times, values, quality, totals, counts)
    keep = np.arange(len(rows)) if known is None else np.flatnonzero(known)
    part = rows if known is None else rows.take(keep)
    position = np.searchsorted(state.sensor_ids, part.sensor_ids)
    flags = np.where(part.times_us <= state.times_us[position], LATE, 0).astype(np.int16)
    refused: dict[int, str] = {}
    if careful:
        new = _insert_bisecting(connection, tenant_id, part, flags, import_id, refused)
    else:
        new = _insert(connection, tenant_id, part, flags, import_id)
    stored.refused.update({int(keep[i]): reason for i, reason in refused.items()})
    stored.new[keep] = new
    if not new.all():
        old = np.flatnonzero(~new & ~np.isin(np.arange(len(part)), list(refused)))
        stored.conflicts = {int(keep[i]): value for i, value in _conflicts(connection, part, old).items()}
    if new.any():
        fresh = part.take(new)
        _move_state(connection, state, fresh, position[new], is_increment[keep][new])
        if closed_to is not None:
            _mark_late(connection, tenant_id, fresh, closed_to)
    stored.state = state
    return stored


def _insert(connection: Connection, tenant_id: int, rows: Rows, flags: NDArray[np.int16], import_id: int | None) -> NDArray[np.bool_]:
    parameters = (
        tenant_id, import_id, BinaryArray(rows.sensor_ids, INT4), BinaryArray(rows.times_us, TIMESTAMPTZ),
        BinaryArray(rows.values, FLOAT8), BinaryArray(rows.quality, INT2), BinaryArray(flags, INT2),
    )  # fmt: skip
    inserted_rows = connection.execute(INSERT, parameters, binary=True, prepare=True)
    count, sensor_ids, times = inserted_rows.fetchone()  # type: ignore[misc]
    if count == len(rows):
        return np.ones(len(rows), bool)
    new = np.zeros(len(rows), bool)
    if count:
        inserted = set(zip(sensor_ids.tolist(), times.tolist(), strict=True))
        for i, name in enumerate(zip(rows.sensor_ids.tolist(), rows.times_us.tolist(), strict=True)):
            if name in inserted:  # the first of equals in this slice is the one that was inserted
                inserted.discard(name)
                new[i] = True
    return new


def _insert_bisecting(
    connection: Connection, tenant_id: int, rows: Rows, flags: NDArray[np.int16], import_id: int | None, refused: dict[int, str]
) -> NDArray[np.bool_]:
    new = np.zeros(len(rows), bool)
    ranges = [(0, len(rows))]
    while ranges:
        low, high = ranges.pop()
        part = slice(low, high)
        try:
            connection.execute("savepoint part")
            new[part] = _insert(connection, tenant_id, rows.take(part), flags[part], import_id)
            connection.execute("release savepoint part")
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith(DATA_ERRORS):
                raise
            connection.execute("rollback to savepoint part; release savepoint part")  # kept, they would nest ever deeper
            if high - low == 1:
                refused[low] = error.diag.message_primary or "refused by the database"
            else:
                middle = (low + high) // 2
                ranges += [(middle, high), (low, middle)]  # the lower half first: the first of equals wins
    return new


def _conflicts(connection: Connection, rows: Rows, old: NDArray[np.int64]) -> dict[int, float]:
    """Rows that were there before with another value → the value that is stored."""
    wanted = rows.take(old)
    found_rows = connection.execute(
        STORED_VALUES, (BinaryArray(wanted.sensor_ids, INT4), BinaryArray(wanted.times_us, TIMESTAMPTZ)), binary=True, prepare=True
    )
    sensor_ids, times, values = found_rows.fetchone()  # type: ignore[misc]
    if sensor_ids is None:
        return {}
    stored = dict(zip(zip(sensor_ids.tolist(), times.tolist(), strict=True), values.tolist(), strict=True))
    found = {}
    for i, sensor_id, time_us, value in zip(
        old.tolist(), wanted.sensor_ids.tolist(), wanted.times_us.tolist(), wanted.values.tolist(), strict=True
    ):
        before = stored.get((sensor_id, time_us), value)
        if before != value:
            found[i] = before
    return found


def _move_state(
    connection: Connection, state: State, fresh: Rows, position: NDArray[np.int64], is_increment: NDArray[np.bool_]
) -> None:
    """Forward only: a late row counts in totals, never as the current value."""
    newest = np.full(len(state.sensor_ids), np.iinfo(np.int64).min)
    np.maximum.at(newest, position, fresh.times_us)
    ahead = fresh.times_us == newest[position]
    moves = ahead & (fresh.times_us > state.times_us[position])
    where = position[moves]
    state.times_us[where] = fresh.times_us[moves]
    state.values[where] = fresh.values[moves]
    state.quality[where] = fresh.quality[moves]
    np.add.at(state.totals, position[is_increment], fresh.values[is_increment])
    np.add.at(state.readings, position, 1)
    touched = np.unique(position)
    connection.execute(
        MOVE_STATE,
        (
            BinaryArray(state.sensor_ids[touched], INT4), BinaryArray(state.times_us[touched], TIMESTAMPTZ),
            BinaryArray(state.values[touched], FLOAT8), BinaryArray(state.quality[touched], INT2),
            BinaryArray(state.totals[touched], FLOAT8), BinaryArray(state.readings[touched], INT8),
        ),
        prepare=True,
    )  # fmt: skip


def _mark_late(connection: Connection, tenant_id: int, fresh: Rows, closed_to: Any) -> None:
    late = fresh.times_us < int(closed_to.timestamp() * 1_000_000)
    if not late.any():
        return
    hours = fresh.times_us[late] // HOUR_US * HOUR_US
    marks = np.unique(np.stack([fresh.sensor_ids[late].astype(np.int64), hours]), axis=1)
    connection.execute(MARK, (tenant_id, BinaryArray(marks[0], INT4), BinaryArray(marks[1], TIMESTAMPTZ)))


def write_dead_letters(connection: Connection, tenant_id: int, letters: Sequence[DeadLetter]) -> None:
    """Keeps what was refused, as bytes: PostgreSQL refuses NUL in text."""
    texts = ([x.door for x in letters], *([_text(getattr(x, name)) for x in letters] for name in ("source", "field", "reason")))
    connection.execute(DEAD_LETTERS, (tenant_id, *texts, [x.raw for x in letters], [x.truncated for x in letters]))


def _text(value: str) -> str:
    return value.replace("\x00", "\\u0000").encode("utf-8", "backslashreplace").decode()[:500]


def ensure_states(connection: Connection, tenant_id: int) -> None:
    """Makes the state row of each sensor that has none."""
    connection.execute(
        sql.SQL(
            "insert into sensor_state (tenant_id, sensor_id) select s.tenant_id, s.id from sensors s"
            " where s.tenant_id = %s on conflict do nothing"
        ),
        (tenant_id,),
    )

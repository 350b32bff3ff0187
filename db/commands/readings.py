"""One slice of readings into PostgreSQL, in one transaction: readings, current state, marks for late ones, dead letters.

The caller owns the connection and its transaction. Duplicates change nothing: the first value of a sensor and time wins (IN-8).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from db.binary import FLOAT8, INT2, INT4, INT8, TIMESTAMPTZ, array_bytes
from db.commands import reading_sql
from db.exchange import Parameters, Result, Statement, exchange, int4, row, timestamptz

CLOSING_LOCK = 7_266_302  # shared by every ingest; taken alone by the job that closes rollup buckets
LATE, DELAYED = 1, 2
HOUR_US = 3_600_000_000
Connection = psycopg.Connection[Any]

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
    """What became of a slice: a mask of new rows, stored values where another one was there first, refused rows, the state after.

    `before_us` and `before_values` are what the state said before, by sensor as in `state`; `asked` what was asked beside (`store`);
    `is_followed` whether programs are to be told of it (`db.commands.stream`).
    """

    new: NDArray[np.bool_]
    is_followed: bool = False
    conflicts: dict[int, float] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    state: State | None = None
    before_us: NDArray[np.int64] | None = None
    before_values: NDArray[np.float64] | None = None
    asked: Sequence[Result] = ()


@dataclass(slots=True)
class DeadLetter:
    """A refused reading as it came, with the field (`name`) and the reason."""

    door: str
    source: str
    name: str
    reason: str
    raw: bytes
    truncated: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)  # device, time_us, origin: what the bytes do not say


def enter(connection: Connection, tenant_id: int) -> None:
    """Begins the transaction, names its tenant and keeps rollup buckets from closing under it."""
    exchange(connection, *entering(tenant_id))


def commit(connection: Connection, *last: tuple[Statement, Parameters]) -> None:
    """Ends the transaction; `last` is said before, in the same round trip.

    Raises RuntimeError where an error in it was passed over, so that it was rolled back instead.
    """
    end = exchange(connection, *last, (reading_sql.COMMIT, ()))[-1].command_status
    if end != b"COMMIT":  # an aborted transaction answers ROLLBACK, and no error
        raise RuntimeError(f"the transaction ended with {end!r}: an error in it was passed over")


def roll_back(connection: Connection) -> None:
    """Ends the transaction and whatever was done in it."""
    exchange(connection, (reading_sql.ROLLBACK, ()))


def entering(tenant_id: int) -> tuple[tuple[Statement, Parameters], ...]:
    """What `enter` says, to be said with what comes next."""
    return (reading_sql.BEGIN, ()), (reading_sql.ENTER, (int4(tenant_id), int4(CLOSING_LOCK)))


def store(
    connection: Connection, tenant_id: int, rows: Rows, is_increment: NDArray[np.bool_], *, import_id: int | None = None,
    careful: bool = False, entered: bool = True, arrived_us: int | None = None, delayed: NDArray[np.bool_] | None = None,
    beside: Sequence[tuple[Statement, Parameters]] = (),
) -> Stored:  # fmt: skip
    """Stores a slice and moves the state forward by what is new. `is_increment` has shape (n,).

    `careful` inserts by savepoint and bisection, so that a row which the database refuses does not take its neighbours with it.
    Where the transaction is not `entered` yet that is done in the first round trip. `beside` is asked in it as well, once the state
    is locked. `arrived_us` is when live readings came (None: not live); rows that are `delayed` are marked.
    Raises psycopg.Error; the caller rolls back.
    """
    sensors = np.unique(rows.sensor_ids)
    first = () if entered else entering(tenant_id)
    results = exchange(connection, *first, (reading_sql.LOCK_STATE, (array_bytes(sensors, INT4), int4(tenant_id))), *beside)
    closed_us, epoch, *columns = row(results[len(first)])
    ids = columns[0] if columns[0] is not None else np.empty(0, np.int32)
    known = np.isin(rows.sensor_ids, ids) if len(ids) < len(sensors) else None
    stored = Stored(new=np.zeros(len(rows), bool), is_followed=epoch is not None, asked=results[len(first) + 1 :])
    if known is not None and not known.all():  # the sensor was removed since the catalogue was read
        stored.refused = {int(i): "the sensor no longer exists" for i in np.flatnonzero(~known)}
    if len(ids) == 0:
        return stored
    state = State(*columns)
    stored.before_us, stored.before_values = state.times_us.copy(), state.values.copy()
    keep = np.arange(len(rows)) if known is None else np.flatnonzero(known)
    part = rows if known is None else rows.take(keep)
    position = np.searchsorted(state.sensor_ids, part.sensor_ids)
    late = part.times_us <= state.times_us[position]
    flags = np.where(late, LATE, 0 if delayed is None else np.where(delayed[keep], DELAYED, 0)).astype(np.int16)
    refused: dict[int, str] = {}
    if careful:
        new = _insert_bisecting(connection, tenant_id, part, flags, import_id, refused)
    elif known is None and not late.any() and _differ(position, rows.times_us):
        # Ahead of their state, which is locked, and no two alike: none of them can be there. Where one is (somebody wrote past the
        # state) that is a unique violation, and the caller comes back carefully.
        calls = [(reading_sql.INSERT_AHEAD, _insertion(tenant_id, rows, flags, import_id))]
        exchange(connection, *calls, *_moves(tenant_id, state, rows, position, is_increment, closed_us, arrived_us))
        stored.new[:], stored.state = True, state
        return stored
    else:
        new = _inserted(part, exchange(connection, (reading_sql.INSERT, _insertion(tenant_id, part, flags, import_id)))[0])
    stored.refused.update({int(keep[i]): reason for i, reason in refused.items()})
    stored.new[keep] = new
    if not new.all():
        old = np.flatnonzero(~new & ~np.isin(np.arange(len(part)), list(refused)))
        stored.conflicts = {int(keep[i]): value for i, value in _conflicts(connection, part, old).items()}
    if new.any():
        fresh = part.take(new)
        exchange(connection, *_moves(tenant_id, state, fresh, position[new], is_increment[keep][new], closed_us, arrived_us))
    stored.state = state
    return stored


def _differ(position: NDArray[np.int64], times_us: NDArray[np.int64]) -> bool:
    """Whether no two rows are of the same sensor and time."""
    order = np.lexsort((times_us, position))
    return not ((np.diff(position[order]) == 0) & (np.diff(times_us[order]) == 0)).any()


def _moves(
    tenant_id: int, state: State, fresh: Rows, position: NDArray[np.int64], is_increment: NDArray[np.bool_], closed_us: int | None,
    arrived_us: int | None,
) -> list[tuple[Statement, Parameters]]:  # fmt: skip
    """Moves the state by the rows, and gives what does the same in the database and marks the hours that came late."""
    moved = (*_moved(state, fresh, position, is_increment), timestamptz(arrived_us))
    calls: list[tuple[Statement, Parameters]] = [(reading_sql.MOVE_STATE, moved)]
    if closed_us is not None and (marks := _late_hours(fresh, closed_us)) is not None:
        calls.append((reading_sql.MARK, (int4(tenant_id), *marks)))
    return calls


def _insertion(tenant_id: int, rows: Rows, flags: NDArray[np.int16], import_id: int | None) -> Parameters:
    return (
        int4(tenant_id), int4(import_id), array_bytes(rows.sensor_ids, INT4), array_bytes(rows.times_us, TIMESTAMPTZ),
        array_bytes(rows.values, FLOAT8), array_bytes(rows.quality, INT2), array_bytes(flags, INT2),
    )  # fmt: skip


def _inserted(rows: Rows, result: Result) -> NDArray[np.bool_]:
    """Which rows were new, as INSERT says."""
    count, sensor_ids, times = row(result)
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
            insertion = _insertion(tenant_id, rows.take(part), flags[part], import_id)
            _, inserted, _ = exchange(connection, (reading_sql.SAVEPOINT, ()), (reading_sql.INSERT, insertion), (reading_sql.RELEASE, ()))
            new[part] = _inserted(rows.take(part), inserted)
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith(DATA_ERRORS):
                raise
            exchange(connection, (reading_sql.UNDO, ()), (reading_sql.RELEASE, ()))  # kept, they would nest ever deeper
            if high - low == 1:
                refused[low] = error.diag.message_primary or "refused by the database"
            else:
                middle = (low + high) // 2
                ranges += [(middle, high), (low, middle)]  # the lower half first: the first of equals wins
    return new


def _conflicts(connection: Connection, rows: Rows, old: NDArray[np.int64]) -> dict[int, float]:
    """Rows that were there before with another value → the value that is stored."""
    wanted = rows.take(old)
    names = (array_bytes(wanted.sensor_ids, INT4), array_bytes(wanted.times_us, TIMESTAMPTZ))
    sensor_ids, times, values = row(exchange(connection, (reading_sql.STORED_VALUES, names))[0])
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


def _moved(state: State, fresh: Rows, position: NDArray[np.int64], is_increment: NDArray[np.bool_]) -> Parameters:
    """Moves the state, and gives what moves it in the database. Forward only: a late row counts in totals, never as the current value."""
    newest = np.full(len(state.sensor_ids), np.iinfo(np.int64).min)
    np.maximum.at(newest, position, fresh.times_us)
    moves = (fresh.times_us == newest[position]) & (fresh.times_us > state.times_us[position])
    where = position[moves]
    state.times_us[where] = fresh.times_us[moves]
    state.values[where] = fresh.values[moves]
    state.quality[where] = fresh.quality[moves]
    np.add.at(state.totals, position[is_increment], fresh.values[is_increment])
    np.add.at(state.readings, position, 1)
    touched = np.flatnonzero(newest > np.iinfo(np.int64).min)
    return (
        array_bytes(state.sensor_ids[touched], INT4), array_bytes(state.times_us[touched], TIMESTAMPTZ),
        array_bytes(state.values[touched], FLOAT8), array_bytes(state.quality[touched], INT2),
        array_bytes(state.totals[touched], FLOAT8), array_bytes(state.readings[touched], INT8),
    )  # fmt: skip


def _late_hours(fresh: Rows, closed_us: int) -> tuple[bytes, bytes] | None:
    """Sensors and hours whose rollups were closed before these rows came; None where there are none."""
    late = fresh.times_us < closed_us
    if not late.any():
        return None
    hours = fresh.times_us[late] // HOUR_US * HOUR_US
    marks = np.unique(np.stack([fresh.sensor_ids[late].astype(np.int64), hours]), axis=1)
    return array_bytes(marks[0], INT4), array_bytes(marks[1], TIMESTAMPTZ)


def write_dead_letters(connection: Connection, tenant_id: int, letters: Sequence[DeadLetter]) -> None:
    """Keeps what was refused, as bytes: PostgreSQL refuses NUL in text."""
    texts = ([x.door for x in letters], *([_text(getattr(x, name)) for x in letters] for name in ("source", "name", "reason")))
    contexts = [json.dumps({name: _text(value) if isinstance(value, str) else value for name, value in x.context.items()}) for x in letters]
    connection.execute(reading_sql.DEAD_LETTERS, (tenant_id, *texts, [x.raw for x in letters], [x.truncated for x in letters], contexts))


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

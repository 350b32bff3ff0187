"""Stored readings in the order in which rules evaluate them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from dashapp.domain.backtest import Track
from dashapp.domain.rules import Reading
from db.columns import driver, from_us, to_us


@dataclass(frozen=True, slots=True)
class Replayable:
    """A sensor's readings for a replay, and how many late ones were left out, as they were when they arrived."""

    track: Track
    late: int
    imported: int


# A reading is late where it was not newer, on arrival, than every one before it (flag 1). Those that are not late were each newer than
# all that had arrived: by time they are in the order of their arrival, which within a slice is the order of time.
_TRACK = (
    "select coalesce(array_agg(time) filter (where {taken}), '{{}}'), coalesce(array_agg(value) filter (where {taken}), '{{}}'),"
    " coalesce(array_agg(time) filter (where import_id is not null and {taken}), '{{}}'),"
    " count(*) filter (where flags & 1 = 1 and import_id is null)::int, count(*) filter (where import_id is not null)::int"
    " from (select time, value, flags, import_id from readings where sensor_id = %(sensor)s and time >= %(start)s and time < %(end)s"
    " order by time) as r"
)
_BEFORE = "select time, value from readings where sensor_id = :sensor and time < :start and ({taken}) order by time desc limit 1"
_LIVE, _ALL = "flags & 1 = 0", "(flags & 1 = 0 or import_id is not null)"


def stored_track(connection: Connection, sensor_id: int, start_us: int, end_us: int, *, with_imports: bool = False) -> Replayable:
    """The readings of start ≤ time < end in the order of their evaluation. Rules are not asked about imports while they come in, so
    that they only count here where `with_imports` says so.
    """
    taken = _ALL if with_imports else _LIVE
    with driver(connection).cursor(binary=True) as cursor:
        times: NDArray[np.int64]
        parameters = {"sensor": sensor_id, "start": from_us(start_us), "end": from_us(end_us)}
        row: Any = cursor.execute(_TRACK.format(taken=taken).encode(), parameters).fetchone()
        times, values, imports, late, imported = row
    found = connection.execute(text(_BEFORE.format(taken=taken)), {"sensor": sensor_id, "start": from_us(start_us)}).one_or_none()
    before = None if found is None else Reading(to_us(found.time), found.value)
    evaluated = None if with_imports or not len(imports) else ~np.isin(times, imports)
    return Replayable(Track(times, values, before, evaluated), late, imported)

"""Marks: what stretches of which machines' production are to be computed anew. Appended in the transaction that makes them necessary.

`db.commands.production` deletes them in the transaction that computes. Times are microseconds since 1970 UTC.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from db.columns import from_us, ids_array, run, times_array

FIRST_US = -2_208_988_800_000_000  # 1900: before anything that is stored
EVER_US = 4_102_444_800_000_000  # 2100: after it

_MARK = text(
    "insert into production_dirty (tenant_id, device_id, starts_at, ends_at)"
    " select d.tenant_id, d.id, :start, :end from devices d where d.is_machine"
    " and (cast(:ids as int[]) is null or d.id = any(:ids)) and (cast(:lines as text[]) is null or d.line = any(:lines))"
)
_MARK_SENSORS = """
insert into production_dirty (tenant_id, device_id, starts_at, ends_at)
select distinct d.tenant_id, d.id, u.low, u.high from unnest(%(ids)b, %(lows)b, %(highs)b) as u (id, low, high)
join sensors s on s.id = u.id and s.kind in ('increment', 'totalizer', 'flag')
join devices d on d.tenant_id = s.tenant_id and d.id = s.device_id and d.is_machine"""


def mark_production(
    connection: Connection, start_us: int = FIRST_US, end_us: int = EVER_US, *, device_ids: Sequence[int] | None = None,
    lines: Sequence[str] | None = None,
) -> None:  # fmt: skip
    """Machines (all, these, or those of lines) are to be computed anew in a range."""
    if start_us < end_us:
        connection.execute(
            _MARK,
            {
                "start": from_us(max(start_us, FIRST_US)), "end": from_us(min(end_us, EVER_US)),
                "ids": None if device_ids is None else list(device_ids), "lines": None if lines is None else list(lines),
            },
        )  # fmt: skip


def mark_readings(
    connection: Connection, sensor_ids: NDArray[Any], lows_us: NDArray[np.int64], highs_us: NDArray[np.int64]
) -> None:
    """The machines that count by these sensors are to be computed anew where rollups changed; columns of shape (n,)."""
    run(connection, _MARK_SENSORS, {"ids": ids_array(sensor_ids), "lows": times_array(lows_us), "highs": times_array(highs_us)})


def mark_counting(connection: Connection, sensor_ids: Sequence[int]) -> None:
    """The machines of these sensors are to be computed anew for all time, where they count or tell of faults: what a sensor is changes."""
    ids = connection.execute(
        text("select distinct device_id from sensors where id = any(:ids) and kind in ('increment', 'totalizer', 'flag')"),
        {"ids": list(sensor_ids)},
    )
    if device_ids := list(ids.scalars()):
        mark_production(connection, device_ids=device_ids)

"""Single readings by sensor and time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text


def stored_values(
    connection: Connection, sensor_ids: NDArray[np.int32], times_us: NDArray[np.int64]
) -> dict[tuple[int, int], float]:
    """(sensor id, microseconds since 1970 UTC) → value, of those that are stored. Both arrays of shape (n,)."""
    rows: Any = connection.execute(
        text(
            "select r.sensor_id, u.us, r.value from unnest(cast(:ids as int[]), cast(:times as bigint[])) as u (id, us)"
            " join readings r on r.sensor_id = u.id"
            " and r.time = timestamptz 'epoch' + u.us / 1000000 * interval '1 second' + u.us % 1000000 * interval '1 microsecond'"
        ),
        {"ids": sensor_ids.tolist(), "times": times_us.tolist()},
    )
    return {(row.sensor_id, row.us): row.value for row in rows}

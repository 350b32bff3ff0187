"""Several sensors on one even grid of times, for analyses: means of minutes or longer steps.

Every function runs inside of a tenant's transaction that is handed to it. Times are microseconds since 1970 UTC.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from db.columns import DAY_US, HOUR_US, MINUTE_US
from db.queries.series import step_means

Floats = NDArray[np.float64]


def grid(connection: Connection, sensor_ids: Sequence[int], start_us: int, end_us: int, step_us: int) -> Floats:
    """Means of each step from `start_us` on, shape (steps, sensors); NaN where a sensor said nothing.

    `step_us` is a whole number of minutes, `start_us` one of steps counted from 1970 UTC; a step that the end cuts is left out.
    Raises ValueError for another step or start.
    """
    if step_us <= 0 or step_us % MINUTE_US or start_us % step_us:
        raise ValueError("steps are whole minutes, and the grid begins on one")
    rows = max(0, (end_us - start_us) // step_us)
    found = np.full((rows, len(sensor_ids)), np.nan)
    if not rows:
        return found
    for column, sensor_id in enumerate(sensor_ids):
        time_us, mean = step_means(connection, sensor_id, start_us, start_us + rows * step_us, step_us)
        place = (time_us - start_us) // step_us
        inside = (place >= 0) & (place < rows)
        found[place[inside], column] = mean[inside]
    return found


def step_for(length_us: int, most: int) -> int:
    """The shortest of the usual steps that covers a length with at most so many rows."""
    usual = [n * MINUTE_US for n in (1, 2, 5, 10, 15, 30)] + [n * HOUR_US for n in (1, 2, 3, 4, 6, 12)] + [DAY_US]
    return next((step for step in usual if length_us <= most * step), DAY_US)

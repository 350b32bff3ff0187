"""Readings by instant: what all sensors of a device said at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text


@dataclass(slots=True)
class Measurement:
    """One instant of a device, microseconds since 1970 UTC; values by sensor id."""

    time_us: int
    received_us: int
    values: dict[int, float] = field(default_factory=dict)


def measurements(connection: Connection, sensor_ids: Sequence[int], limit: int) -> list[Measurement]:
    """The `limit` latest instants of these sensors, newest first."""
    # Each sensor's latest `limit` rows hold every row of the latest `limit` instants: an index scan a sensor, no sort of history.
    rows = connection.execute(
        text(
            "select r.sensor_id, r.value, (extract(epoch from r.time) * 1000000)::bigint as time_us,"
            " (extract(epoch from r.received_at) * 1000000)::bigint as received_us"
            " from unnest(cast(:ids as int[])) as s (id) cross join lateral"
            " (select * from readings where sensor_id = s.id order by time desc limit :limit) r order by r.time desc"
        ),
        {"ids": list(sensor_ids), "limit": limit},
    )
    found: dict[int, Measurement] = {}
    for row in rows:
        moment = found.get(row.time_us)
        if moment is None:
            if len(found) == limit:
                break
            moment = found[row.time_us] = Measurement(row.time_us, row.received_us)
        moment.values[row.sensor_id] = row.value
        moment.received_us = max(moment.received_us, row.received_us)
    return list(found.values())

"""Readings by instant: what all sensors of a device said at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from db.columns import from_us


@dataclass(slots=True)
class Measurement:
    """One instant of a device, microseconds since 1970 UTC; values by sensor id."""

    time_us: int
    received_us: int
    values: dict[int, float] = field(default_factory=dict)


def measurements_of(
    connection: Connection, groups: Mapping[str, Sequence[int]], limit: int, *, low_us: int | None = None, high_us: int | None = None
) -> list[tuple[str, Measurement]]:
    """The `limit` latest instants of several devices together, in low ≤ time < high, newest first; `groups` are their sensors by key."""
    # Each sensor's latest `limit` rows hold every row of the latest `limit` instants: an index scan a sensor, no sort of history.
    keys = list(groups)
    group_of = {sensor_id: number for number, ids in enumerate(groups.values()) for sensor_id in ids}
    most = max(map(len, groups.values()), default=0)  # rows that an instant may consist of
    rows = connection.execute(
        text(
            "select r.sensor_id, r.value, (extract(epoch from r.time) * 1000000)::bigint as time_us,"
            " (extract(epoch from r.received_at) * 1000000)::bigint as received_us"
            " from unnest(cast(:ids as int[]), cast(:groups as int[])) as s (id, part) cross join lateral"
            " (select * from readings where sensor_id = s.id and time >= coalesce(cast(:low as timestamptz), '-infinity')"
            " and time < coalesce(cast(:high as timestamptz), 'infinity')"
            " order by time desc limit :limit) r order by r.time desc, s.part limit :rows"
        ),
        {
            "ids": list(group_of), "groups": list(group_of.values()), "limit": limit, "rows": limit * max(most, 1),
            "low": None if low_us is None else from_us(low_us), "high": None if high_us is None else from_us(high_us),
        },
    )  # fmt: skip
    found: dict[tuple[str, int], Measurement] = {}
    for row in rows:
        name = keys[group_of[row.sensor_id]], row.time_us
        instant = found.get(name)
        if instant is None:
            if len(found) == limit:
                break
            instant = found[name] = Measurement(row.time_us, row.received_us)
        instant.values[row.sensor_id] = row.value
        instant.received_us = max(instant.received_us, row.received_us)
    return [(key, each) for (key, _), each in found.items()]

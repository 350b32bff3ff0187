"""What would go with a device or a sensor, counted before anybody says yes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from db.queries.spans import reading_spans

COUNTED = 100_000  # readings; beyond it they are added up from the rollups

_COUNT = text("""
select count(*) from (select 1 from unnest(cast(:ids as int[])) as s (id) cross join lateral
  (select 1 from readings r where r.sensor_id = s.id limit :most) r limit :most) counted""")
_ADDED_UP = text("""
select coalesce(sum(d.count), 0) from unnest(cast(:ids as int[])) as s (id)
cross join lateral (select time from readings r where r.sensor_id = s.id order by time limit 1) first
join rollup_day d on d.sensor_id = s.id and d.bucket >= date_trunc('day', first.time at time zone 'UTC') at time zone 'UTC'""")
_OTHERS = text("""
select (select count(*) from alerts where sensor_id = any(:ids) or device_id = :device) as alerts,
       (select count(*) from rules where sensor_id = any(:ids) or device_id = :device) as rules,
       (select count(*) from downtimes where device_id = :device and gone_at is null) as stops,
       (select count(*) from api_keys where device_id = :device and revoked_at is null) as keys""")


@dataclass(frozen=True, slots=True)
class Holdings:
    """What hangs on sensors (and on their device): `exact` where the readings were counted one by one. `span_us` (first, last) or None."""

    sensors: int
    readings: int
    exact: bool
    span_us: tuple[int, int] | None
    alerts: int
    rules: int
    stops: int
    keys: int


def holdings(connection: Connection, sensor_ids: Sequence[int], device_id: int | None = None) -> Holdings:
    """What the transaction's tenant would lose with these sensors, and with the device where one is named."""
    ids = list(sensor_ids)
    readings: int = connection.execute(_COUNT, {"ids": ids, "most": COUNTED + 1}).scalar_one()
    exact = readings <= COUNTED
    if not exact:
        readings = max(readings, int(connection.execute(_ADDED_UP, {"ids": ids}).scalar_one()))
    spans = list(reading_spans(connection, ids).values()) if ids else []
    span = (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None
    others = connection.execute(_OTHERS, {"ids": ids, "device": device_id}).one()
    return Holdings(len(ids), readings, exact, span, others.alerts, others.rules, others.stops, others.keys)

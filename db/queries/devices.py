"""What is asked about one device: whether it is there, and what happened to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from db.columns import from_us, to_us

_EVENTS = text("""
select * from (
  (select 'alert' as kind, severity as priority, message as words, raised_at as start, ended_at as ended, id as alert_id,
     ended_at is null and state in ('B', 'D', 'E') as unanswered
   from alerts where device_id = :device order by raised_at desc limit :limit)
  union all
  (select 'stop', 'high', coalesce(r.name, nullif(d.comment, ''), 'no reason given'), d.started_at, d.ended_at, null, false
   from downtimes d left join downtime_reasons r on r.tenant_id = d.tenant_id and r.id = d.reason_id
   where d.device_id = :device and d.gone_at is null order by d.started_at desc limit :limit)) found
order by start desc limit :limit""")


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """An alert or a stop; times in µs since 1970 UTC, `end_us` None while it lasts. `alert_id` is None of a stop; `unanswered`: nobody has
    acknowledged it."""

    kind: str
    priority: str
    words: str
    start_us: int
    end_us: int | None
    alert_id: int | None = None
    unanswered: bool = False


def device_events(connection: Connection, device_id: int, limit: int) -> list[DeviceEvent]:
    """The latest alerts and stops of a device of the transaction's tenant, newest first."""
    rows = connection.execute(_EVENTS, {"device": device_id, "limit": limit})
    return [
        DeviceEvent(
            row.kind, row.priority, row.words, to_us(row.start), None if row.ended is None else to_us(row.ended), row.alert_id,
            row.unanswered,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Happening(DeviceEvent):
    """An alert or a stop of one of several devices; `sensor_id` is None where it is about the device itself."""

    device_id: int = 0
    sensor_id: int | None = None


_BETWEEN = text("""
select * from (
  (select 'alert' as kind, severity as priority, message as words, raised_at as start, ended_at as ended, id as alert_id,
     ended_at is null and state in ('B', 'D', 'E') as unanswered, device_id, sensor_id
   from alerts where device_id = any(:devices) and raised_at < :until and coalesce(ended_at, 'infinity') > :since
   order by raised_at desc limit :limit)
  union all
  (select 'stop', 'high', coalesce(r.name, nullif(d.comment, ''), 'no reason given'), d.started_at, d.ended_at, null, false,
     d.device_id, null
   from downtimes d left join downtime_reasons r on r.tenant_id = d.tenant_id and r.id = d.reason_id
   where d.device_id = any(:devices) and d.started_at < :until and coalesce(d.ended_at, 'infinity') > :since
   order by d.started_at desc limit :limit)) found
order by start desc limit :limit""")


def happenings(connection: Connection, device_ids: Sequence[int], start_us: int, end_us: int, limit: int) -> list[Happening]:
    """Alerts and stops of devices that reach into a range, newest first."""
    parameters = {"devices": list(device_ids), "since": from_us(start_us), "until": from_us(end_us), "limit": limit}
    return [
        Happening(
            row.kind, row.priority, row.words, to_us(row.start), None if row.ended is None else to_us(row.ended), row.alert_id,
            row.unanswered, row.device_id, row.sensor_id,
        )
        for row in connection.execute(_BETWEEN, parameters)
    ]


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A key that is bound to one device; times in µs since 1970 UTC, `revoked_us` None while it works."""

    id: int
    name: str
    hint: str
    created_us: int
    revoked_us: int | None


def device_keys(connection: Connection, device_id: int) -> list[DeviceKey]:
    """The keys of a device of the transaction's tenant, those in use first, then the newest first."""
    rows = connection.execute(
        text(
            "select id, name, hint, created_at, revoked_at from api_keys where device_id = :device"
            " order by revoked_at is not null, created_at desc, id desc"
        ),
        {"device": device_id},
    )
    return [
        DeviceKey(row.id, row.name, row.hint, to_us(row.created_at), None if row.revoked_at is None else to_us(row.revoked_at))
        for row in rows
    ]


def has_device(connection: Connection, key: str) -> bool:
    """Whether the transaction's tenant has a device of this key."""
    return connection.execute(text("select 1 from devices where key = :key"), {"key": key}).first() is not None

"""What is asked about one device: whether it is there, and what happened to it."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from db.columns import to_us

_EVENTS = text("""
select * from (
  (select 'alert' as kind, severity as priority, message as words, raised_at as start, ended_at as ended
   from alerts where device_id = :device order by raised_at desc limit :limit)
  union all
  (select 'stop', 'high', coalesce(r.name, nullif(d.comment, ''), 'no reason given'), d.started_at, d.ended_at
   from downtimes d left join downtime_reasons r on r.tenant_id = d.tenant_id and r.id = d.reason_id
   where d.device_id = :device order by d.started_at desc limit :limit)) found
order by start desc limit :limit""")


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """An alert or a stop; times in µs since 1970 UTC, `end_us` None while it lasts."""

    kind: str
    priority: str
    words: str
    start_us: int
    end_us: int | None


def device_events(connection: Connection, device_id: int, limit: int) -> list[DeviceEvent]:
    """The latest alerts and stops of a device of the transaction's tenant, newest first."""
    rows = connection.execute(_EVENTS, {"device": device_id, "limit": limit})
    return [
        DeviceEvent(
            row.kind, row.priority, row.words, to_us(row.start), None if row.ended is None else to_us(row.ended)
        )
        for row in rows
    ]


def has_device(connection: Connection, key: str) -> bool:
    """Whether the transaction's tenant has a device of this key."""
    return connection.execute(text("select 1 from devices where key = :key"), {"key": key}).first() is not None

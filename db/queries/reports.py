"""Reports and what they are made of beside production and alarms. Inside a tenant's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from db.columns import HOUR_US, from_us, to_us

_DEFINITIONS = text("""
select d.id, d.name, d.kind, d.line, d.channel_id, c.name as channel, c.enabled as channel_enabled, d.recipients, d.after_min, d.enabled,
       d.since, (select max(r.ends_at) from reports r where r.definition_id = d.id and r.kind <> 'test') as last_end
from report_definitions d left join channels c on c.id = d.channel_id order by lower(d.name)""")
_LIST = text("""
select r.id, r.definition_id, r.name, r.kind, r.line, r.title, r.starts_at, r.ends_at, r.made_at, r.recipients, n.sent, n.failed,
       n.waiting, n.error
from reports r left join lateral (
  select count(*) filter (where n.state = 'sent') as sent, count(*) filter (where n.state in ('failed', 'dropped')) as failed,
         count(*) filter (where n.state in ('queued', 'sending')) as waiting, max(n.error) as error
  from notifications n where n.report_id = r.id) n on true
where (cast(:before as bigint) is null or r.id < :before) and (cast(:definition as int) is null or r.definition_id = :definition)
order by r.id desc limit :limit""")
_OPEN = text("""
select a.severity, a.message, d.key as device, a.raised_at, a.state in ('C', 'F') as acknowledged
from alerts a join devices d on d.id = a.device_id
where a.raised_at < :end and (a.ended_at is null or a.ended_at >= :end) and (cast(:lines as text[]) is null or d.line = any(:lines))
order by array_position(array['critical', 'high', 'medium', 'low'], a.severity), a.raised_at limit :limit""")
_SILENT = text("""
select d.key as device, s.name as sensor, (:hours - count(r.bucket))::int as silent_hours, st.time as last_at
from sensors s join devices d on d.id = s.device_id left join sensor_state st on st.sensor_id = s.id
left join rollup_hour r on r.sensor_id = s.id and r.bucket >= :start and r.bucket < :end and r.count > 0
where (cast(:lines as text[]) is null or d.line = any(:lines)) and s.created_at < :end
group by s.id, d.key, s.name, st.time""")


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that was open at the end of the period."""

    severity: str
    message: str
    device: str
    raised_us: int
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """A sensor, and in how many hours of the period it said nothing."""

    device: str
    sensor: str
    hours: int
    last_us: int | None


def report_definitions(connection: Connection) -> list[Any]:
    """Every definition with its channel and the end of what it last reported, by name."""
    return list(connection.execute(_DEFINITIONS))


def report_list(connection: Connection, *, before: int | None = None, definition: int | None = None, limit: int = 50) -> list[Any]:
    """What was made, the newest first, with what became of its mails."""
    return list(connection.execute(_LIST, {"before": before, "definition": definition, "limit": limit}))


def one_report(connection: Connection, report_id: int) -> Any | None:
    """A report whole, with its files; None where there is none."""
    return connection.execute(text("select * from reports where id = :id"), {"id": report_id}).one_or_none()


def open_alerts_at(connection: Connection, end_us: int, *, lines: Sequence[str] | None = None, limit: int = 200) -> list[OpenAlert]:
    """What was still open when the period ended, the worst first."""
    values = {"end": from_us(end_us), "lines": None if lines is None else list(lines), "limit": limit}
    rows = connection.execute(_OPEN, values)
    return [OpenAlert(row.severity, row.message, row.device, to_us(row.raised_at), row.acknowledged) for row in rows]


def silent_sensors(connection: Connection, start_us: int, end_us: int, *, lines: Sequence[str] | None = None) -> tuple[list[Silence], int]:
    """(sensors with hours without a reading, the worst first; how many hours there are). By the sums of whole hours."""
    low, high = -(-start_us // HOUR_US) * HOUR_US, end_us // HOUR_US * HOUR_US
    hours = max(0, (high - low) // HOUR_US)
    values = {"start": from_us(low), "end": from_us(high), "hours": hours, "lines": None if lines is None else list(lines)}
    found = [
        Silence(row.device, row.sensor, row.silent_hours, None if row.last_at is None else to_us(row.last_at))
        for row in connection.execute(_SILENT, values)
    ]
    return sorted(found, key=lambda one: (-one.hours, one.device, one.sensor)), hours


def tenants_with_reports(connection: Connection) -> list[int]:
    """Plants that have a report that is switched on; outside of any tenant."""
    return list(connection.execute(text("select * from andon_tenants_with_reports()")).scalars())


def reported_starts(connection: Connection, definition_id: int, since: datetime) -> set[int]:
    """The starts of periods that ended after `since` and are reported, in microseconds since 1970."""
    rows = connection.execute(
        text("select starts_at from reports where definition_id = :id and kind <> 'test' and ends_at > :since"),
        {"id": definition_id, "since": since},
    ).scalars()
    return {to_us(one) for one in rows}

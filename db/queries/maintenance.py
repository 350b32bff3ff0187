"""Reads of planned maintenance."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window: what it holds (a device, a group, a line, or the whole plant), when, why, and whether it is on or over."""

    id: int
    device_id: int | None
    device_name: str | None
    group_id: int | None
    group_name: str | None
    line: str | None
    starts_at: datetime
    ends_at: datetime
    reason: str
    by: str
    began_at: datetime | None
    ended_at: datetime | None


def maintenance_windows(connection: Connection, low: datetime, high: datetime) -> list[WindowRow]:
    """Windows that overlap low … high, in the order in which they begin."""
    rows = connection.execute(
        text(
            "select w.id, w.device_id, d.name as device_name, w.group_id, g.name as group_name, w.line, w.starts_at, w.ends_at, w.reason,"
            " coalesce((select u.name from users u where w.by = 'user:' || u.id), w.by) as by, w.began_at, w.ended_at"
            " from maintenance_windows w left join devices d on d.id = w.device_id left join device_groups g on g.id = w.group_id"
            " where w.starts_at < :high and coalesce(w.ended_at, w.ends_at) > :low order by w.starts_at, w.id"
        ),
        {"low": low, "high": high},
    )
    return [WindowRow(*row) for row in rows]

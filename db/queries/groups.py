"""Reads of groups of devices, inside a tenant's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with the keys of its devices."""

    id: int
    name: str
    devices: tuple[str, ...]


def groups(connection: Connection, *, lines: Sequence[str] | None = None) -> list[GroupRow]:
    """The tenant's groups by name; of their devices those on these lines (None: every line)."""
    rows = connection.execute(
        text(
            "select g.id, g.name, coalesce(array_agg(d.key order by d.key) filter (where d.key is not null), '{}') as devices"
            " from device_groups g left join device_group_members m on m.group_id = g.id left join devices d on d.id = m.device_id"
            " and (cast(:lines as text[]) is null or d.line = any(:lines)) group by g.id, g.name order by g.name, g.id"
        ),
        {"lines": None if lines is None else list(lines)},
    )
    return [GroupRow(row.id, row.name, tuple(row.devices)) for row in rows]


def users_of(connection: Connection, group_id: int) -> str:
    """What goes by a group, in words; "" where nothing does."""
    found = connection.execute(
        text(
            "select coalesce((select 'the rule “' || name || '”' from rules where group_id = :id and removed_at is null limit 1),"
            " (select 'the maintenance “' || reason || '”' from maintenance_windows where group_id = :id and ended_at is null limit 1), '')"
        ),
        {"id": group_id},
    ).scalar_one()
    return str(found)

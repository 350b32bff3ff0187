"""Writes of groups of devices, inside a tenant's transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from db.commands.people import TENANT


def count_groups(connection: Connection) -> int:
    """How many there are."""
    return int(connection.execute(text("select count(*) from device_groups")).scalar_one())


def lock_group(connection: Connection, group_id: int) -> None:
    """Holds a group until the transaction ends."""
    connection.execute(text("select 1 from device_groups where id = :id for update"), {"id": group_id})


def insert_group(connection: Connection, name: str) -> int | None:
    """The new group's id; None where the name is taken."""
    made: int | None = connection.execute(
        text(f"insert into device_groups (tenant_id, name) values ({TENANT}, :name) on conflict (tenant_id, name) do nothing returning id"),
        {"name": name},
    ).scalar_one_or_none()
    return made


def rename_group(connection: Connection, group_id: int, name: str) -> bool:
    """Gives it a name; False where another group has it."""
    renamed = connection.execute(
        text(
            "update device_groups set name = :name where id = :id"
            " and not exists (select 1 from device_groups g where g.name = :name and g.id <> :id)"
        ),
        {"id": group_id, "name": name},
    )
    return renamed.rowcount == 1


def replace_members(connection: Connection, group_id: int, keys: Sequence[str]) -> list[str]:
    """Puts these devices in the group and no others; the keys that no device has, and then nothing should be committed."""
    rows = connection.execute(text("select key, id from devices where key = any(:keys)"), {"keys": list(keys)})
    known = {row.key: row.id for row in rows}
    connection.execute(text("delete from device_group_members where group_id = :id"), {"id": group_id})
    connection.execute(
        text(
            "insert into device_group_members (tenant_id, group_id, device_id)"
            f" select {TENANT}, :id, d from unnest(cast(:devices as int[])) as d"
        ),
        {"id": group_id, "devices": list(known.values())},
    )
    return [key for key in keys if key not in known]


def delete_group(connection: Connection, group_id: int) -> None:
    """Removes it."""
    connection.execute(text("delete from device_groups where id = :id"), {"id": group_id})

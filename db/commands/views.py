"""Writes of saved views, inside the transaction of the tenant that keeps them."""

from sqlalchemy import Connection, text

from db.commands.people import TENANT


def insert_view(connection: Connection, user_id: int | None, plant_id: int, name: str, path: str, made_by: str) -> int | None:
    """The new view's id; None where the name is taken. Without `user_id` it is the whole plant's."""
    made: int | None = connection.execute(
        text(
            "insert into saved_views (tenant_id, user_id, plant_id, name, path, made_by)"
            f" values ({TENANT}, :user, :plant, :name, :path, :by)"
            " on conflict (tenant_id, coalesce(user_id, 0), plant_id, lower(name)) do nothing returning id"
        ),
        {"user": user_id, "plant": plant_id, "name": name, "path": path, "by": made_by},
    ).scalar_one_or_none()
    return made


def rename_view(connection: Connection, view_id: int, name: str) -> bool:
    """Whether it has the name now; False where another view has it."""
    renamed = connection.execute(
        text(
            "update saved_views v set name = :name where id = :id and not exists (select 1 from saved_views o where o.id <> v.id"
            " and coalesce(o.user_id, 0) = coalesce(v.user_id, 0) and o.plant_id = v.plant_id and lower(o.name) = lower(:name))"
        ),
        {"id": view_id, "name": name},
    )
    return renamed.rowcount == 1


def delete_view(connection: Connection, view_id: int) -> None:
    """Removes it."""
    connection.execute(text("delete from saved_views where id = :id"), {"id": view_id})

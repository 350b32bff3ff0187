"""Reads of saved views, inside the transaction of the tenant that keeps them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class SavedView:
    """An address under a name. `user_id` None: of the whole plant; `tenant_id` is the tenant that keeps it."""

    tenant_id: int
    id: int
    user_id: int | None
    plant_id: int
    name: str
    path: str
    made_by: str
    created_at: datetime

    @property
    def is_shared(self) -> bool:
        """Whether everybody of the plant has it."""
        return self.user_id is None


VIEW = "tenant_id, id, user_id, plant_id, name, path, made_by, created_at"


def own_views(connection: Connection, user_id: int, plant_id: int) -> list[SavedView]:
    """What somebody saved of a plant, by name; in the tenant of their account."""
    rows = connection.execute(
        text(f"select {VIEW} from saved_views where user_id = :user and plant_id = :plant order by lower(name), id"),
        {"user": user_id, "plant": plant_id},
    )
    return [SavedView(**row._mapping) for row in rows]


def plant_views(connection: Connection) -> list[SavedView]:
    """What is shared with the whole plant, by name."""
    rows = connection.execute(text(f"select {VIEW} from saved_views where user_id is null order by lower(name), id"))
    return [SavedView(**row._mapping) for row in rows]


def view(connection: Connection, view_id: int) -> SavedView | None:
    """One of the tenant's."""
    row = connection.execute(text(f"select {VIEW} from saved_views where id = :id"), {"id": view_id}).one_or_none()
    return None if row is None else SavedView(**row._mapping)

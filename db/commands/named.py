"""Rows of a tenant that go by a name which no other row of their table has, in small or capital letters."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

Values = Mapping[str, Any]


def insert_named(connection: Connection, table: str, values: Values) -> int | None:
    """The new row's id; None where the name is taken. `values` by column; dictionaries are stored as JSON."""
    made: int | None = connection.execute(
        text(
            f"insert into {table} (tenant_id, {', '.join(values)})"
            f" values (current_setting('andon.tenant')::int, {', '.join(_slot(*each) for each in values.items())})"
            " on conflict (tenant_id, lower(name)) do nothing returning id"
        ),
        _stored(values),
    ).scalar_one_or_none()
    return made


def update_named(connection: Connection, table: str, row_id: int, values: Values, *also: str) -> bool:
    """Changes a row; `also` are assignments in SQL. False where another one has the name."""
    if name_taken(connection, table, str(values["name"]), row_id):
        return False
    changes = [f"{name} = {_slot(name, value)}" for name, value in values.items()]
    connection.execute(text(f"update {table} set {', '.join([*changes, *also])} where id = :id"), {**_stored(values), "id": row_id})
    return True


def name_taken(connection: Connection, table: str, name: str, except_id: int) -> bool:
    """Whether another row of the table has the name."""
    found = connection.execute(
        text(f"select 1 from {table} where lower(name) = lower(:name) and id <> :id"), {"name": name, "id": except_id}
    ).first()
    return found is not None


def _slot(name: str, value: Any) -> str:
    return f"cast(:{name} as jsonb)" if isinstance(value, dict) else f":{name}"


def _stored(values: Values) -> dict[str, Any]:
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in values.items()}

"""Writes of shift calendars, inside a tenant's transaction."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from dashapp.domain.shifts import parse_calendar

INSERT = text(
    "insert into shift_calendars (tenant_id, line, name, zone, pattern, valid_from, valid_to)"
    " values (current_setting('andon.tenant')::int, :line, :name, :zone, cast(:pattern as jsonb), :valid_from, :valid_to) returning id"
)


def insert_shift_calendar(
    connection: Connection,
    name: str,
    zone: str,
    pattern: Mapping[str, Any],
    valid_from: date,
    valid_to: date | None = None,
    *,
    line: str = "",
) -> int:
    """The new calendar's id. `pattern` as `dashapp.domain.shifts.parse_calendar` has it; raises its `PatternError`."""
    parse_calendar(line, name, zone, pattern, valid_from, valid_to)
    values = {
        "line": line, "name": name, "zone": zone, "pattern": json.dumps(pattern), "valid_from": valid_from, "valid_to": valid_to,
    }  # fmt: skip
    made: int = connection.execute(INSERT, values).scalar_one()
    return made


def update_shift_calendar(
    connection: Connection, calendar_id: int, name: str, zone: str, pattern: Mapping[str, Any], valid_from: date,
    valid_to: date | None = None, *, line: str = "",
) -> None:  # fmt: skip
    """Sets everything of a calendar; raises `PatternError` as `insert_shift_calendar`."""
    parse_calendar(line, name, zone, pattern, valid_from, valid_to)
    connection.execute(
        text(
            "update shift_calendars set line = :line, name = :name, zone = :zone, pattern = cast(:pattern as jsonb),"
            " valid_from = :valid_from, valid_to = :valid_to where id = :id"
        ),
        {
            "id": calendar_id, "line": line, "name": name, "zone": zone, "pattern": json.dumps(pattern), "valid_from": valid_from,
            "valid_to": valid_to,
        },
    )  # fmt: skip


def delete_shift_calendar(connection: Connection, calendar_id: int) -> bool:
    """Whether there was one of this id."""
    return connection.execute(text("delete from shift_calendars where id = :id"), {"id": calendar_id}).rowcount == 1

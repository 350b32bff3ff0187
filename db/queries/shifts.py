"""Reads of shift calendars, inside a tenant's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from dashapp.domain.shifts import ShiftCalendar, of_line, parse_calendar


def shift_calendars(connection: Connection, line: str | None = None) -> list[ShiftCalendar]:
    """The plant's shift calendars, oldest first; with `line` those that hold for that line: its own, else the whole plant's.

    Raises `PatternError` for a row that was not written by `db.commands.shifts`.
    """
    calendars = [row.calendar for row in calendar_rows(connection)]
    return calendars if line is None else of_line(calendars, line)


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """A calendar as it is stored: `pattern` is what was written, for a form that changes it."""

    id: int
    calendar: ShiftCalendar
    pattern: Mapping[str, Any]


def calendar_rows(connection: Connection) -> list[CalendarRow]:
    """Every calendar, oldest first. Raises `PatternError` as `shift_calendars`."""
    rows = connection.execute(
        text("select id, line, name, zone, pattern, valid_from, valid_to from shift_calendars order by valid_from, id")
    )
    return [
        CalendarRow(row.id, parse_calendar(row.line, row.name, row.zone, row.pattern, row.valid_from, row.valid_to), row.pattern)
        for row in rows
    ]

"""What someone can do with shift calendars: make, change, remove one. Managers and above. What they plan is counted anew, past as well."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from dashapp.domain.shifts import PatternError, ShiftCalendar, day_us, parse_calendar
from db.columns import DAY_US
from db.commands import audit
from db.commands import shifts as commands
from db.commands.production_marks import EVER_US, mark_production
from db.engine import Database
from db.queries.shifts import CalendarRow, calendar_rows
from db.tenancy import tenant_transaction


@dataclass(frozen=True, slots=True)
class CalendarDraft:
    """A calendar as somebody wants it; `pattern` as `dashapp.domain.shifts.parse_calendar` has it. `line` "": the whole plant."""

    line: str
    name: str
    zone: str
    pattern: Mapping[str, Any]
    valid_from: date
    valid_to: date | None = None


def create_calendar(database: Database, actor: Actor, draft: CalendarDraft) -> int:
    """The new calendar's id. Raises ActionError that names the field which is wrong."""
    require(actor, Role.MANAGER)
    wanted = _checked(actor, draft)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        made = commands.insert_shift_calendar(
            connection, wanted.name, draft.zone, draft.pattern, draft.valid_from, draft.valid_to, line=draft.line
        )
        _mark(connection, wanted)
        audit.record(connection, actor, "create_calendar", wanted.name, {"id": made, **_detail(draft)})
    return made


def change_calendar(database: Database, actor: Actor, calendar_id: int, draft: CalendarDraft) -> None:
    """Sets everything of it. For a change from a day on end it there and make another one that begins then."""
    require(actor, Role.MANAGER)
    wanted = _checked(actor, draft)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, actor, calendar_id)
        commands.update_shift_calendar(
            connection, calendar_id, wanted.name, draft.zone, draft.pattern, draft.valid_from, draft.valid_to, line=draft.line
        )
        _mark(connection, before.calendar)
        _mark(connection, wanted)
        audit.record(connection, actor, "change_calendar", wanted.name, {"id": calendar_id, **_detail(draft)})


def remove_calendar(database: Database, actor: Actor, calendar_id: int) -> None:
    """Takes it away: what it planned is not planned any more, in the past as well."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, actor, calendar_id)
        commands.delete_shift_calendar(connection, calendar_id)
        _mark(connection, before.calendar)
        audit.record(connection, actor, "remove_calendar", before.calendar.name, {"id": calendar_id})


def _mark(connection: Connection, calendar: ShiftCalendar) -> None:
    """Whoever works by it. A line's first calendar takes the plant's place for all time, and its last one gives it back."""
    if calendar.line:
        mark_production(connection, lines=[calendar.line])
        return
    low_us = day_us(calendar.zone, calendar.valid_from)[0] - DAY_US
    high_us = EVER_US if calendar.valid_to is None else day_us(calendar.zone, calendar.valid_to)[1] + 2 * DAY_US
    mark_production(connection, low_us, high_us)


def _there(connection: Connection, actor: Actor, calendar_id: int) -> CalendarRow:
    found = next((row for row in calendar_rows(connection) if row.id == calendar_id), None)
    if found is None or (actor.lines is not None and found.calendar.line not in actor.lines):
        raise ActionError("calendar", "there is no such calendar", status=404)
    return found


def _checked(actor: Actor, draft: CalendarDraft) -> ShiftCalendar:
    name = audit.clean(draft.name).strip()
    if not 1 <= len(name) <= 100:
        raise ActionError("name", "1 to 100 characters are expected")
    if actor.lines is not None and draft.line not in actor.lines:
        raise ActionError("line", "you may plan your own lines only", status=403)
    try:
        return parse_calendar(draft.line, name, draft.zone, draft.pattern, draft.valid_from, draft.valid_to)
    except PatternError as error:
        raise ActionError(error.field, error.reason) from error


def _detail(draft: CalendarDraft) -> dict[str, Any]:
    return {
        "line": draft.line, "zone": draft.zone, "pattern": dict(draft.pattern), "valid_from": str(draft.valid_from),
        "valid_to": None if draft.valid_to is None else str(draft.valid_to),
    }  # fmt: skip


"""Shift calendars `/production/shifts`: shifts, breaks and exceptions of each line, by the clock of a zone; the next two weeks (PR-3)."""

import time
from datetime import UTC, datetime
from typing import Any

import dash
from dash import Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component

from dashapp.actions import calendars as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.domain.shifts import PatternError, of_line, parse_calendar
from dashapp.ui import forms, shell
from dashapp.ui.context import actor, catalogue, services, visible_devices
from dashapp.ui.device.data import plant_reading
from dashapp.ui.production import calendar_parts as parts
from dashapp.ui.production.calendar_parts import PATH
from dashapp.ui.production.parts import production_tabs
from db.queries.shifts import CalendarRow, calendar_rows

dash.register_page(
    __name__,
    path=PATH,
    name="Shifts",
    title="Shift calendars" + shell.SUFFIX,
    order=34,
    nav=False,
    findable=True,
    role=Role.VIEWER,
    within="/production",
)


def layout(calendar: str = "", **_query: Any) -> Component:
    """`?calendar=` is the one that is changed, or `new`."""
    who, lines = actor(), sorted({device.line for device in visible_devices() if device.line})
    rows = _rows()
    chosen = next((row for row in rows if str(row.id) == calendar), None)
    form = None
    if who.role.includes(Role.MANAGER) and (chosen or calendar == "new"):
        own = who.lines is None
        known = sorted({*lines, *(row.calendar.line for row in rows if row.calendar.line)}) if own else lines
        form = parts.calendar_form(chosen, known, catalogue().zone, datetime.now(UTC).date(), whole_plant=own)
    now_us = time.time_ns() // 1000
    places = [chosen.calendar.line] if chosen else sorted({row.calendar.line for row in rows})
    previews = [parts.preview_card(of_line([row.calendar for row in rows], line), line or "the whole plant", now_us) for line in places]
    return html.Div(
        [
            production_tabs(PATH),
            form,
            html.Div(id="calendar-preview", className="stack"),
            parts.calendars_card(rows, may_change=who.role.includes(Role.MANAGER)),
            html.Div(previews, className="halves"),
            dcc.Store(id="calendar-held", data=chosen.id if chosen else None),
        ],
        className="stack",
    )


def _rows() -> list[CalendarRow]:
    lines = actor().lines
    with plant_reading() as connection:
        return [row for row in calendar_rows(connection) if lines is None or not row.calendar.line or row.calendar.line in lines]


@callback(
    Output("calendar-form", "errors"),
    Output("calendar-preview", "children"),
    Output("_pages_location", "href", allow_duplicate=True),
    Input("calendar-form", "submitted"),
    State("calendar-held", "data"),
    prevent_initial_call=True,
    running=forms.busy("calendar-form"),
)
def save(submitted: dict[str, Any] | None, calendar_id: int | None) -> Any:
    """Saves it and goes back to the list; shows what it comes to; or removes it."""
    values, running, who = forms.sent(submitted), services().database, actor()
    button = (submitted or {}).get("button")
    try:
        if button == "remove" and calendar_id is not None:
            actions.remove_calendar(running, who, calendar_id)
            return {}, None, PATH
        stored = next((row.pattern for row in _rows() if row.id == calendar_id), None)
        draft = parts.draft_of(values, stored)
        if button == "preview":
            made = parse_calendar(draft.line, draft.name, draft.zone, draft.pattern, draft.valid_from, draft.valid_to)
            return {}, parts.preview_card([made], f"{draft.name or 'this calendar'}, not saved", time.time_ns() // 1000), no_update
        if calendar_id is None:
            actions.create_calendar(running, who, draft)
        else:
            actions.change_calendar(running, who, calendar_id, draft)
    except PatternError as error:
        return forms.errors_of(ActionError(error.field, error.reason)), no_update, no_update
    except ActionError as error:
        return forms.errors_of(error), no_update, no_update
    return {}, None, PATH

"""Shift calendars as a list, as a form, and as the next two weeks."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from dash import html
from dash.development.base_component import Component

from dashapp.actions.actor import ActionError
from dashapp.actions.calendars import CalendarDraft
from dashapp.domain.shifts import DAY_US, MOST_SHIFTS, Shift, ShiftCalendar, shifts_between
from dashapp.ui import forms
from dashapp.ui.components import card, empty_state
from dashapp.ui.device.view import MONTHS, stamp
from dashapp.ui.forms import Field, Form
from dashapp.ui.production.parts import inside, table
from dashapp.ui.production.scope import PRODUCTION
from dashapp.ui.production.words import option, span_words
from db.queries.shifts import CalendarRow

PATH = f"{PRODUCTION}/shifts"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SPARE = 2  # empty rows behind those that are filled in
LEAST_ROWS = 3
PREVIEW_DAYS = 14
KINDS = (("closed", "No shifts"), ("instead", "This shift instead"), ("extra", "This shift besides"))
_SPAN = re.compile(r"\s*(\d?\d:\d\d)\s*(?:-|–|—|to)\s*(\d?\d:\d\d)\s*")


# ---- Weekdays and breaks as people write them


def days_words(days: Sequence[int]) -> str:
    """[1, 2, 3, 4, 5, 7] → `Mon–Fri, Sun`."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(WEEKDAYS[run[0] - 1] if len(run) == 1 else f"{WEEKDAYS[run[0] - 1]}–{WEEKDAYS[run[-1] - 1]}" for run in runs)


def days_of(text: str, field: str) -> list[int]:
    """`Mon–Fri, Sun`, `every day`, `weekdays` → [1, 2, …]. Raises ActionError."""
    plain = text.strip().casefold()
    if plain in ("every day", "daily", "all"):
        return list(range(1, 8))
    if plain in ("weekdays", "working days"):
        return list(range(1, 6))
    found: set[int] = set()
    for part in filter(None, (one.strip() for one in plain.split(","))):
        ends = [_weekday(one, field) for one in re.split(r"\s*(?:-|–|—|to)\s*", part)]
        if len(ends) > 2:
            raise ActionError(field, "write weekdays like Mon–Fri, Sun")
        low, high = ends[0], ends[-1]
        found |= set(range(low, high + 1)) if low <= high else {*range(low, 8), *range(1, high + 1)}
    return sorted(found)


def _weekday(text: str, field: str) -> int:
    number = next(
        (at for at, name in enumerate(WEEKDAYS, 1) if len(text) >= 2 and text[:3].startswith(name.casefold()[: len(text[:3])])), None
    )
    if number is None:
        raise ActionError(field, "write weekdays like Mon–Fri, Sun")
    return number


def breaks_of(text: str, field: str) -> list[list[str]]:
    """`09:00–09:15, 12:00–12:30` → [["09:00", "09:15"], …]. Raises ActionError."""
    found = []
    for part in filter(str.strip, text.split(",")):
        pair = _SPAN.fullmatch(part)
        if pair is None:
            raise ActionError(field, "write breaks like 09:00–09:15, 12:00–12:30")
        found.append([each.rjust(5, "0") for each in pair.groups()])
    return found


def breaks_words(breaks: Sequence[Sequence[str]]) -> str:
    """As `breaks_of` reads it."""
    return ", ".join(f"{low}–{high}" for low, high in breaks)


# ---- The list


def calendars_card(rows: Sequence[CalendarRow], *, may_change: bool) -> Component:
    """Every calendar: whose, which shifts, by which clock, from when on."""
    listed: list[Any] = []
    for row in rows:
        one = row.calendar
        until = f" to {one.valid_to}" if one.valid_to else ""
        words = "; ".join(
            f"{shift['name']} {shift['start']}–{shift['end']} {days_words(shift['days'])}" for shift in row.pattern.get("shifts", [])
        )
        name: Any = {"text": one.name, "href": f"{PATH}?calendar={row.id}"} if may_change else one.name
        closed = len(one.exceptions)
        listed.append(
            [
                name,
                one.line or "whole plant",
                words or "no shifts",
                one.zone,
                f"from {one.valid_from}{until}",
                f"{closed} day{'' if closed == 1 else 's'}" if closed else "–",
            ]
        )
    add = inside("Add a calendar", f"{PATH}?calendar=new", "btn tiny") if may_change else None
    if not listed:
        text = "Without a calendar no time is planned, and there is no OEE. Say when each line works; what lies outside is no downtime."
        return card("Shift calendars", empty_state("No shifts yet", text, add))
    columns = ["Calendar", "Line", "Shifts", "Time zone", "Holds", "Exceptions"]
    return card("Shift calendars", table("Shift calendars", columns, listed), aside=add)


# ---- The form


def calendar_form(row: CalendarRow | None, lines: Sequence[str], zone: str, today: date, *, whole_plant: bool) -> Component:
    """A calendar as it is stored, with rows to spare; or a new one."""
    pattern: Mapping[str, Any] = (
        row.pattern if row else {"shifts": [{"name": "Early", "days": [1, 2, 3, 4, 5], "start": "06:00", "end": "14:00"}]}
    )
    calendar = row.calendar if row else None
    places: Any = [*([option("", "The whole plant")] if whole_plant else []), *(option(line, line) for line in lines)]
    shifts = list(pattern.get("shifts", []))
    exceptions = list(pattern.get("exceptions", []))
    count = min(MOST_SHIFTS, max(len(shifts) + SPARE, LEAST_ROWS))
    buttons = [forms.submit("Save"), forms.submit("Preview", value="preview", quiet=True), inside("Cancel", PATH, "btn plain")]
    if row is not None:
        buttons.append(forms.submit("Remove", value="remove", danger=True))
    return card(
        f"Change {calendar.name}" if calendar else "Add a calendar",
        Form(
            [
                html.Div(
                    [
                        Field(
                            "name", "Name", value=calendar.name if calendar else "", required=True, max_length=100, placeholder="Two shifts"
                        ),
                        Field(
                            "line",
                            "Holds for",
                            kind="select",
                            options=places,
                            value=calendar.line if calendar else places[0]["value"] if places else "",
                        ),
                        Field(
                            "zone",
                            "Time zone",
                            value=calendar.zone if calendar else zone,
                            required=True,
                            suggestions=sorted(available_timezones()),
                        ),
                        Field("valid_from", "From", kind="date", value=str(calendar.valid_from if calendar else today), required=True),
                        Field(
                            "valid_to",
                            "To",
                            kind="date",
                            value=str(calendar.valid_to) if calendar and calendar.valid_to else "",
                            hint="Empty: until further notice.",
                        ),
                    ],
                    className="fields",
                ),
                html.H3("Shifts of a usual week"),
                html.P(
                    "A shift that ends before it begins ends on the next day. Leave a row's name empty to leave it out.",
                    className="small muted",
                ),
                html.Div([_shift_row(at, shifts[at] if at < len(shifts) else {}) for at in range(count)], className="shift-rows"),
                html.H3("Days that are not usual"),
                html.Div(
                    [_exception_row(at, exceptions[at] if at < len(exceptions) else {}) for at in range(len(exceptions) + SPARE)],
                    className="shift-rows",
                ),
                html.Div(buttons, className="actions"),
            ],
            id="calendar-form",
            label="Shift calendar",
            className="form",
        ),
    )


def _shift_row(at: int, shift: Mapping[str, Any]) -> Component:
    number = at + 1
    return html.Fieldset(
        [
            html.Legend(f"Shift {number}", className="sr-only"),
            Field(f"shift-{at}-name", "Shift", value=shift.get("name", ""), max_length=60),
            Field(f"shift-{at}-days", "Days", value=days_words(shift.get("days", [])) if shift else "", placeholder="Mon–Fri"),
            Field(f"shift-{at}-start", "Begins", kind="time", value=shift.get("start", "")),
            Field(f"shift-{at}-end", "Ends", kind="time", value=shift.get("end", "")),
            Field(f"shift-{at}-breaks", "Breaks", value=breaks_words(shift.get("breaks", [])), placeholder="09:00–09:15"),
        ],
        className="shift-row",
    )


def _exception_row(at: int, one: Mapping[str, Any]) -> Component:
    shifts = one.get("shifts", [])
    first = shifts[0] if shifts else {}
    kind = "extra" if one.get("extra") else "instead" if shifts else "closed"
    kinds: Any = [option(*each) for each in KINDS]
    return html.Fieldset(
        [
            html.Legend(f"Unusual day {at + 1}", className="sr-only"),
            Field(f"day-{at}-date", "Day", kind="date", value=str(one.get("date", ""))),
            Field(f"day-{at}-name", "Called", value=one.get("name", ""), placeholder="Christmas"),
            Field(f"day-{at}-kind", "Then", kind="select", options=kinds, value=kind),
            Field(f"day-{at}-start", "Begins", kind="time", value=first.get("start", "")),
            Field(f"day-{at}-end", "Ends", kind="time", value=first.get("end", "")),
        ],
        className="shift-row",
    )


def draft_of(values: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> CalendarDraft:
    """What the form says. An unusual day of several shifts, which the form does not show whole, keeps them. Raises ActionError."""
    pattern = {"shifts": _shifts(values), "exceptions": _exceptions(values, list((before or {}).get("exceptions", [])))}
    return CalendarDraft(
        str(values.get("line") or ""),
        str(values.get("name") or ""),
        str(values.get("zone") or "").strip(),
        pattern,
        _date(values, "valid_from"),
        _date(values, "valid_to") if values.get("valid_to") else None,
    )


def _shifts(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for at in range(MOST_SHIFTS):
        name = str(values.get(f"shift-{at}-name") or "").strip()
        if not name:
            continue
        days = days_of(str(values.get(f"shift-{at}-days") or ""), f"shift-{at}-days")
        if not days:
            raise ActionError(f"shift-{at}-days", "say on which days")
        found.append(
            {
                "name": name,
                "days": days,
                **_times(values, f"shift-{at}"),
                "breaks": breaks_of(str(values.get(f"shift-{at}-breaks") or ""), f"shift-{at}-breaks"),
            }
        )
    return found


def _times(values: Mapping[str, Any], prefix: str) -> dict[str, str]:
    times = {}
    for name, words in (("start", "it begins"), ("end", "it ends")):
        times[name] = str(values.get(f"{prefix}-{name}") or "")[:5]
        if not times[name]:
            raise ActionError(f"{prefix}-{name}", f"say when {words}")
    return times


def _exceptions(values: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    numbers = sorted(int(name.split("-")[1]) for name in values if name.startswith("day-") and name.endswith("-date"))
    for at in numbers:
        if not values.get(f"day-{at}-date"):
            continue
        one: dict[str, Any] = {"date": str(_date(values, f"day-{at}-date")), "name": str(values.get(f"day-{at}-name") or "")}
        kind = values.get(f"day-{at}-kind")
        stored = list(before[at].get("shifts", [])) if at < len(before) else []
        if kind == "closed":
            one["shifts"] = []
        else:
            times = _times(values, f"day-{at}")
            first = {**(stored[0] if stored else {"name": one["name"] or "Extra"}), **times}
            one["shifts"] = [first, *stored[1:]]
            one["extra"] = kind == "extra"
        found.append(one)
    return found


def _date(values: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(str(values.get(name) or ""))
    except ValueError:
        raise ActionError(name, "give a day") from None


# ---- What it comes to


def preview_card(calendars: Sequence[ShiftCalendar], name: str, now_us: int) -> Component:
    """The shifts of the next two weeks by the calendars' own clock."""
    found = shifts_between(calendars, now_us, now_us + PREVIEW_DAYS * DAY_US)
    zone = calendars[0].zone if calendars else "UTC"
    by_day: dict[date, list[Shift]] = {}
    for shift in found:
        by_day.setdefault(shift.day, []).append(shift)
    rows: list[Any] = []
    for day, shifts in by_day.items():
        worked = sum(one.end_us - one.start_us - sum(high - low for low, high in one.breaks) for one in shifts) / 1e6
        words = ", ".join(f"{one.name} {_clocks(one.start_us, one.end_us, zone)}" for one in shifts)
        pauses = ", ".join(_clocks(low, high, zone) for one in shifts for low, high in one.breaks)
        rows.append([f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}", words, pauses or "–", span_words(worked)])
    title = f"The next two weeks, {name}"
    if not rows:
        return card(title, empty_state("No shifts", "Nothing is planned in the next two weeks."))
    return card(title, table(title, ["Day", "Shifts", "Breaks", "Planned time"], rows, numbers=[3]), aside=zone)


def _clocks(low_us: int, high_us: int, zone: str) -> str:
    return f"{stamp(low_us, zone)[-5:]}–{stamp(high_us, zone)[-5:]}"

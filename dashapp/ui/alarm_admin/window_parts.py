"""Planned maintenance as a list, and the form of a window."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import html
from dash.development.base_component import Component

from dashapp.actions.actor import ActionError
from dashapp.actions.maintenance import Window
from dashapp.domain.notices import lasted
from dashapp.ingest.catalogue import DeviceEntry
from dashapp.ui import forms
from dashapp.ui.components import card, chip, empty_state
from dashapp.ui.forms import Field, Form
from dashapp.ui.notices import words
from dashapp.ui.tables import DataTable
from dashapp.ui.time_range import zone_of
from db.queries.maintenance import WindowRow

PATH = "/alerts/maintenance"
SHOWN_PAST = timedelta(days=90)
SHOWN_AHEAD = timedelta(days=3660)


def window_of(values: Mapping[str, Any], zone: str) -> Window:
    """The window that the form says, its times by the clock of `zone`. Raises ActionError."""
    where, _, what = str(values.get("where") or "").partition(":")
    return Window(
        _instant(values, "starts_at", zone), _instant(values, "ends_at", zone), str(values.get("reason") or ""),
        device_id=int(what) if where == "device" else None, group_id=int(what) if where == "group" else None,
        line=what if where == "line" else None,
    )  # fmt: skip


def _instant(values: Mapping[str, Any], name: str, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(values.get(name) or ""))
    except ValueError:
        raise ActionError(name, "give a day and a time") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone_of(zone).key))


def window_form(devices: Sequence[DeviceEntry], groups: Mapping[int, str], now: datetime, zone: str, *, whole_plant: bool) -> Component:
    """A window from the next full hour on, for two hours."""
    lines = sorted({device.line for device in devices if device.line})
    places = [("", "The whole plant")] if whole_plant else []
    places += [(f"line:{line}", f"Line {line}") for line in lines] + [(f"group:{n}", f"Group {name}") for n, name in groups.items()]
    places += [(f"device:{one.id}", f"{one.key}, {one.name}" if one.name != one.key else one.key) for one in devices]
    options: Any = [{"value": value, "label": label} for value, label in places]
    begin = now.astimezone(zone_of(zone)).replace(minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(hours=1)
    clock = f"By the clock of {zone}."
    first_device = next((value for value, _ in places if value.startswith("device:")), places[0][0] if places else "")
    return card(
        "Plan a window",
        Form(
            [
                Field("where", "Out of service", kind="select", options=options, value=first_device, required=True),
                html.Div(
                    [
                        Field("starts_at", "From", kind="datetime-local", value=f"{begin:%Y-%m-%dT%H:%M}", required=True, hint=clock),
                        Field("ends_at", "To", kind="datetime-local", value=f"{begin + timedelta(hours=2):%Y-%m-%dT%H:%M}", required=True),
                    ],
                    className="rule-row",
                ),
                Field("reason", "Why", required=True, max_length=500, placeholder="Yearly service"),
                html.Div(forms.submit("Plan it"), className="actions"),
            ],
            id="window-form",
            label="Plan a window",
            className="form",
        ),
    )


def window_lists(windows: Sequence[WindowRow], now: datetime, zone: str) -> list[Component]:
    """What is on now, what comes next, what is past."""
    on = [one for one in windows if one.ended_at is None and one.starts_at <= now < one.ends_at]
    ahead = [one for one in windows if one.ended_at is None and one.starts_at > now]
    past = [one for one in reversed(windows) if one.ended_at is not None or one.ends_at <= now]
    nothing = "Nothing is out of service now. Every alert is told."
    return [
        card("Now", _rows(on, now, zone) if on else html.P(nothing, className="muted")),
        card("Next", _rows(ahead, now, zone) if ahead else empty_state("Nothing is planned", "What you plan here is silent in its time.")),
        card("Past", _past(past, zone) if past else html.P("Nothing yet in the last 90 days.", className="muted")),
    ]


def target_words(one: WindowRow) -> str:
    """What a window holds."""
    if one.device_id is not None:
        return one.device_name or "a device that is gone"
    if one.group_id is not None:
        return f"Group {one.group_name or ''}"
    return f"Line {one.line}" if one.line is not None else "The whole plant"


def who_words(by: str) -> str:
    """A person by name; people of the platform, who look in from outside, are no people of the plant."""
    return "the platform" if by.startswith("user:") else by


def _rows(windows: Sequence[WindowRow], now: datetime, zone: str) -> Component:
    return html.Ul([_row(one, now, zone) for one in windows], className="channels")


def _row(one: WindowRow, now: datetime, zone: str) -> Component:
    is_on = one.starts_at <= now
    text = "End now" if is_on else "Take back"
    left = f"{lasted((one.ends_at - now).total_seconds())} left" if is_on else f"in {lasted((one.starts_at - now).total_seconds())}"
    name = target_words(one)
    button = html.Button(
        text, id={"type": "window-end", "window": one.id}, type="button", className="btn", n_clicks=0, **{"aria-label": f"{text}: {name}"}
    )
    spoken = f"{words.moment(one.starts_at, zone)} – {words.moment(one.ends_at, zone)}"
    return html.Li(
        [
            html.Div(
                [
                    html.Div([html.H3(name), chip("plain", left)], className="row"),
                    html.P(spoken, className="small"),
                    html.P(f"{one.reason} · {who_words(one.by)}", className="small muted"),
                ],
                className="channel-words",
            ),
            html.Div(button, className="channel-actions"),
        ],
        className="channel",
    )


def _past(windows: Sequence[WindowRow], zone: str) -> Component:
    rows: Any = [
        [
            target_words(one),
            words.moment(one.starts_at, zone),
            words.moment(one.ended_at or one.ends_at, zone),
            one.reason,
            who_words(one.by),
        ]
        for one in windows
    ]
    table = DataTable(columns=["What", "From", "To", "Why", "Planned by"], rows=rows, caption="Past windows", className="stacked rules")
    return html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": "Past windows"})

"""Active alerts `/alerts`: what is open in order of priority, answered for in one touch, filtered by the address (UI-3, AL-6)."""

import time
from typing import Any

import dash
from dash import Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.alarm_tabs import alarm_tabs
from dashapp.ui.alarms.desk import AlertList, AlertSound, feed
from dashapp.ui.context import actor

FILTERS = ("severity", "state", "line", "device", "shelved")

dash.register_page(
    __name__, path="/alerts", name="Alerts", title="Alerts" + shell.SUFFIX, section="", order=20, nav=True, icon="alerts", shortcut="a",
    role=Role.VIEWER,
)  # fmt: skip


def layout(**query: Any) -> Component:
    who, at = actor(), feed()
    held = at.held(who)
    asked = {name: str(query[name]) for name in FILTERS if query.get(name)}
    active = AlertList(id="alerts-list", rows=at.rows(who), query=asked, now=time.time_ns() // 1_000_000)
    head = html.Div([alarm_tabs("/alerts"), html.Div(AlertSound(id="alerts-sound"), className="row tabs-aside")], className="tabs-row")
    below = html.Div(AlertSound(), className="sound-below")  # on a phone, where the alerts come first
    body = html.Section([head, active, below], className="card", **{"aria-label": "Active alerts"})
    return shell.live(body, dcc.Store(id="alerts-held", data=held), id="alerts-page")


@callback(
    Output("alerts-list", "delta"), Output("alerts-held", "data"), shell.PULSE, State("alerts-held", "data"), prevent_initial_call=True
)
def show_changes(_pulse: int, held: list[int] | None) -> Any:
    """Which alerts came, went or changed since the last answer; nothing at all in most cases."""
    delta = feed().changes(actor(), held)
    return (no_update, no_update) if delta is None else (delta, delta["held"])

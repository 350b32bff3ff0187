"""Alarm performance `/alerts/performance`: how the alarm system itself does, beside the targets of ISA-18.2 and EEMUA 191."""

import time
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.domain.addresses import joined
from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.alarm_admin import performance_parts as parts
from dashapp.ui.alarm_admin.performance_data import PATH, operators_of, shown_for
from dashapp.ui.alarm_tabs import alarm_tabs
from dashapp.ui.context import actor, services
from dashapp.ui.zones import viewer_zone

dash.register_page(
    __name__,
    path=PATH,
    name="Performance",
    title="Alarm performance" + shell.SUFFIX,
    order=24,
    nav=False,
    role=Role.MANAGER,
    within="/alerts",
    charts=True,
)


def layout(**query: Any) -> Component:
    """The figures of `?range=…&operators=…`."""
    zone, now_us = viewer_zone(), time.time_ns() // 1000
    shown = shown_for(services(), actor(), query, now_us, zone)
    return html.Div(
        [
            alarm_tabs(PATH),
            *parts.body(shown, zone, now_us),
            dcc.Store(id="performance-held", data=shown.query),
        ],
        className="stack",
    )


@callback(
    Output("_pages_location", "href", allow_duplicate=True),
    Input("performance-range", "asked"),
    Input("performance-operators", "value"),
    State("performance-held", "data"),
    prevent_initial_call=True,
)
def show_other(asked: dict[str, Any] | None, operators: str | None, held: dict[str, str]) -> Any:
    """Another time, or another number of people: another address."""
    span = {name: str(asked[name]) for name in ("range", "from", "to") if asked.get(name)} if asked else {}
    span = span or {name: value for name, value in held.items() if name != "operators"}
    wanted = {**span, "operators": str(operators_of(operators or held.get("operators")))}
    if wanted == held:
        raise PreventUpdate
    return joined(PATH, list(wanted.items()))


for _chart in parts.CHARTS:
    clientside_callback(
        ClientsideFunction("andon_alarms", "draw"),
        Output(f"alarm-chart-{_chart}", "figure"),
        Input(f"alarm-source-{_chart}", "data"),
        shell.THEME,
    )
    clientside_callback(
        ClientsideFunction("andon_alarms", "save_png"),
        Output(f"alarm-png-{_chart}", "data-saved"),
        Input(f"alarm-png-{_chart}", "n_clicks"),
        State(f"alarm-source-{_chart}", "data"),
        prevent_initial_call=True,
    )

"""Planned maintenance `/alerts/maintenance`: what is out of service now, what will be, what was; planned ahead, ended early."""

from datetime import UTC, datetime
from typing import Any

import dash
from dash import ALL, Input, Output, callback, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import maintenance as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.ui import forms, shell
from dashapp.ui.alarm_admin import window_parts as parts
from dashapp.ui.alarm_admin.window_parts import PATH
from dashapp.ui.alarm_tabs import alarm_tabs
from dashapp.ui.context import actor, services, visible_devices
from dashapp.ui.device.data import plant_reading
from dashapp.ui.zones import viewer_zone
from db.queries.maintenance import WindowRow, maintenance_windows
from db.queries.rule_pages import group_names
from db.queries.rules import groups_of

dash.register_page(
    __name__, path=PATH, name="Maintenance", title="Planned maintenance" + shell.SUFFIX, order=28, nav=False, role=Role.MANAGER,
    within="/alerts",
)  # fmt: skip


def layout(**_query: Any) -> Component:
    """The windows, and the form of a new one."""
    now, zone, lines = datetime.now(UTC), viewer_zone(), actor().lines
    with plant_reading() as connection:
        groups = group_names(connection)
    form = parts.window_form(visible_devices(), groups if lines is None else {}, now, zone, whole_plant=lines is None)
    return html.Div(
        [
            alarm_tabs(PATH),
            html.P(id="windows-said", role="status", className="form-message"),
            html.Div([html.Div(_lists(now, zone), id="windows", className="stack"), form], className="two"),
        ],
        className="stack",
    )


def _lists(now: datetime, zone: str) -> list[Component]:
    with plant_reading() as connection:
        found = maintenance_windows(connection, now - parts.SHOWN_PAST, now + parts.SHOWN_AHEAD)
        groups = groups_of(connection)
    return parts.window_lists([one for one in found if _visible(one, groups)], now, zone)


def _visible(one: WindowRow, groups: dict[int, set[int]]) -> bool:
    """Whether it holds something that the person may see."""
    lines = actor().lines
    if lines is None or (one.device_id is None and one.group_id is None and one.line is None):
        return True
    seen = {device.id for device in visible_devices()}
    return one.line in lines or one.device_id in seen or bool(seen & groups.get(one.group_id or 0, set()))


@callback(
    Output("window-form", "errors"),
    Output("windows", "children"),
    Output("windows-said", "children"),
    Input("window-form", "submitted"),
    prevent_initial_call=True,
    running=forms.busy("window-form"),
)
def plan(submitted: dict[str, Any] | None) -> Any:
    """Plans the window."""
    values, zone = forms.sent(submitted), viewer_zone()
    try:
        actions.plan_window(services().database, actor(), parts.window_of(values, zone))
    except ActionError as error:
        return forms.errors_of(error), no_update, ""
    return {}, _lists(datetime.now(UTC), zone), "Planned."


@callback(
    Output("windows", "children", allow_duplicate=True),
    Output("windows-said", "children", allow_duplicate=True),
    Input({"type": "window-end", "window": ALL}, "n_clicks"),
    prevent_initial_call=True,
)
def end(_clicks: list[int]) -> Any:
    """Ends a window that is on, takes back one that is planned."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    said = "Ended."
    try:
        actions.end_window_now(services().database, actor(), ctx.triggered_id["window"])
    except ActionError as error:
        said = f"{forms.sentence(error.reason)}."
    return _lists(datetime.now(UTC), viewer_zone()), said

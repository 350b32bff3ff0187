"""Channels `/alerts/channels`: the ways by which people are told, how each does, and the log of what was sent."""

from datetime import UTC, datetime
from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import channels as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.notices.services import KINDS
from dashapp.ui import forms, shell
from dashapp.ui.alarm_tabs import alarm_tabs
from dashapp.ui.components import card
from dashapp.ui.context import actor, services
from dashapp.ui.device.data import plant_reading, viewer_zone
from dashapp.ui.forms import dialog, errors_of, sentence
from dashapp.ui.notices import channel_form, words
from dashapp.ui.notices.channel_list import PAGE, PATH, STATES, channel_list, delivery_table, link, log_card
from db.queries import notices as queries
from db.queries.notice_pulse import notice_pulse

dash.register_page(
    __name__, path=PATH, name="Channels", title="Channels" + shell.SUFFIX, order=26, nav=False, role=Role.MANAGER, within="/alerts"
)


def layout(channel: str = "", kind: str = "", tested: str = "", **_query: Any) -> Component:
    """The list; `channel=new` and a `kind`, or the number of a channel, is its form. `tested` shows what became of the last test."""
    if channel == "new":
        body: Component = channel_form.channel_form(kind, None) if kind in KINDS else channel_form.kind_choice()
        return _form_page(body, None, kind)
    if channel:
        found = _channel(channel)
        if found is None:
            gone = card("This channel is gone", html.P("Somebody has removed it."), link("To the channels", PATH))
            return html.Div([alarm_tabs(PATH), gone], className="stack")
        said = _last_test(found["id"]) if tested else None
        return _form_page(channel_form.channel_form(found["kind"], found, said), found["id"], found["kind"])
    return _list_page()


def _form_page(body: Component, channel_id: int | None, kind: str) -> Component:
    return html.Div(
        [
            alarm_tabs(PATH),
            body,
            dcc.Store(id="channel-editing", data={"id": channel_id, "kind": kind}),
        ],
        className="stack form-page",
    )


def _list_page() -> Component:
    channels, policies, rows, pulse = _state({})
    zone = viewer_zone()
    return shell.live(
        alarm_tabs(PATH),
        html.P("Just a moment …", id="channels-busy", role="status", className="form-message", hidden=True),
        html.P(id="channels-said", role="status", className="form-message"),
        card(
            "Channels",
            html.Div(channel_list(channels, policies, _now(), zone), id="channels"),
            aside=link("Add a channel", f"{PATH}?channel=new"),
        ),
        log_card(channels, delivery_table(rows[:PAGE], zone), more=len(rows) > PAGE),
        dialog("channels-removal", "Remove a channel", html.Div(id="channels-removal-body")),
        dcc.Store(id="channels-pressed"),
        dcc.Store(id="channels-version", data=pulse),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _channel(number: str) -> dict[str, Any] | None:
    with plant_reading() as connection:
        return next((one for one in queries.channels(connection, _now()) if str(one["id"]) == number), None)


def _state(narrowed: dict[str, Any], pages: int = 1) -> tuple[list[dict[str, Any]], list[queries.Policy], list[Any], str]:
    """Channels, policies, rows of the log and one more than is shown, and the version that this is."""
    channel, states = narrowed.get("channel") or None, STATES.get(narrowed.get("state") or "", STATES[""])[1]
    with plant_reading() as connection:
        pulse = notice_pulse(connection)
        rows = queries.delivery_log(connection, channel_id=int(channel) if channel else None, states=states, limit=PAGE * pages + 1)
        return queries.channels(connection, _now()), queries.policies(connection), rows, pulse


def _last_test(channel_id: int) -> Component | None:
    with plant_reading() as connection:
        rows = queries.delivery_log(connection, channel_id=channel_id, limit=20)
    last = next((row for row in rows if row.what == "test"), None)
    if last is None:
        return None
    if last.state == "sent":
        return html.P(
            f"Saved. The test was taken at {words.moment(last.sent_at, viewer_zone())}; look whether it arrived.",
            className="notice",
            role="status",
        )
    return html.P(f"Saved. The test was not taken: {last.error}.", className="notice high", role="alert")


@callback(Output("channels-version", "data"), shell.PULSE, State("channels-version", "data"), prevent_initial_call=True)
def show_version(_pulse: Any, held: str) -> str:
    """Another version when something has changed: apart from what shows it, so that no tick takes the place of a choice."""
    with plant_reading() as connection:
        pulse = notice_pulse(connection)
    if pulse == held:
        raise PreventUpdate
    return pulse


@callback(
    Output("channels", "children"),
    Output("channels-log", "children"),
    Output("channels-log-more", "hidden"),
    Input("channels-version", "data"),
    Input("channels-log-channel", "value"),
    Input("channels-log-state", "value"),
    Input("channels-log-more", "n_clicks"),
    prevent_initial_call=True,
)
def show_channels(_version: str, channel: str | None, state: str | None, older: int) -> Any:
    """The list and the log, as they are now."""
    channels, policies, rows, _ = _state({"channel": channel, "state": state}, older + 1)
    zone, most = viewer_zone(), PAGE * (older + 1)
    narrowed = ctx.triggered_id != "channels-version"
    return no_update if narrowed else channel_list(channels, policies, _now(), zone), delivery_table(rows[:most], zone), len(rows) <= most


@callback(
    Output("channels-said", "children"),
    Output("channels-removal", "is_open"),
    Output("channels-removal-body", "children"),
    shell.pressed("channels-pressed", type="channel-do", what=ALL, channel=ALL),
    prevent_initial_call=True,
    running=[(Output("channels-busy", "hidden"), False, True)],
)
def do_with_channel(pressed: dict[str, Any]) -> Any:
    """Tests or switches a channel, or asks whether it is to be removed."""
    found = _channel(str(pressed["channel"]))
    if found is None:
        return "This channel is gone; somebody has removed it.", False, no_update
    if pressed["what"] == "remove":
        return "", True, _removal(found)
    try:
        if pressed["what"] == "test":
            return _said_of_test(found), False, no_update
        actions.switch_channel(services().database, actor(), found["id"], enabled=not found["enabled"])
    except ActionError as error:
        return f"{sentence(error.reason)}.", False, no_update
    return f"{found['name']} is {'off' if found['enabled'] else 'on'}.", False, no_update


def _said_of_test(found: dict[str, Any]) -> str:
    running = services()
    tested = actions.send_test(running.database, running.settings, actor(), found["id"], _now())
    if tested.error is None:
        return f"{found['name']}: the test was taken; look whether it arrived."
    return f"{found['name']}: the test was not taken: {tested.error}."


def _removal(found: dict[str, Any]) -> Component:
    used = found["policies"] or []
    lost = f" {', '.join(used)} will no longer tell it." if used else ""
    waiting = f" {found['waiting']} that wait will not be sent." if found["waiting"] else ""
    return forms.Form(
        [
            html.P(f"“{found['name']}” goes, its log stays.{lost}{waiting}"),
            forms.Field("channel", "Channel", kind="hidden", value=str(found["id"])),
            html.Div([forms.submit("Remove it", danger=True), forms.cancel("channels-removal-cancel", "Keep it")], className="actions"),
        ],
        id="channels-removal-form",
        label="Remove a channel",
    )


@callback(
    Output("channels-removal", "is_open", allow_duplicate=True), Input("channels-removal-cancel", "n_clicks"), prevent_initial_call=True
)
def keep_channel(clicks: int) -> bool:
    """Closes the question."""
    if not clicks:
        raise PreventUpdate
    return False


@callback(
    Output("channels-removal", "is_open", allow_duplicate=True),
    Output("channels-removal-form", "errors"),
    Output("channels-said", "children", allow_duplicate=True),
    Input("channels-removal-form", "submitted"),
    prevent_initial_call=True,
    running=forms.busy("channels-removal-form"),
)
def remove_channel(submitted: dict[str, Any] | None) -> Any:
    """Removes it."""
    if not submitted:
        raise PreventUpdate
    try:
        actions.remove_channel(services().database, actor(), int(submitted["values"]["channel"]))
    except ActionError as error:
        return no_update, errors_of(error), no_update
    return False, {}, "The channel is removed."


@callback(
    Output("channel-form", "errors"),
    Output("_pages_location", "href", allow_duplicate=True),
    Input("channel-form", "submitted"),
    State("channel-editing", "data"),
    prevent_initial_call=True,
    running=forms.busy("channel-form"),
)
def save_channel(submitted: dict[str, Any] | None, editing: dict[str, Any]) -> Any:
    """Saves, tests where that was asked for, and goes to where it can be seen."""
    if not submitted:  # the form has just come onto the page
        raise PreventUpdate
    running, channel_id = services(), editing["id"]
    try:
        before = _channel(str(channel_id)) if channel_id is not None else None
        enabled = before is None or bool(before["enabled"])
        wanted = channel_form.channel_of(editing["kind"], submitted["values"], enabled=enabled)
        if channel_id is None:
            channel_id = actions.create_channel(running.database, running.settings, actor(), wanted)
        else:
            actions.change_channel(running.database, running.settings, actor(), channel_id, wanted)
    except ActionError as error:
        return errors_of(error), no_update
    if submitted["button"] != "test":
        return {}, PATH
    try:
        actions.send_test(running.database, running.settings, actor(), channel_id, _now())
    except ActionError as error:
        return {"": f"It is saved, but not tested: {error.reason}."}, no_update
    at = int(_now().timestamp())
    return {}, f"{PATH}?channel={channel_id}&tested={at}"

"""Connections `/connections`: the brokers that readings come from and alerts go to, and how each does (UI-6, IN-3, IN-4)."""

import hashlib
from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from sqlalchemy import text

from dashapp.actions import connections as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.ui import forms, shell
from dashapp.ui.components import card
from dashapp.ui.connections import form, words
from dashapp.ui.connections.form import PATH, link
from dashapp.ui.connections.listed import connection_list
from dashapp.ui.context import actor, services
from dashapp.ui.device.data import plant_reading
from dashapp.ui.forms import dialog, errors_of, sentence
from db.queries import connections as queries

dash.register_page(
    __name__, path=PATH, name="Connections", title="Connections" + shell.SUFFIX, section="Connect", order=52, nav=True, role=Role.ADMIN
)


def layout(connection: str = "", kind: str = "", **_query: Any) -> Component:
    """The list; `connection=new` and a `kind`, or the number of a connection, is its form."""
    if connection == "new":
        return _form_page(form.connection_form(kind, None, _plant()) if kind in words.KINDS else form.kind_choice(), None, kind)
    if connection:
        found = _find(connection)
        if found is None:
            return card("This connection is gone", html.P("Somebody has removed it."), link("To the connections", PATH))
        return _form_page(form.connection_form(found["kind"], found, _plant()), found["id"], found["kind"])
    return _list_page()


def _form_page(body: Component, connection_id: int | None, kind: str) -> Component:
    return html.Div([body, dcc.Store(id="connection-editing", data={"id": connection_id, "kind": kind})], className="stack form-page")


def _list_page() -> Component:
    rows = _rows()
    return shell.live(
        html.P("Just a moment …", id="connections-busy", role="status", className="form-message", hidden=True),
        html.P(id="connections-said", role="status", className="form-message"),
        card("Connections", html.Div(connection_list(rows), id="connections"),
             aside=link("Add a connection", f"{PATH}?connection=new") if rows else None),
        html.P(["What could not be read is among the ", link("dead letters", "/dead-letters", ""), "."], className="muted small"),
        dialog("connections-removal", "Remove a connection", html.Div(id="connections-removal-body")),
        dcc.Store(id="connections-pressed"),
        dcc.Store(id="connections-version", data=_version(rows)),
    )  # fmt: skip


def _rows() -> list[dict[str, Any]]:
    with plant_reading() as connection:
        return queries.connections(connection)


def _plant() -> str:
    with plant_reading() as connection:
        return str(connection.execute(text("select key from tenants")).scalar_one())


def _find(number: str) -> dict[str, Any] | None:
    if not number.isdecimal() or len(number) > 9:
        return None
    with plant_reading() as connection:
        return queries.shown_connection(connection, int(number))


def _version(rows: list[dict[str, Any]]) -> str:
    """Moves when anything that is shown does."""
    shown = [(row["id"], row["name"], words.state_of(row), words.goes(row), words.figures(row), words.last_error(row)) for row in rows]
    return hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()


@callback(Output("connections-version", "data"), shell.PULSE, State("connections-version", "data"), prevent_initial_call=True)
def show_version(_pulse: Any, held: str) -> str:
    """Another version when something has changed: apart from what shows it, so that no tick takes the place of a choice."""
    now = _version(_rows())
    if now == held:
        raise PreventUpdate
    return now


@callback(Output("connections", "children"), Input("connections-version", "data"), prevent_initial_call=True)
def show_connections(_version: str) -> Component:
    """The list as it is now."""
    return connection_list(_rows())


@callback(
    Output("connections-said", "children"),
    Output("connections-removal", "is_open"),
    Output("connections-removal-body", "children"),
    shell.pressed("connections-pressed", type="connection-do", what=ALL, connection=ALL),
    prevent_initial_call=True,
    running=[(Output("connections-busy", "hidden"), False, True)],
)
def do_with_connection(pressed: dict[str, Any]) -> Any:
    """Tests or switches a connection, or asks whether it is to be removed."""
    found = _find(str(pressed["connection"]))
    if found is None:
        return "This connection is gone; somebody has removed it.", False, no_update
    if pressed["what"] == "remove":
        return "", True, _removal(found)
    try:
        if pressed["what"] == "test":
            return _tried(found["id"], found["name"]), False, no_update
        actions.switch_connection(services().database, actor(), found["id"], enabled=not found["enabled"])
    except ActionError as error:
        return f"{sentence(error.reason)}.", False, no_update
    services().connections_wanted.set()
    return f"{found['name']} is {'off' if found['enabled'] else 'on'}.", False, no_update


def _tried(connection_id: int, name: str) -> str:
    problem = actions.try_connection(services().database, services().settings, actor(), connection_id)
    return f"{name}: the broker took it all." if problem is None else f"{name}: the test failed: {problem}."


def _removal(found: dict[str, Any]) -> Component:
    waiting = f" {found['waiting']} messages that wait will not be sent." if found["waiting"] else ""
    return forms.Form(
        [
            html.P(f"“{found['name']}” goes, and the broker keeps nothing more for it. The readings that it brought stay.{waiting}"),
            forms.Field("connection", "Connection", kind="hidden", value=str(found["id"])),
            html.Div([forms.submit("Remove it", danger=True), forms.cancel("connections-removal-cancel", "Keep it")], className="actions"),
        ],
        id="connections-removal-form",
        label="Remove a connection",
    )


@callback(
    Output("connections-removal", "is_open", allow_duplicate=True), Input("connections-removal-cancel", "n_clicks"),
    prevent_initial_call=True,
)  # fmt: skip
def keep_connection(clicks: int) -> bool:
    """Closes the question."""
    if not clicks:
        raise PreventUpdate
    return False


@callback(
    Output("connections-removal", "is_open", allow_duplicate=True),
    Output("connections-removal-form", "errors"),
    Output("connections-said", "children", allow_duplicate=True),
    Input("connections-removal-form", "submitted"),
    prevent_initial_call=True,
    running=forms.busy("connections-removal-form"),
)
def remove_connection(submitted: dict[str, Any] | None) -> Any:
    """Removes it."""
    values = forms.sent(submitted)
    try:
        actions.remove_connection(services().database, actor(), int(values["connection"]))
    except ActionError as error:
        return no_update, errors_of(error), no_update
    services().connections_wanted.set()
    return False, {}, "The connection is removed."


@callback(
    Output("connection-form", "errors"),
    Output("connection-form", "message"),
    Output("connection-editing", "data"),
    Output("_pages_location", "href", allow_duplicate=True),
    Input("connection-form", "submitted"),
    State("connection-editing", "data"),
    prevent_initial_call=True,
    running=forms.busy("connection-form"),
)
def save_connection(submitted: dict[str, Any] | None, editing: dict[str, Any]) -> Any:
    """Saves, and tests where that was asked for: what the broker says then stands beside the form, else it goes to the list."""
    values, running, connection_id = forms.sent(submitted), services(), editing["id"]
    try:
        wanted = form.wanted_of(editing["kind"], values, enabled=False)
        if connection_id is None:
            connection_id = actions.create_connection(running.database, running.settings, actor(), wanted)
        else:
            actions.change_connection(running.database, running.settings, actor(), connection_id, wanted)
    except ActionError as error:
        return errors_of(error), "", no_update, no_update
    running.connections_wanted.set()
    if submitted and submitted["button"] != "test":
        return {}, "", no_update, PATH
    return {}, f"Saved. {_tried(connection_id, wanted.name)}", {**editing, "id": connection_id}, no_update

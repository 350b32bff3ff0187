"""Wall screens `/wall-screens`: links that show pages on a screen without a sign-in; made, changed and revoked by administrators."""

import time
from datetime import UTC, datetime
from typing import Any

import dash
import flask
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import kiosk
from dashapp.actions.actor import ActionError
from dashapp.actions.kiosk import Showing
from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.components import card, empty_state
from dashapp.ui.context import actor, catalogue, services
from dashapp.ui.forms import Field, Form, Option, busy, cancel, command, dialog, errors_of, number, submit
from dashapp.ui.kiosk.choice import choices, name_of, pages_of
from dashapp.ui.ticking import Since
from db.queries.kiosk import LinkRow

THEMES: tuple[Option, ...] = (
    {"value": "system", "label": "As the screen's system"},
    {"value": "light", "label": "Light"},
    {"value": "dark", "label": "Dark"},
)
LOOK_EVERY_S = 5  # for screens that were opened meanwhile
ON_S = 150  # a screen that was there so lately is on: it is noted once a minute
LINE = "line:"

dash.register_page(
    __name__, path="/wall-screens", name="Wall screens", title="Wall screens" + shell.SUFFIX, section="Administration", order=80,
    nav=True, role=Role.ADMIN,
)  # fmt: skip


def layout(**_query: Any) -> Component:
    """The list, and the dialogs that change it."""
    return shell.live(
        card(
            "Wall screens",
            html.P(
                "A link opens pages on a screen in the hall, without a sign-in and without anything to press. Whoever has the link sees "
                "what a viewer sees; revoke it, and its screens go blank within five seconds.",
                className="muted",
            ),
            html.Div(_list(), id="wall-list"),
            aside=html.Button("New wall screen", id="wall-new", type="button", className="btn solid", n_clicks=0),
        ),
        dialog("wall-dialog", "Wall screen", html.Div(id="wall-editor"), wide=True),
        dialog("wall-made", "The wall screen's link", html.Div(id="wall-made-body")),
        dialog(
            "wall-revoke", "Revoke this link?",
            Form(
                [html.P(id="wall-revoke-text"),
                 html.Div([submit("Revoke", danger=True, value="revoke"), cancel("wall-revoke-no")], className="actions")],
                id="wall-revoke-form", label="Revoke",
            ),
        ),
        dcc.Store(id="wall-changing"),
        dcc.Store(id="wall-ending"),
        dcc.Store(id="wall-editing"),
        dcc.Store(id="wall-revoking"),
        dcc.Store(id="wall-looked", data=time.time()),
        id="wall-screens",
    )  # fmt: skip


def _list() -> Component:
    links = kiosk.list_links(services().database, actor())
    if not links:
        return empty_state("No wall screens yet", "Make one, and open its link on the screen's browser.")
    return html.Ul([_row(link) for link in links], className="wall-links")


def _row(link: LinkRow) -> Component:
    pages = ", ".join(name_of(page) or f"{page} (gone)" for page in link.pages)
    turns = f", {link.page_s} s each" if len(link.pages) > 1 else ""
    lines = "" if link.lines is None else f" Only {', '.join(link.lines)}."
    made = f"Made {link.created_at:%d %b %Y}" + (f" by {link.created_by}." if link.created_by else ".")
    buttons = [
        html.Button("Change", id={"type": "wall-change", "link": link.id}, type="button", className="btn",
                    **{"aria-label": f"Change {link.name}"}),
        html.Button("Revoke", id={"type": "wall-end", "link": link.id}, type="button", className="btn danger",
                    **{"aria-label": f"Revoke {link.name}"}),
    ]  # fmt: skip
    words = [
        html.H3(link.name),
        html.P(f"{pages}{turns}."),
        html.P(f"{made}{lines}", className="small muted"),
        html.P(_screens(link), className="small"),
    ]
    return html.Li([html.Div(words), html.Div(buttons, className="actions")])


def _screens(link: LinkRow) -> list[Any]:
    """Where the link is open, and when it was last."""
    now = datetime.now(UTC)
    on = [screen for screen in link.screens if (now - screen.seen_at).total_seconds() < ON_S]
    if on:
        where = ", ".join(dict.fromkeys(screen.address or "unknown" for screen in on))
        return [html.B(f"Open on {len(on)} screen{'s' if len(on) > 1 else ''}"), f", at {where}."]
    if not link.screens:
        return ["Not opened yet."]
    last = link.screens[0]
    return [f"Not open. Last seen at {last.address or 'unknown'} ", Since(at_ms=int(last.seen_at.timestamp() * 1000)), " ago."]


def _form(link: LinkRow | None) -> Component:
    shown = link or LinkRow(0, "", (), 20, "system", None, "", datetime.now(UTC))
    lines = sorted({device.line for device in catalogue().devices.values() if device.line} | set(shown.lines or ()))
    narrowed = [Field(LINE + line, line, kind="check", value=shown.lines is not None and line in shown.lines) for line in lines]
    adding: list[Option] = [{"value": "", "label": "Choose a page …"}, *choices()]
    return Form(
        [
            Field("name", "Name", value=shown.name, required=True, max_length=100, hint="Where it hangs: Hall 2, by the door."),
            Field("add", "Add a page", "wall-add", kind="select", value="", options=adding),
            Field("pages", "Pages", "wall-pages", kind="textarea", value="\n".join(shown.pages), required=True, code=True,
                  hint="One a line, in the order of the rotation. An address copied from the browser keeps its range and sensor."),
            html.Div(
                [Field("page_s", "Seconds for each page", kind="number", value=str(shown.page_s), required=True, hint="10 to 600."),
                 Field("theme", "Theme", kind="select", value=shown.theme, options=THEMES)],
                className="fields",
            ),
            _narrowing(narrowed),
            html.Div([submit("Save" if link else "Make the link"), cancel("wall-cancel")], className="actions"),
        ],
        id="wall-form", label="Wall screen",
    )  # fmt: skip


def _narrowing(checks: list[Field]) -> Component | None:
    if not checks:
        return None
    hint = html.P("With none chosen the whole plant is shown.", className="hint")
    return html.Fieldset([html.Legend("Only these lines"), hint, *checks], className="field")


@callback(
    Output("wall-dialog", "is_open"),
    Output("wall-editor", "children"),
    Output("wall-editing", "data"),
    Input("wall-new", "n_clicks"),
    shell.pressed("wall-changing", type="wall-change", link=ALL),
    prevent_initial_call=True,
)
def show_editor(_new: int, changing: dict[str, Any] | None) -> Any:
    """The form, empty or as the link is."""
    if not ctx.triggered or not ctx.triggered[0]["value"]:
        raise PreventUpdate
    if ctx.triggered_id == "wall-new" or changing is None:
        return True, _form(None), None
    link = _found(changing["link"])
    return True, _form(link), link.id


@callback(Output("wall-dialog", "is_open", allow_duplicate=True), Input("wall-cancel", "n_clicks"), prevent_initial_call=True)
def close_editor(clicks: int | None) -> Any:
    """Nothing is kept."""
    if not clicks:
        raise PreventUpdate
    return False


@callback(
    Output("wall-pages", "value"),
    Output("wall-add", "value"),
    Input("wall-add", "value"),
    State("wall-pages", "value"),
    prevent_initial_call=True,
)
def add_page(added: str | None, written: str | None) -> Any:
    """The chosen page as one more line."""
    if not added:
        raise PreventUpdate
    return "\n".join([*(line for line in (written or "").splitlines() if line.strip()), added]), ""


@callback(
    Output("wall-form", "errors"),
    Output("wall-dialog", "is_open", allow_duplicate=True),
    Output("wall-list", "children"),
    Output("wall-made", "is_open"),
    Output("wall-made-body", "children"),
    Input("wall-form", "submitted"),
    State("wall-editing", "data"),
    running=busy("wall-form"),
    prevent_initial_call=True,
)
def save_link(submitted: dict[str, Any] | None, editing: int | None) -> Any:
    """Makes or changes the link; a new one's address is shown this once."""
    if not submitted:  # the form has just been put there
        raise PreventUpdate
    values, database, who = submitted["values"], services().database, actor()
    try:
        lines = tuple(name.removeprefix(LINE) for name, chosen in values.items() if name.startswith(LINE) and chosen)
        page_s = int(number(values, "page_s") or 0)
        wanted = Showing(values["name"], pages_of(values["pages"], flask.request.host), page_s, values["theme"], lines or None)
        if editing is not None:
            kiosk.change_link(database, who, editing, wanted)
            return {}, False, _list(), False, no_update
        _, token = kiosk.create_link(database, who, wanted)
    except ActionError as error:
        return errors_of(error), *[no_update] * 4
    return {}, False, _list(), True, _made(f"{flask.request.host_url}kiosk#{token}")


def _made(link: str) -> list[Component]:
    return [
        html.P("Open it in the screen's browser, or set it as the page that the browser starts with. It is shown this once."),
        command(link, "wall-link", "Copy the link"),
        html.P(
            "Whoever has the link sees what the screen shows. What stands behind the # stays in the browser: it is in no server's log.",
            className="small muted",
        ),
    ]


@callback(
    Output("wall-revoke", "is_open"),
    Output("wall-revoke-text", "children"),
    Output("wall-revoking", "data"),
    shell.pressed("wall-ending", type="wall-end", link=ALL),
    Input("wall-revoke-no", "n_clicks"),
    prevent_initial_call=True,
)
def ask_revoke(ending: dict[str, Any] | None, _no: int) -> Any:
    """Says what ends, before it does."""
    if not ctx.triggered or not ctx.triggered[0]["value"]:
        raise PreventUpdate
    if ctx.triggered_id == "wall-revoke-no" or ending is None:
        return False, no_update, None
    link = _found(ending["link"])
    return True, f"The screens of {link.name} stop showing the plant, and the link opens nothing any more.", link.id


@callback(
    Output("wall-revoke-form", "errors"),
    Output("wall-revoke", "is_open", allow_duplicate=True),
    Output("wall-list", "children", allow_duplicate=True),
    Input("wall-revoke-form", "submitted"),
    State("wall-revoking", "data"),
    running=busy("wall-revoke-form"),
    prevent_initial_call=True,
)
def revoke(submitted: dict[str, Any] | None, link_id: int | None) -> Any:
    """Ends the link."""
    if not submitted:
        raise PreventUpdate
    try:
        kiosk.revoke_link(services().database, actor(), int(link_id or 0))
    except ActionError as error:
        return errors_of(error), no_update, _list()
    return {}, False, _list()


@callback(
    Output("wall-list", "children", allow_duplicate=True),
    Output("wall-looked", "data"),
    shell.PULSE,
    State("wall-looked", "data"),
    prevent_initial_call=True,
)
def show_list(_pulse: int, looked: float) -> Any:
    """Which screens are open, every few seconds."""
    if time.time() - looked < LOOK_EVERY_S:
        raise PreventUpdate
    return _list(), time.time()


def _found(link_id: int) -> LinkRow:
    found = next((link for link in kiosk.list_links(services().database, actor()) if link.id == link_id), None)
    if found is None:
        raise ActionError("link", "this link has been revoked", status=404)
    return found

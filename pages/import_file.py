"""One import `/import/<number>`: how its file is read, what it would do, how far it is, what became of it (IN-5)."""

from dataclasses import replace
from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import imports as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.ingest import uploads
from dashapp.ui import shell
from dashapp.ui.components import card, empty_state
from dashapp.ui.context import actor, catalogue, services
from dashapp.ui.device.data import plant_reading, viewer_zone
from dashapp.ui.forms import sentence
from dashapp.ui.imports import parts, setup
from dashapp.ui.imports.understood import Understood, plan_of_form, understand
from db.queries.imports import ImportRow, find_import

_Fields = list[tuple[dict[str, Any], Any]]


def title(number: str = "", **_query: Any) -> str:
    """`press.csv · Andon`."""
    row = _find(number)
    return (row.file_name if row else "Import") + shell.SUFFIX


dash.register_page(
    __name__,
    path_template="/import/<number>",
    name="Import of a file",
    title=title,
    order=51,
    nav=False,
    role=Role.MANAGER,
    within="/import",
)


def layout(number: str = "", **_query: Any) -> Component:
    """Whatever the import's state asks for."""
    row = _find(number)
    if row is None:
        link = html.A("All imports", href="/import", className="btn", **{"data-inside": "true"})
        return html.Div(empty_state("No such import", "It was thrown away, or it belongs to another plant.", link), className="card")
    return shell.live(
        html.P(id="import-said", className="hidden", role="alert"),
        html.Div(body(row), id="import-body", className="stack"),
        parts.undo_dialog(),
        dcc.Store(id="import-pressed"),
        dcc.Store(id="import-held", data=_held(row)),
        html.Div(id="import-elsewhere", hidden=True),
    )


def body(row: ImportRow) -> list[Component]:
    """The head and what the state asks for."""
    zone = viewer_zone()
    top = parts.head(row, zone)
    if row.state in parts.LIVE:
        return [top, parts.progress_card(row, zone)]
    if row.state not in ("draft", "checked"):
        return [top, parts.ended_card(row, zone)]
    found = understand(row)
    if found.missing:
        return [top, card("The file", html.P(found.problem, className="notice high"), parts.button("discard", "Throw this away"))]
    return [top, *setup.setup(row, found), html.Div(next_step(row, found), id="import-next"),
            html.Div(parts.button("discard", "Throw the file away", look="btn plain"))]  # fmt: skip


def next_step(row: ImportRow, found: Understood) -> Component:
    """What is to be done before anything is stored: something is missing, the check, or what it found."""
    if row.state == "checked" and row.detail.get("check"):
        return parts.checked_card(row, found.zone)
    missing = found.problem or ("Choose the device that the file is of." if found.needs_device else "")
    note = html.P(sentence(row.note) + ".", className="notice high", role="status") if row.note and not missing else None
    text = "The whole file is read and compared with what is stored. Nothing is changed by that."
    check = parts.button("check", "Check the whole file", look="btn solid", disabled=bool(missing))
    return card("Before anything is stored", note, html.P(missing or text, className="muted", id="import-missing"),
                html.Div(check, className="actions"))  # fmt: skip


def _find(number: str) -> ImportRow | None:
    if not number.isdecimal() or len(number) > 9:
        return None
    with plant_reading() as connection:
        return find_import(connection, int(number))


def _held(row: ImportRow) -> dict[str, Any]:
    """What the page in the browser knows of the import; the form's own changes do not count as news to it."""
    news = [row.bytes_read, row.rows_read, row.stored, row.removed, row.silent_s > parts.SILENT_S] if row.state in parts.LIVE else []
    return {"id": row.id, "state": row.state, "news": [*news, row.upload is None]}


@callback(
    Output("import-body", "children"),
    Output("import-held", "data"),
    Output("import-elsewhere", "children"),
    shell.PULSE,
    State("import-held", "data"),
    prevent_initial_call=True,
)
def show_import(_pulse: int, held: dict[str, Any]) -> Any:
    """What changed: how far it is, or what another state asks for, whoever brought it there."""
    row = _find(str(held["id"]))
    if row is None:
        return no_update, no_update, dcc.Location(id="import-gone", href="/import", refresh=True)
    now = _held(row)
    if now == held:
        raise PreventUpdate
    return body(row), now, no_update


TOLD: dict[str, Any] = {"type": "import-told", "name": ALL}
COLUMNS: dict[str, Any] = {"type": "import-column", "at": ALL, "part": ALL}
SAID = (State(TOLD, "said"), State(COLUMNS, "said"))


@callback(
    Output("import-columns", "children"),
    Output("import-preview", "children"),
    Output("import-next", "children"),
    Output("import-new-device", "children"),
    Output("import-held", "data", allow_duplicate=True),
    Input(TOLD, "value"),
    Input(COLUMNS, "value"),
    State("import-held", "data"),
    *SAID,
    prevent_initial_call=True,
)
def save_plan(_told: list[Any], _columns: list[Any], held: dict[str, Any], *said: list[int | None]) -> Any:
    """Keeps what was changed in the form, and shows the first rows as they are read now."""
    row = _find(str(held["id"]))
    if row is None or row.state not in ("draft", "checked"):
        raise PreventUpdate
    before = understand(row)
    told, columns = (_fields(inputs) for inputs in ctx.inputs_list)
    try:
        kept = _keep(row, before, told, columns, said)
    except ActionError:  # a check that was asked for later was faster, and went by the same form
        kept = False
    if not kept:
        raise PreventUpdate
    row = _find(str(row.id))
    if row is None:
        raise PreventUpdate
    found = understand(row)
    columns_now = setup.columns_card(found) if setup.other_columns(before, found) else no_update
    names = {field["name"]: value for field, value in told}
    is_new = names.get("device_choice") == "+"
    device_now = setup.new_device_fields(row, found, is_new) if is_new != ("device_key" in names) else no_update
    return columns_now, setup.preview_card(found), next_step(row, found), device_now, _held(row)


def _keep(row: ImportRow, before: Understood, told: _Fields, columns: _Fields, said: tuple[list[int | None], ...]) -> bool:
    """Keeps the plan that the form's fields make; False where it is the one that is kept."""
    names = {field["name"]: value for field, value in told}
    if names.get("device_choice") == "+" and "device_key" not in names:
        names["device_key"] = setup.suggested_key(row)
    plan = plan_of_form(before, names, {(field["at"], field["part"]): value for field, value in columns})
    if plan.zone == catalogue().zone:  # the plant's own needs no saying
        plan = replace(plan, zone="")
    if plan.json() == before.plan.json():
        return False
    actions.plan_import(services().database, actor(), row.id, plan.json(), max((at for each in said for at in each if at), default=None))
    return True


def _fields(inputs: list[dict[str, Any]]) -> _Fields:
    """(id, value) of the fields that are there: one that is being taken off the page says nothing any more."""
    return [(each["id"], each["value"]) for each in inputs if isinstance(each.get("id"), dict) and each.get("value") is not None]


@callback(
    Output("import-body", "children", allow_duplicate=True),
    Output("import-held", "data", allow_duplicate=True),
    Output("import-elsewhere", "children", allow_duplicate=True),
    Output("import-said", "children"),
    Output("import-said", "className"),
    Output("import-undo-dialog", "is_open"),
    Output("import-undo-words", "children"),
    shell.pressed("import-pressed", type="import-do", what=ALL),
    Input("import-undo-close", "n_clicks"),
    State("import-held", "data"),
    State(TOLD, "value"),
    State(COLUMNS, "value"),
    *SAID,
    prevent_initial_call=True,
)
def do_something(pressed: dict[str, Any] | None, _close: int | None, held: dict[str, Any], *form: list[Any]) -> Any:
    """One of the buttons: check, start, cancel, undo, throw away."""
    same = (no_update,) * 5
    if ctx.triggered_id == "import-undo-close":
        return *same, False, no_update
    if pressed is None:
        raise PreventUpdate
    row, what = _find(str(held["id"])), pressed["what"]
    if what == "ask-undo" and row is not None:
        return *same, True, parts.undo_words(row)
    try:
        if what == "check" and row is not None:  # by what is on the screen, though it may be on its way here still
            told, columns = (_fields(values) for values in ctx.states_list[1:3])
            _keep(row, understand(row), told, columns, form[2:])
        _do(what, held["id"])
    except ActionError as error:
        row = _find(str(held["id"]))
        shown = (body(row), _held(row)) if row is not None else (no_update, no_update)
        return *shown, no_update, sentence(error.reason) + ".", "notice critical", False, no_update
    services().imports_wanted.set()
    row = _find(str(held["id"]))
    if row is None:
        return no_update, no_update, dcc.Location(id="import-gone", href="/import", refresh=True), "", "hidden", False, no_update
    return body(row), _held(row), no_update, "", "hidden", False, no_update


def _do(what: str, number: int) -> None:
    database, who = services().database, actor()
    if what == "check":
        row = _find(str(number))
        found = understand(row) if row is not None else None
        if found is not None and (found.problem or found.needs_device):
            raise ActionError("import", found.problem or "choose the device that the file is of")
        actions.check_import(database, who, number, devices=found.devices if found is not None else None)
    elif what == "start":
        actions.start_import(database, who, number)
    elif what == "cancel":
        actions.cancel_import(database, who, number)
    elif what == "undo":
        actions.undo_import(database, who, number)
    elif what == "discard":
        uploads.remove(services().settings, actions.discard_import(database, who, number))
    else:
        raise PreventUpdate

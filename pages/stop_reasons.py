"""Reasons of stops `/production/reasons`: six to nine, in the order of the buttons, each with the loss that it declares (PR-4)."""

from typing import Any

import dash
from dash import ALL, Input, Output, callback, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import reasons as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.domain.oee import LOSS_WORDS, OF_REASONS, Loss
from dashapp.ui import forms, shell
from dashapp.ui.components import card, chip
from dashapp.ui.context import actor, services
from dashapp.ui.device.data import plant_reading
from dashapp.ui.forms import Field, Form
from dashapp.ui.production.parts import production_tabs
from dashapp.ui.production.scope import PRODUCTION
from dashapp.ui.production.words import option
from db.queries.stops import Reason, reasons

PATH = f"{PRODUCTION}/reasons"
LOSSES: Any = [option(loss, LOSS_WORDS[loss]) for loss in OF_REASONS]

dash.register_page(
    __name__,
    path=PATH,
    name="Stop reasons",
    title="Stop reasons" + shell.SUFFIX,
    order=35,
    nav=False,
    findable=True,
    role=Role.MANAGER,
    within="/production",
)


def layout(**_query: Any) -> Component:
    """The reasons, each with its form, and one for a new one."""
    add = Form(
        [
            Field("code", "Code", required=True, max_length=30, hint="How other systems call it, like tool-change. It stays."),
            Field("name", "Name on the button", required=True, max_length=60),
            Field("loss", "What it costs", kind="select", options=LOSSES, value=str(Loss.FAILURE), required=True),
            html.Div(forms.submit("Add"), className="actions"),
        ],
        id="reason-add",
        label="Add a reason",
        className="form",
    )
    few = f"{actions.FEWEST} to {actions.MOST} reasons, so that a thumb finds them."
    note = f"{few} What a reason costs holds for the past as well: its stops are counted anew."
    return html.Div(
        [
            production_tabs(PATH),
            html.P(id="reasons-said", role="status", className="form-message"),
            html.Div(
                [html.Div(_list(), id="reasons-list"), card("Add a reason", html.P(note, className="small muted"), add)], className="two"
            ),
        ],
        className="stack",
    )


def _list() -> Component:
    with plant_reading() as connection:
        found = reasons(connection)
    return card(
        "Reasons, in the order of the buttons", html.Ul([_row(one, found) for one in found], className="channels"), aside=f"{len(found)}"
    )


def _row(one: Reason, found: list[Reason]) -> Component:
    first, last = one.id == found[0].id, one.id == found[-1].id

    def button(sign: str, word: str, to: str, off: bool) -> Component:
        return html.Button(
            sign,
            id={"type": "reason-do", "reason": one.id, "to": to},
            type="button",
            n_clicks=0,
            disabled=off,
            className="control square" if sign != word else "btn danger",
            title=f"{word}: {one.name}",
            **{"aria-label": f"{word}: {one.name}"},
        )

    form = Form(
        [
            html.Div(
                [
                    Field("name", "Name on the button", value=one.name, required=True, max_length=60),
                    Field("loss", "What it costs", kind="select", options=LOSSES, value=str(one.loss), required=True),
                ],
                className="fields",
            ),
            html.Div([forms.submit("Save", quiet=True), button("Remove", "Remove", "remove", False)], className="actions"),
        ],
        id={"type": "reason-form", "reason": one.id},
        label=f"Change {one.name}",
        className="form",
    )
    words = html.Div(
        [
            html.Div([html.H3(one.name), chip("plain", LOSS_WORDS[one.loss])], className="row"),
            html.P(one.code, className="small muted"),
            html.Details([html.Summary("Change"), form], className="folded"),
        ],
        className="channel-words",
    )
    moves = html.Div([button("↑", "Earlier", "up", first), button("↓", "Later", "down", last)], className="channel-actions reason-move")
    return html.Li([words, moves], className="channel", **{"data-reason": one.code})


@callback(
    Output("reason-add", "errors"),
    Output("reasons-list", "children"),
    Output("reasons-said", "children"),
    Input("reason-add", "submitted"),
    prevent_initial_call=True,
    running=forms.busy("reason-add"),
)
def add(submitted: dict[str, Any] | None) -> Any:
    """Adds a reason, last in the order."""
    values = forms.sent(submitted)
    try:
        actions.create_reason(
            services().database, actor(), str(values.get("code") or ""), str(values.get("name") or ""), Loss(values["loss"])
        )
    except ActionError as error:
        return forms.errors_of(error), no_update, ""
    return {}, _list(), "Added."


@callback(
    Output("reasons-list", "children", allow_duplicate=True),
    Output("reasons-said", "children", allow_duplicate=True),
    Input({"type": "reason-form", "reason": ALL}, "submitted"),
    prevent_initial_call=True,
)
def change(_submitted: list[Any]) -> Any:
    """Another name, another loss."""
    if not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    values = forms.sent(ctx.triggered[0]["value"])
    said = "Saved. Its stops are counted anew."
    try:
        actions.change_reason(services().database, actor(), ctx.triggered_id["reason"], str(values.get("name") or ""), Loss(values["loss"]))
    except ActionError as error:
        said = f"{forms.sentence(error.reason)}."
    return _list(), said


@callback(
    Output("reasons-list", "children", allow_duplicate=True),
    Output("reasons-said", "children", allow_duplicate=True),
    Input({"type": "reason-do", "reason": ALL, "to": ALL}, "n_clicks"),
    prevent_initial_call=True,
)
def move(_clicks: list[int]) -> Any:
    """Earlier, later, or off the list."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    reason_id, to = ctx.triggered_id["reason"], ctx.triggered_id["to"]
    try:
        if to == "remove":
            actions.remove_reason(services().database, actor(), reason_id)
            return _list(), "Removed. Stops that have it keep it."
        with plant_reading() as connection:
            order = [one.id for one in reasons(connection)]
        at = order.index(reason_id)
        other = max(0, at - 1) if to == "up" else min(len(order) - 1, at + 1)
        order[at], order[other] = order[other], order[at]
        actions.order_reasons(services().database, actor(), order)
    except ActionError as error:
        return _list(), f"{forms.sentence(error.reason)}."
    return _list(), "Moved."

"""Production `/production`: what machines did, their stops with a reason each, and where the time went by reason (UI-5, PR-4)."""

from datetime import UTC, datetime
from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import production as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.ui import forms, shell
from dashapp.ui.components import card
from dashapp.ui.context import actor, services
from dashapp.ui.device.data import plant_reading
from dashapp.ui.production import stop_parts as parts
from dashapp.ui.production.explain_parts import edits_card
from dashapp.ui.production.parts import chart_card, no_machines, place_choice, production_tabs, range_bar, stores, wire_chart, wire_range
from dashapp.ui.production.scope import PRODUCTION
from dashapp.ui.production.stop_data import Stops, read_stops
from dashapp.ui.time_range import parse_instant
from dashapp.ui.zones import viewer_zone

dash.register_page(
    __name__,
    path=PRODUCTION,
    name="Stops",
    title="Production and stops" + shell.SUFFIX,
    section="Production",
    order=32,
    nav=True,
    shortcut="p",
    role=Role.VIEWER,
    charts=True,
)

OUTPUTS = ("production-waiting", "production-detail", "production-timeline-place", "production-list", "production-edits")
Query = dict[str, Any]


def _read(query: Query) -> Stops | None:
    with plant_reading() as connection:
        return read_stops(connection, query)


def layout(**query: Any) -> Component:
    """`?line=` or `?machine=`, a range, `loss` and `reason` as filters, `stop` for the one that is open."""
    found = _read(query)
    if found is None:
        return html.Div([production_tabs(PRODUCTION), no_machines()], className="stack")
    scope, made = found.scope, _parts(found)
    csv = scope.address(f"{PRODUCTION}.csv", ("table", "reasons"), ("by", found.by), fixed=True)
    places = {name: html.Div(children, id=name, className="stack") for name, children in zip(OUTPUTS, made, strict=True)}
    return shell.live(
        production_tabs(PRODUCTION),
        places["production-detail"],
        places["production-waiting"],
        card("Time and place", place_choice(scope, parts.loss_choice(found)), *range_bar("production", scope), className="scope-card"),
        places["production-timeline-place"],
        chart_card(parts.pareto_source(found), csv=csv, aside=[parts.pareto_choice(found)]),
        places["production-list"],
        parts.enter_card(found, actor()),
        places["production-edits"],
        *stores("production", scope, query),
        each="minute",
    )


def _parts(found: Stops) -> list[Any]:
    """The children of `OUTPUTS`."""
    who = actor()
    return [
        parts.waiting_card(found, who),
        parts.detail(found, who),
        parts.timeline_card(found),
        parts.list_card(found),
        edits_card(found.edits, found.people, title="What was said and corrected"),
    ]


def _anew(query: Query) -> tuple[Any, ...]:
    """Everything that an answer may have changed."""
    found = _read(query)
    if found is None:
        raise PreventUpdate
    return *_parts(found), parts.pareto_source(found)


def _outputs() -> list[Output]:
    """What follows an answer; each callback names them again."""
    children = [Output(name, "children", allow_duplicate=True) for name in OUTPUTS]
    return [*children, Output("production-source-pareto", "data", allow_duplicate=True)]


NOTHING = [no_update] * (len(OUTPUTS) + 1)


@callback(*_outputs(), Input("production-minute", "data"), State("production-held", "data"), prevent_initial_call=True)
def show_minute(_minute: int, query: Query) -> Any:
    """What the last minute brought; the stop that is open stays as it is: somebody may be writing in it."""
    found = _read(query)
    if found is None or not found.scope.moves:
        raise PreventUpdate
    made = _parts(found)
    made[1] = no_update
    return *made, parts.pareto_source(found)


@callback(
    *_outputs(),
    Input({"type": "stop-reasons", "stop": ALL, "place": ALL}, "given"),
    State("production-held", "data"),
    prevent_initial_call=True,
)
def show_given(given: list[int | None], query: Query) -> Any:
    """Figures follow a reason at once."""
    if not any(given):
        raise PreventUpdate
    return _anew(query)


def _form_of_a_stop(name: str) -> Any:
    """Registers what a form on the stop that is open does."""
    return callback(
        Output(name, "errors"), *_outputs(), Input(name, "submitted"), State("production-held", "data"), prevent_initial_call=True,
        running=forms.busy(name),
    )  # fmt: skip


def _said(query: Query, do: Any) -> Any:
    """Does it and shows all anew; or says beside the form why it cannot be done."""
    found = _read(query)
    if found is None or found.open is None:
        raise PreventUpdate
    try:
        do(found.open.id)
    except ActionError as error:
        return forms.errors_of(error), *NOTHING
    return {}, *_anew(query)


def _instant(values: dict[str, Any], name: str) -> int:
    try:
        return parse_instant(str(values.get(name) or ""), viewer_zone())
    except ValueError:
        raise ActionError(name, "give a day and a time") from None


@_form_of_a_stop("stop-comment")
def add_remark(submitted: dict[str, Any] | None, query: Query) -> Any:
    """Adds a remark."""
    values = forms.sent(submitted)
    return _said(query, lambda stop: actions.comment_stop(services().database, actor(), stop, values.get("comment") or ""))


@_form_of_a_stop("stop-split")
def split(submitted: dict[str, Any] | None, query: Query) -> Any:
    """Makes two stops of one."""
    values = forms.sent(submitted)
    return _said(query, lambda stop: actions.split_stop(services().database, actor(), stop, _instant(values, "at")))


@_form_of_a_stop("stop-times")
def correct_times(submitted: dict[str, Any] | None, query: Query) -> Any:
    """Says when it really began and ended."""
    values = forms.sent(submitted)

    def do(stop: int) -> None:
        end_us = _instant(values, "end") if "end" in values else None
        actions.edit_stop(services().database, actor(), stop, _instant(values, "start"), end_us, values.get("comment") or "")

    return _said(query, do)


@_form_of_a_stop("stop-join")
def join(submitted: dict[str, Any] | None, query: Query) -> Any:
    """Takes a split back."""
    forms.sent(submitted)
    return _said(query, lambda stop: actions.join_stop(services().database, actor(), stop))


@_form_of_a_stop("stop-clear")
def take_reason_back(submitted: dict[str, Any] | None, query: Query) -> Any:
    """Takes the reason back."""
    forms.sent(submitted)
    return _said(query, lambda stop: actions.assign_reason(services().database, actor(), stop, None))


@_form_of_a_stop("stop-withdraw")
def withdraw(submitted: dict[str, Any] | None, query: Query) -> Any:
    """Says that there was no stop."""
    values = forms.sent(submitted)
    return _said(query, lambda stop: actions.withdraw_stop(services().database, actor(), stop, values.get("comment") or ""))


@callback(
    Output("stop-enter", "errors"),
    Output("stop-enter", "message"),
    *_outputs(),
    Input("stop-enter", "submitted"),
    State("production-held", "data"),
    prevent_initial_call=True,
    running=forms.busy("stop-enter"),
)
def enter(submitted: dict[str, Any] | None, query: Query) -> Any:
    """Enters a stop by hand."""
    values = forms.sent(submitted)
    try:
        reason = int(values["reason"]) if values.get("reason") else None
        actions.enter_stop(
            services().database,
            actor(),
            int(values["machine"]),
            _instant(values, "start"),
            _instant(values, "end"),
            reason,
            values.get("comment") or "",
            now=datetime.now(UTC),
        )
    except ActionError as error:
        return forms.errors_of(error), "", *NOTHING
    return {}, "Entered.", *_anew(query)


wire_range("production")
wire_chart("pareto")

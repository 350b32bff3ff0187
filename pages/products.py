"""Products `/production/products`: planned run time per item on each machine, and which product runs when (PR-1)."""

import time
from datetime import UTC, datetime
from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import products as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.ui import forms, shell
from dashapp.ui.context import actor, services
from dashapp.ui.device.data import plant_reading
from dashapp.ui.production import product_parts as parts
from dashapp.ui.production.parts import no_machines, production_tabs
from dashapp.ui.production.product_parts import PATH
from dashapp.ui.production.words import People
from dashapp.ui.time_range import parse_instant
from dashapp.ui.zones import viewer_zone
from db.columns import from_us
from db.queries.production_facts import producing_machines
from db.queries.products import Product, product_runs, products

dash.register_page(
    __name__,
    path=PATH,
    name="Products",
    title="Products" + shell.SUFFIX,
    order=33,
    nav=False,
    findable=True,
    role=Role.VIEWER,
    within="/production",
)


def layout(product: str = "", **_query: Any) -> Component:
    """`?product=` is the one that is changed, or `new`."""
    machines, found, lists = _read()
    if not machines:
        return html.Div([production_tabs(PATH), no_machines()], className="stack")
    form = None
    chosen = next((one for one in found if str(one.id) == product), None)
    if actor().role.includes(Role.MANAGER) and (chosen or product == "new"):
        form = parts.product_form(machines, chosen)
    run = parts.run_form(machines, found, time.time_ns() // 1000, viewer_zone()) if actor().role.includes(Role.OPERATOR) else None
    return html.Div(
        [
            production_tabs(PATH),
            html.P(id="products-said", role="status", className="form-message"),
            form,
            html.Div([html.Div(lists, id="products-lists", className="stack"), html.Div(run, className="stack")], className="two"),
            dcc.Store(id="product-held", data=chosen.id if chosen else None),
        ],
        className="stack",
    )


def _read() -> tuple[list[Any], list[Product], list[Component]]:
    zone, who = viewer_zone(), actor()
    with plant_reading() as connection:
        machines = [one for one in producing_machines(connection) if who.lines is None or one.line in who.lines]
        found, people = products(connection), People(connection)
        runs = product_runs(connection, [one.id for one in machines])
        for run in runs:
            people[run.by]
    lists = [
        parts.running_card(machines, found, runs, people, zone),
        parts.products_card(machines, found, may_change=who.role.includes(Role.MANAGER)),
        parts.runs_card(machines, runs, people, zone, who),
    ]
    return machines, found, lists


@callback(
    Output("product-form", "errors"),
    Output("_pages_location", "href", allow_duplicate=True),
    Input("product-form", "submitted"),
    State("product-held", "data"),
    prevent_initial_call=True,
    running=forms.busy("product-form"),
)
def save(submitted: dict[str, Any] | None, product_id: int | None) -> Any:
    """Makes, changes or removes the product, and goes back to the list."""
    values = forms.sent(submitted)
    running, who = services().database, actor()
    try:
        if product_id is None:
            actions.create_product(running, who, parts.draft_of(values, ""))
        elif (submitted or {}).get("button") == "remove":
            actions.remove_product(running, who, product_id)
        else:
            since = _instant(values["since"]) if values.get("since") else None
            actions.change_product(running, who, product_id, parts.draft_of(values, ""), since=since)
    except ActionError as error:
        return forms.errors_of(error), no_update
    return {}, PATH


def _instant(text: str) -> datetime:
    try:
        return from_us(parse_instant(text, viewer_zone()))
    except ValueError:
        raise ActionError("since", "give a day and a time") from None


@callback(
    Output("product-run", "errors"),
    Output("products-lists", "children"),
    Output("products-said", "children"),
    Input("product-run", "submitted"),
    prevent_initial_call=True,
    running=forms.busy("product-run"),
)
def run(submitted: dict[str, Any] | None) -> Any:
    """Another product runs."""
    values = forms.sent(submitted)
    try:
        product = int(values["product"]) if values.get("product") else None
        actions.run_product(
            services().database, actor(), int(values["machine"]), product, _instant(str(values.get("since") or "")), now=datetime.now(UTC)
        )
    except ActionError as error:
        return forms.errors_of(error), no_update, ""
    return {}, _read()[2], "Saved. The figures follow at once."


@callback(
    Output("products-lists", "children", allow_duplicate=True),
    Output("products-said", "children", allow_duplicate=True),
    Input({"type": "run-withdraw", "device": ALL, "since": ALL}, "n_clicks"),
    prevent_initial_call=True,
)
def withdraw(_clicks: list[int]) -> Any:
    """As if nothing had been said of that time."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    said = "Taken back."
    try:
        actions.withdraw_run(services().database, actor(), ctx.triggered_id["device"], from_us(ctx.triggered_id["since"]))
    except ActionError as error:
        said = f"{forms.sentence(error.reason)}."
    return _read()[2], said

"""OEE `/oee`: the plant, a line or a machine over a range: figures, where the time went, the trend, best and worst, a heatmap (UI-5)."""

from typing import Any

import dash
from dash import Input, Output, State, callback, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.components import card
from dashapp.ui.context import services
from dashapp.ui.device.data import plant_reading
from dashapp.ui.production import oee_parts as parts
from dashapp.ui.production.parts import chart_card, inside, no_machines, place_choice, range_bar, stores, wire_chart, wire_range
from dashapp.ui.production.scope import EXPLAIN, OEE, Scope, scope_of
from dashapp.ui.production.sheet import Sheet, asked_by, read_sheet

dash.register_page(
    __name__,
    path=OEE,
    name="OEE",
    title="OEE" + shell.SUFFIX,
    section="Production",
    order=30,
    nav=True,
    icon="oee",
    shortcut="e",
    role=Role.VIEWER,
    charts=True,
)


def _read(query: dict[str, Any]) -> tuple[Scope, Sheet | None]:
    with plant_reading() as connection:
        scope = scope_of(connection, query)
        return scope, read_sheet(connection, scope, asked_by(scope, query)) if scope.machines else None


def _target() -> float:
    return services().settings.oee_target_percent / 100


def layout(**query: Any) -> Component:
    """`?line=` or `?machine=`, a range, and `by` for what a point of the trend is."""
    scope, sheet = _read(query)
    if sheet is None:
        return no_machines()
    csv = scope.address(f"{OEE}.csv", ("table", "losses"), fixed=True)
    trend = scope.address(f"{OEE}.csv", ("table", "trend"), ("by", sheet.by.value), fixed=True)
    explain = inside("Explain every figure", scope.address(EXPLAIN), "btn tiny")
    return shell.live(
        parts.crumbs(scope),
        card("Time and place", place_choice(scope), *range_bar("oee", scope), className="scope-card"),
        html.Div(parts.tiles(sheet, _target()), className="oee-tiles", id="oee-tiles"),
        html.Div(
            [
                chart_card(parts.losses_source(sheet), csv=csv, tall="tall", aside=[explain]),
                card("Losses", html.Div(parts.losses_table(sheet), id="oee-losses-table")),
            ],
            className="two",
        ),
        chart_card(parts.trend_source(sheet, _target()), csv=trend, aside=[parts.by_choice(sheet)]),
        html.Div(parts.rows_cards(sheet), id="oee-rows", className="stack"),
        html.Div(parts.heat_card(sheet), id="oee-heat"),
        *stores("oee", scope, query),
        each="minute",
    )


@callback(
    Output("oee-tiles", "children"),
    Output("production-source-losses", "data"),
    Output("oee-losses-table", "children"),
    Output("production-source-trend", "data"),
    Output("oee-rows", "children"),
    Output("oee-heat", "children"),
    Input("oee-minute", "data"),
    State("oee-held", "data"),
    prevent_initial_call=True,
)
def show_minute(_minute: int, query: dict[str, Any]) -> Any:
    """What the last minute brought, where the range goes on with the time."""
    scope, sheet = _read(query)
    if sheet is None or not scope.moves:
        raise PreventUpdate
    return (
        parts.tiles(sheet, _target()),
        parts.losses_source(sheet),
        parts.losses_table(sheet),
        parts.trend_source(sheet, _target()),
        parts.rows_cards(sheet),
        parts.heat_card(sheet),
    )


wire_range("oee")
wire_chart("losses")
wire_chart("trend")

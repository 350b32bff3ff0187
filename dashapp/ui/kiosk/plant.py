"""The overview as a wall screen shows it: four figures, the devices, what needs attention, what the machines did.

The same shared overview as on the page (`dashapp.ui.snapshot`), in what can be read from five metres.
"""

from typing import Any

import dash
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashapp.ui.attention import Attention, attention_list
from dashapp.ui.components import StateTimeline, empty_state
from dashapp.ui.context import actor, overviews, services
from dashapp.ui.kiosk.parts import WallCards, states_heading
from dashapp.ui.plant_activity import SHOWN_US, PlantActivity
from dashapp.ui.plant_figures import tiles
from dashapp.ui.snapshot import View

FIGURES = 4
LISTED = 4
MACHINES = 4
PULSE = Input("shell-pulse", "data")


def wall_plant() -> Component:
    """The root of the page."""
    return html.Div(_body(overviews().of(actor()).view()), id="wall-overview", className="wall-overview", **{"data-live": "true"})


def _body(view: View) -> list[Component]:
    held = dcc.Store(id="wall-held", data=view.held)
    if not view.devices:
        return [empty_state("No devices yet", "They appear here as soon as they are added."), held]
    zone = services().catalogue.of(actor().tenant_id).zone
    return [
        html.Div(tiles(view.figures)[:FIGURES], id="wall-figures", className="kpis"),
        html.Div(WallCards(id="wall-cards", devices=view.devices, now=view.now_ms), className="wall-devices"),
        html.Section(
            [html.H2("Needs attention"), html.Div(_attention(view.attention), id="wall-attention")], className="card wall-attention"
        ),
        *_machines(view.activity, zone),
        held,
    ]


def _attention(items: Attention) -> list[Component]:
    more = len(items) - LISTED
    rest = [html.P(f"and {more} more", className="muted attention-more")] if more > 0 else []
    return [*attention_list(items[:LISTED]), *rest]


def _machines(activity: PlantActivity, zone: str) -> list[Component]:
    if not activity.machines:
        return []
    line = StateTimeline(id="wall-timeline", legend=False, zone=zone, **_timeline(activity))
    return [html.Section([states_heading("Machines, last 8 hours"), line], className="card wall-machines")]


def _timeline(activity: PlantActivity) -> dict[str, Any]:
    end_ms = activity.at_us // 1000
    rows = [{**row, "href": None} for row in activity.timeline()[:MACHINES]]
    return {"rows": rows, "start_ms": end_ms - SHOWN_US // 1000, "end_ms": end_ms, "now_ms": end_ms}


def register(app: Dash) -> None:
    """The tick of this page."""

    @app.callback(
        Output("wall-overview", "children"),
        Output("wall-cards", "delta"),
        Output("wall-figures", "children"),
        Output("wall-attention", "children"),
        Output("wall-held", "data"),
        PULSE,
        State("wall-held", "data"),
        prevent_initial_call=True,
    )
    def show_plant(_pulse: int, held: dict[str, Any] | None) -> Any:
        """What is new since the screen's last answer; nothing at all in most cases."""
        shown = overviews().of(actor())
        changes = shown.changes(held)
        if changes is None:
            return no_update
        if changes.anew:
            return _body(shown.view()), *[no_update] * 4
        if changes.activity is not None and changes.activity.machines:
            dash.set_props("wall-timeline", _timeline(changes.activity))
        return (
            no_update,
            changes.delta,
            no_update if changes.figures is None else tiles(changes.figures)[:FIGURES],
            no_update if changes.attention is None else _attention(changes.attention),
            changes.held,
        )

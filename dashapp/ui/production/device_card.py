"""OEE of one machine today and the stop that it is in, for the page of the device."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.domain.oee import LOSS_WORDS, Figure, figures
from dashapp.ui.components import card
from dashapp.ui.device.data import plant_reading
from dashapp.ui.device.view import stamp
from dashapp.ui.production.parts import inside
from dashapp.ui.production.scope import EXPLAIN, OEE, PRODUCTION, Scope, scope_of
from dashapp.ui.production.words import figure_words, span_words
from dashapp.ui.zones import viewer_zone
from db.queries.production import production_sums
from db.queries.stops import StopRow, stops_between


def today_card(key: str) -> Component | None:
    """The figures of today, by the plant's clock; None where the device counts nothing that it makes."""
    made = today_pairs(key)
    if made is None:
        return None
    href = f"{OEE}?machine={key}"
    return card("OEE today", html.Div(made, className="pairs oee-today", id="device-oee"), aside=inside("More", href))


def today_pairs(key: str) -> list[Component] | None:
    """What stands in the card."""
    with plant_reading() as connection:
        scope = scope_of(connection, {"machine": key, "range": "today"})
        if scope.machine is None:
            return None
        sums = production_sums(connection, scope.ids, scope.start_us, scope.end_us)[scope.machine.id]
        latest = stops_between(connection, scope.start_us, scope.end_us, device_ids=scope.ids, limit=1)
    found = figures(sums)
    pairs: list[Component] = [
        _pair(scope, name, words, figure)
        for name, words, figure in (
            ("oee", "OEE", found.oee),
            ("availability", "Availability", found.availability),
            ("effectiveness", "Effectiveness", found.effectiveness),
            ("quality", "Quality ratio", found.quality),
        )
    ]
    return [*pairs, _stop(scope, latest[0] if latest else None)]


def _pair(scope: Scope, name: str, words: str, figure: Figure) -> Component:
    return inside([html.Span(words), html.B(figure_words(figure))], scope.address(EXPLAIN, ("figure", name)), "pair")


def _stop(scope: Scope, stop: StopRow | None) -> Component:
    if stop is None:
        return html.Div([html.Span("Last stop"), html.B("none today")])
    why = stop.reason or LOSS_WORDS[stop.loss]
    clock = stamp(stop.start_us, viewer_zone())[-5:]
    if stop.end_us is None:
        name, words = "Stands still", f"since {clock}, {span_words((scope.now_us - stop.start_us) / 1e6)}: {why}"
    else:
        name, words = "Last stop", f"{clock}, {span_words(stop.planned_s)}: {why}"
    link: Any = inside(words, scope.address(PRODUCTION, ("stop", str(stop.id))))
    return html.Div([html.Span(name), html.B(link)])

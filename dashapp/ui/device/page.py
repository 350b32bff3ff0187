"""A device page put together, and what its callbacks answer with."""

from collections.abc import Iterator, Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashapp.domain.shifts import names
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.components import StateTimeline, card, skeleton
from dashapp.ui.context import services, tenant_id
from dashapp.ui.device import charts as drawn
from dashapp.ui.device import data, head, tables
from dashapp.ui.device import view as texts
from dashapp.ui.figures.live_chart import live_chart
from dashapp.ui.figures.theme import Figure
from dashapp.ui.live_tail import Piece, tail
from dashapp.ui.parts import drawing_downloads
from dashapp.ui.production.device_card import today_card
from dashapp.ui.shell import live
from dashapp.ui.states import attempt
from dashapp.ui.time_range import MINUTE_US

PAGES = ("newest", "newer", "older")
MOST_LEAFED = 400  # the furthest page that an address leads to


def device_page(
    device: DeviceEntry, chosen: SensorEntry, spans: dict[int, tuple[int, int]], query: Mapping[str, Any]
) -> Component:
    """All of it: what does not take long at once, history and statistics as skeletons that callbacks fill."""
    zone, now = data.viewer_zone(), data.now_us()
    calendars = data.line_calendars(device)
    view = texts.view_of(chosen, query, spans.get(chosen.id), now, zone, calendars)
    source, cursor = live_source(chosen, now)
    gauges = data.gauges_now(device)
    span = spans.get(chosen.id)
    quiet = "" if source["data"][0]["x"] else drawn.quiet_text(chosen, span and span[1], zone)
    cards = [drawn.live_card(chosen, quiet, zone), drawn.history_card(view, names(calendars))]
    instruments = drawn.gauge_cards(device, gauges, data.rates(device))
    alone = len(device.sensors) == 1  # one gauge does not fill a row
    states = attempt("States", _states, device)
    events = attempt("Alerts and stops", lambda: tables.events_card(data.events(device), zone))
    main = html.Div(
        [
            *(cards[::-1] if quiet else cards[:1]),
            None if alone else instruments,
            *([] if quiet else cards[1:]),
            states,
            card(
                "Readings",
                html.Div(skeleton("24rem"), id="device-readings"),
                aside=tables.paging(),
                className="readings-card",
            ),
        ],
        className="stack",
    )
    side = html.Div(
        [
            instruments if alone else None,
            card(
                "Statistics",
                html.Div(skeleton("14rem"), id="device-statistics"),
                aside=html.Span(chosen.name, id="device-statistics-of"),
            ),
            attempt("OEE", today_card, device.key) if device.is_machine else None,
            events,
            attempt("Configuration", tables.configuration_card, device, chosen, zone),
        ],
        className="stack",
    )
    return live(
        head.head(device, data.device_state(device), chosen),
        html.Div([main, side], className="two"),
        *_stores(device, chosen, query, gauges, source, cursor),
    )


def _stores(
    device: DeviceEntry,
    chosen: SensorEntry,
    query: Mapping[str, Any],
    gauges: dict[str, Any],
    source: Figure,
    cursor: dict[str, Any],
) -> Iterator[Component]:
    """What the browser holds: what is asked for (`view`), what it has of the live chart (`cursor`), what it draws."""
    usual = texts.chosen_sensor(device, None)
    held = {
        "page": {"key": device.key, "usual": usual and usual.key, "periods": {one.key: one.period_s for one in device.sensors.values()}},
        "view": {"sensor": chosen.key, **{name: query.get(name) for name in ("range", "from", "to", "page")}},
        "sensor": chosen.key,
        "live-source": source,
        "delta": {"sensor": chosen.key, "points": [], "whole": False, "gauges": gauges},
        "cursor": cursor,
        "minute": data.now_us() // MINUTE_US,
        "history-source": None,
        "page-cursor": [],
        "navigated": None,
        "owned": None,
        "leafed": None,
        "saved": None,
    }
    for name, value in held.items():
        yield dcc.Store(id=f"device-{name}", data=value)


def _states(device: DeviceEntry) -> Component | None:
    """What a machine did in the last hours."""
    shown = data.machine_timeline(device)
    if shown is None:
        return None
    return card(
        "States, last 8 hours",
        StateTimeline(id="device-states", legend=False, zone=data.viewer_zone(), **shown),
        aside=[tables.states_legend(), drawing_downloads("device-states", f"{device.key} states")],
    )


def live_source(sensor: SensorEntry, now_us: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The live chart's figure, and what the browser has after it."""
    version = services().live.version(tenant_id())
    piece = tail(services()).whole(tenant_id(), sensor.id, now_us)
    state = services().live.now(tenant_id()).get(sensor.id)
    figure = live_chart(sensor, piece.time_us, piece.value, now_us, data.viewer_zone())
    figure["layout"]["meta"] |= {"sensor": sensor.key, "name": sensor.name, "last_ms": state and state.time_us // 1000}
    return figure, cursor_after(sensor, piece, 0, version)


def cursor_after(sensor: SensorEntry, piece: Piece, before_us: int, version: int) -> dict[str, Any]:
    """What the browser has once it has drawn `piece`; `before_us` where that is nothing."""
    since = int(piece.time_us[-1]) if len(piece.time_us) else before_us
    return {"sensor": sensor.key, "since_us": since, "epoch": piece.epoch, "version": version}


def asked_page(view: texts.View, asked: object) -> list[list[int]]:
    """Where each page of readings after the first begins, up to the one that an address names (`page`, from 1)."""
    text = str(asked or "1")
    number = min(int(text), MOST_LEAFED) if text.isascii() and text.isdigit() else 1
    if number <= 1:
        return []
    shown = data.readings_before(view, None, pages=number - 1)
    ends = range(data.PAGE_ROWS - 1, len(shown) - 1, data.PAGE_ROWS)  # a page that would be empty is none
    return [[int(shown.time_us[end]), int(shown.sensor_id[end])] for end in ends]


def page_end(before: list[list[int]], view: texts.View) -> list[int]:
    """The last reading of the page that `before` leads to."""
    shown = data.readings_before(view, before[-1] if before else None)
    last = min(len(shown), data.PAGE_ROWS) - 1
    return [int(shown.time_us[last]), int(shown.sensor_id[last])]


def readings_of(view: texts.View, before: list[list[int]]) -> Any:
    """The page of readings that `before` leads to, `before`, and which of the paging buttons lead nowhere."""
    shown = data.readings_before(view, before[-1] if before else None)
    more = len(shown) > data.PAGE_ROWS
    disabled = {"newest": not before, "newer": not before, "older": not more}
    return tables.readings_table(view, shown, len(before)), before, [disabled[to] for to in PAGES]

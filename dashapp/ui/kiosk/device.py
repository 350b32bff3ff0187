"""A device as a wall screen shows it: its value large, how it is, the line of a range, its other values, what the machine did."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dash
import numpy as np
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui import cards
from dashapp.ui.components import CardsDelta, StateTimeline
from dashapp.ui.context import services, tenant_id
from dashapp.ui.device import data
from dashapp.ui.device import view as texts
from dashapp.ui.figures.value_axis import sensor_decimals
from dashapp.ui.kiosk.parts import WallChart, WallDevice, states_heading
from dashapp.ui.parts import empty_state, kpi
from dashapp.ui.time_range import names_shift
from db.queries.series import Series, series

OTHERS = 3
PIECES = 160  # of the chart: more are not seen from five metres
CHART_EVERY_US = 30_000_000
USUAL = "8h"
PULSE = Input("shell-pulse", "data")
Piece = tuple[int, float | None, float | None, float | None]


def wall_device(device: DeviceEntry, sensor: SensorEntry | None, query: Mapping[str, Any]) -> Component:
    """The root of the page; `query` is the page's, with `range` or `from` and `to`."""
    if sensor is None:
        return html.Div(empty_state(f"{device.key} has no sensors yet", "Its values appear here once they are added."), className="card")
    asked = {name: query[name] for name in ("range", "from", "to") if isinstance(query.get(name), str)} or {"range": USUAL}
    now_us = data.now_us()
    shown = {"key": device.key, "sensor": sensor.key, **asked}
    held = {"version": services().live.version(tenant_id()), "chart_us": now_us, "state": list(data.device_state(device))}
    chart, title = _chart(device, sensor, asked)
    return html.Div(
        [
            WallDevice(id="wall-device", device=_card(device, sensor), now=now_us // 1000),
            html.Section([html.H2(title), WallChart(id="wall-chart", label=title, **chart)], className="card wall-line"),
            html.Div(_others(device, sensor), id="wall-others", className="kpis"),
            *_machine(device),
            dcc.Store(id="wall-device-of", data=shown),
            dcc.Store(id="wall-device-held", data=held),
        ],
        className="wall-one",
        **{"data-live": "true"},
    )


def _watched(device: DeviceEntry, sensor: SensorEntry) -> cards.Watched:
    """The device with the wanted sensor as the one that its card is about."""
    watched = cards.watch(device)
    return replace(watched, main=next((one for one in watched.sensors if one.id == sensor.id), watched.main))


def _card(device: DeviceEntry, sensor: SensorEntry) -> Any:
    state, words = data.device_state(device)
    watched, now = _watched(device, sensor), services().live.now(tenant_id()).get(sensor.id)
    main = {**cards.main_value(watched.main, now), "label": sensor.name}
    return {
        "key": device.key, "name": device.name, "place": device.place, "href": watched.href, "state": state, "state_text": words,
        "main": main, "spark": [], "others": [],
    }  # fmt: skip


def _chart(device: DeviceEntry, sensor: SensorEntry, asked: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Props of the chart, and its heading."""
    zone = services().catalogue.of(tenant_id()).zone
    calendars = data.line_calendars(device) if names_shift(asked.get("range")) else ()
    view = texts.view_of(sensor, asked, data.spans_of(device).get(sensor.id), data.now_us(), zone, calendars)
    with data.plant_reading() as connection:
        found = series(connection, sensor.id, view.start_us, view.end_us, width=2 * PIECES)
    words = f", {view.range.words}" if view.range.words else f", {texts.range_text(view)}"
    step_us = max((view.end_us - view.start_us) / PIECES, found.step_us, sensor.period_s * 1e6)
    props = {
        "points": _pieces(found, view.start_us, step_us), "step_ms": step_us / 1000, "start_ms": view.start_us // 1000,
        "end_ms": view.end_us // 1000, "limit_low": sensor.limit_low, "limit_high": sensor.limit_high, "unit": sensor.unit,
        "decimals": sensor_decimals(sensor), "zone": zone,
    }  # fmt: skip
    return props, f"{sensor.name}{words}"


def _pieces(found: Series, start_us: int, step_us: float) -> list[Piece]:
    """Mean, least and greatest of each piece of time that has readings; a break where the next ones have none."""
    if not len(found):
        return []
    piece = ((found.time_us - start_us) // step_us).astype(np.int64)
    numbers, first = np.unique(piece, return_index=True)  # ascending in time, so each piece is a slice
    weight = np.add.reduceat(found.count.astype(np.float64), first)
    mean = np.add.reduceat(found.mean * found.count, first) / weight
    low, high = np.minimum.reduceat(found.low, first), np.maximum.reduceat(found.high, first)
    points: list[Piece] = []
    for number, *values in zip(numbers.tolist(), mean.tolist(), low.tolist(), high.tolist(), strict=True):
        at_ms = int(start_us + (number + 0.5) * step_us) // 1000
        if points and at_ms - points[-1][0] > 2.5 * step_us / 1000:
            points.append((points[-1][0], None, None, None))
        points.append((at_ms, *values))
    return points


def _others(device: DeviceEntry, sensor: SensorEntry) -> list[Component]:
    """The device's other values; a rate for what is counted, whether there is a fault for a flag, and how old where it is old."""
    gauges, now_ms = data.gauges_now(device), data.now_us() // 1000
    shown = []
    for other in [one for one in device.sensors.values() if one.key != sensor.key][:OTHERS]:
        gauge = gauges[other.key]
        old = gauge["at_ms"] is None or now_ms - gauge["at_ms"] > max(30.0, 3 * other.period_s) * 1000
        if old:
            shown.append(kpi(other.name, None, "", "no data now"))
        elif other.kind == "flag":
            shown.append(kpi(other.name, "yes" if gauge["value"] else "no", "", "now"))
        else:
            unit, note = (f" {other.unit}/h", "in the last hour") if other.kind == "increment" else (f" {other.unit}", "now")
            shown.append(kpi(other.name, gauge["value"], unit.rstrip(), note, decimals=sensor_decimals(other)))
    return shown


def _machine(device: DeviceEntry) -> list[Component]:
    timeline = data.machine_timeline(device)
    if timeline is None:
        return []
    zone = services().catalogue.of(tenant_id()).zone
    line = StateTimeline(id="wall-machine", legend=False, zone=zone, **timeline)
    return [html.Section([states_heading("Last 8 hours"), line], className="card wall-machines")]


def register(app: Dash) -> None:
    """The tick of this page."""

    @app.callback(
        Output("wall-device", "delta"),
        Output("wall-others", "children"),
        Output("wall-chart", "points"),
        Output("wall-chart", "start_ms"),
        Output("wall-chart", "end_ms"),
        Output("wall-device-held", "data"),
        PULSE,
        State("wall-device-of", "data"),
        State("wall-device-held", "data"),
        prevent_initial_call=True,
    )
    def show_device(_pulse: int, shown: dict[str, Any], held: dict[str, Any]) -> Any:
        """The values each second that something came; the line, where its range moves with time, and the machine twice a minute."""
        device, sensor = data.found(shown["key"], shown["sensor"])
        now_us, version = data.now_us(), services().live.version(tenant_id())
        state = list(data.device_state(device))
        due = now_us - held["chart_us"] >= CHART_EVERY_US
        if version == held["version"] and state == held["state"] and not due:
            raise PreventUpdate
        card = _card(device, sensor)
        value = {"value": card["main"]["value"], "at_ms": card["main"]["at_ms"], "state": card["state"], "state_text": card["state_text"]}
        delta: CardsDelta = {"now_ms": now_us // 1000, "version": version, "devices": {device.key: value}}  # type: ignore[typeddict-item]
        chart: Any = (no_update, no_update, no_update)
        timeline = data.machine_timeline(device) if due else None
        if timeline is not None:
            dash.set_props("wall-machine", timeline)
        if due and "to" not in shown:
            props, _ = _chart(device, sensor, {name: shown[name] for name in ("range", "from") if name in shown})
            chart = (props["points"], props["start_ms"], props["end_ms"])
        held = {"version": version, "state": state, "chart_us": now_us if due else held["chart_us"]}
        return delta, _others(device, sensor), *chart, held

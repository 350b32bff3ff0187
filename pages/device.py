"""One device: its live chart, gauges, history over any range, statistics, readings and settings (UI-2)."""

from typing import Any

import dash
from dash import ALL, ClientsideFunction, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.domain.fleet import Role
from dashapp.ui.analytics.statistics_data import limit_ahead
from dashapp.ui.components import chip
from dashapp.ui.context import actor, services, tenant_id
from dashapp.ui.device import charts, data, head, tables
from dashapp.ui.device import view as texts
from dashapp.ui.device.page import asked_page, cursor_after, device_page, live_source, page_end, readings_of
from dashapp.ui.kiosk.device import wall_device
from dashapp.ui.live_tail import WINDOW_US, tail
from dashapp.ui.production.device_card import today_pairs
from dashapp.ui.range_control import shown_range
from dashapp.ui.shell import PULSE, live
from dashapp.ui.time_range import DAY_US, HOUR_US


def title(key: str = "", **_query: Any) -> str:
    """`MX-02 Welding Station Beta · Andon`."""
    device = data.find_device(key)
    return f"{device.key} {device.name} · Andon" if device and device.name != device.key else f"{key} · Andon"


dash.register_page(
    __name__,
    path_template="/devices/<key>",
    name="Device",
    title=title,
    order=41,
    nav=False,
    role=Role.VIEWER,
    charts=True,
    within="/devices",
    found=data.is_there,
)


def layout(key: str = "", sensor: str | None = None, **query: Any) -> Component:
    """The page of a device; `sensor`, `range` or `from` and `to`, and `page` of the readings say what of it is shown."""
    device = data.find_device(key)
    if device is None:
        return head.unknown_device(data.device_key(key), data.plants_with(data.device_key(key)))
    chosen = texts.chosen_sensor(device, sensor)
    if actor().kind == "kiosk":
        return wall_device(device, chosen, query)
    spans = data.spans_of(device)
    if chosen is None or not spans:
        return live(
            head.first_reading(device),
            dcc.Store(id="device-awaited", data=key),
            html.Div(id="device-arrived", hidden=True),
        )
    return device_page(device, chosen, spans, query)


@callback(
    Output("device-live-source", "data"),
    Output("device-delta", "data"),
    Output("device-cursor", "data"),
    Output("device-state", "children"),
    PULSE,
    Input("device-sensor", "data"),
    State("device-page", "data"),
    State("device-cursor", "data"),
    prevent_initial_call=True,
)
def show_live(_pulse: Any, sensor_key: str, page: dict[str, Any], cursor: dict[str, Any]) -> Any:
    """Each second what came since; another sensor's chart when one is chosen."""
    device, sensor = data.found(page["key"], sensor_key)
    now, state = data.now_us(), list(data.device_state(device))
    said = no_update if state == cursor.get("state") else chip(*state)
    latest = services().live.now(tenant_id()).get(sensor.id)
    first_came = not cursor["since_us"] and latest is not None and latest.time_us > now - WINDOW_US
    if cursor["sensor"] != sensor.key or first_came:
        source, cursor = live_source(sensor, now)
        return source, no_update, {**cursor, "state": state}, said
    version = services().live.version(tenant_id())
    if version == cursor["version"]:
        if said is no_update:
            raise PreventUpdate
        return no_update, no_update, {**cursor, "state": state}, said
    piece = tail(services()).since(tenant_id(), sensor.id, cursor["since_us"], cursor["epoch"], now)
    points = [[at / 1000, value] for at, value in zip(piece.time_us.tolist(), piece.value.tolist(), strict=True)]
    delta = {"sensor": sensor.key, "points": points, "whole": piece.whole, "gauges": data.gauges_now(device)}
    held = {**cursor_after(sensor, piece, cursor["since_us"], version), "state": state}
    return no_update, delta, held, said


@callback(
    Output("device-live-title", "children"),
    Output("device-live-facts", "children"),
    Output("device-history-title", "children"),
    Output("device-statistics-of", "children"),
    Output("device-configuration", "children"),
    Input("device-sensor", "data"),
    State("device-page", "data"),
    prevent_initial_call=True,
)
def show_sensor(sensor_key: str, page: dict[str, Any]) -> Any:
    """What the parts are about, when another sensor is chosen."""
    device, sensor = data.found(page["key"], sensor_key)
    pairs = tables.configuration_pairs(device, sensor, data.viewer_zone())
    return charts.live_title(sensor), texts.sensor_facts(sensor, data.viewer_zone()), charts.history_title(sensor), sensor.name, pairs


@callback(
    Output("device-history-source", "data"),
    Output("device-history-says", "children"),
    Output("device-history-note", "children"),
    Output("device-history-note", "hidden"),
    Output("device-csv", "href"),
    Output("device-csv-sensor", "href"),
    Output("device-csv-all", "href"),
    Output("device-csv-statistics", "href"),
    Output("device-xlsx-statistics", "href"),
    Output("device-exports", "href"),
    Input("device-view", "data"),
    Input("device-minute", "data"),
    State("device-page", "data"),
)
def show_history(asked: dict[str, Any], _minute: int, page: dict[str, Any]) -> Any:
    """The chart of the range, finer when it is shorter; a range that counts back from now moves on each minute."""
    view, stands_still = data.asked_view(page["key"], asked)
    if stands_still and ctx.triggered_id == "device-minute":
        raise PreventUpdate
    figure, how = data.history(view, int(asked.get("width") or 1000))
    figure["layout"]["meta"] |= {"sensor": view.sensor.key, "shown": shown_range(view.range, view.start_us, view.end_us)}
    says = f"{texts.range_says(view)}. {how[0].upper()}{how[1:]}."
    links = head.export_links(page["key"], view)
    addresses = [links[name] for name in ("sensor", "sensor", "all", "statistics", "statistics_xlsx", "more")]
    return figure, says, view.note, not view.note, *addresses


@callback(
    Output("device-statistics", "children"),
    Input("device-view", "data"),
    Input("device-minute", "data"),
    State("device-page", "data"),
)
def show_statistics(asked: dict[str, Any], _minute: int, page: dict[str, Any]) -> Any:
    """Mean to trend over the last hour, the last day, and the chosen range."""
    view, _ = data.asked_view(page["key"], asked)
    now = data.now_us()
    ranges = {"1 h": (now - HOUR_US, now), "24 h": (now - DAY_US, now)}
    if view.range.preset not in ("1h", "24h"):
        ranges["this range"] = (view.start_us, view.end_us)
    summaries = data.summaries(view.sensor, list(ranges.values()))
    return tables.statistics_table(view.sensor, summaries, list(ranges), limit_ahead(view.sensor, now))


@callback(
    Output("device-states", "rows"),
    Output("device-states", "start_ms"),
    Output("device-states", "end_ms"),
    Output("device-states", "now_ms"),
    Input("device-minute", "data"),
    State("device-page", "data"),
    prevent_initial_call=True,
)
def show_states(_minute: int, page: dict[str, Any]) -> Any:
    """The machine's last hours, moved on each minute."""
    device = data.find_device(page["key"])
    shown = data.machine_timeline(device) if device is not None else None
    if shown is None:
        raise PreventUpdate
    return shown["rows"], shown["start_ms"], shown["end_ms"], shown["now_ms"]


@callback(
    Output("device-oee", "children"), Input("device-minute", "data"), State("device-page", "data"), prevent_initial_call=True
)
def show_oee(_minute: int, page: dict[str, Any]) -> Any:
    """OEE of today and the stop that a machine is in."""
    found = today_pairs(page["key"])
    if found is None:
        raise PreventUpdate
    return found


@callback(
    Output("device-readings", "children"),
    Output("device-page-cursor", "data"),
    Output({"type": "device-page-to", "to": ALL}, "disabled"),
    Input("device-view", "data"),
    Input({"type": "device-page-to", "to": ALL}, "n_clicks"),
    State("device-page", "data"),
    State("device-page-cursor", "data"),
)
def show_readings(asked: dict[str, Any], _clicks: list[Any], page: dict[str, Any], before: list[list[int]]) -> Any:
    """A page of readings; `before` holds where each page after the first begins, so that one can go back."""
    view, _ = data.asked_view(page["key"], asked)
    to = ctx.triggered_id["to"] if isinstance(ctx.triggered_id, dict) else "newest"
    if ctx.triggered_id == "device-view" or not ctx.triggered_id:
        before = asked_page(view, asked.get("page"))
    elif to == "newest":
        before = []
    elif to == "newer":
        before = before[:-1]
    else:
        before = [*before, page_end(before, view)]
    return readings_of(view, before)


@callback(Output("device-arrived", "children"), PULSE, State("device-awaited", "data"), prevent_initial_call=True)
def show_first_reading(_pulse: Any, key: str) -> Any:
    """Loads the page of a device anew once its first reading is there."""
    device = data.find_device(key)
    now = services().live.now(tenant_id())
    if device is None or not any(sensor.id in now for sensor in device.sensors.values()):
        raise PreventUpdate
    return dcc.Location(id="device-elsewhere", href=head.device_path(data.device_key(key)), refresh=True)


def _in_browser(name: str, *dependencies: Any, **options: Any) -> None:
    clientside_callback(ClientsideFunction("andon_device", name), *dependencies, **options)


_in_browser("own", Output("device-owned", "data"), Input("device-page", "data"))
_in_browser(
    "navigate",
    Output("device-navigated", "data"),
    Input({"type": "device-sensor", "sensor": ALL}, "n_clicks"),
    Input("device-range", "asked"),
    Input("device-history", "relayoutData"),
    State("device-view", "data"),
    prevent_initial_call=True,
)
_in_browser(
    "show_page",
    Output("device-leafed", "data"),
    Input("device-page-cursor", "data"),
    prevent_initial_call=True,
)
_in_browser(
    "show_view",
    Output({"type": "device-sensor", "sensor": ALL}, "aria-pressed"),
    Input("device-view", "data"),
    State({"type": "device-sensor", "sensor": ALL}, "id"),
    State("device-sensor", "data"),
    prevent_initial_call=True,
)
_in_browser(
    "show_history",
    Output("device-history", "figure"),
    Output("device-range", "shown"),
    Output("device-range", "back"),
    Output("device-history-waiting", "children"),
    Input("device-history-source", "data"),
    State("device-view", "data"),
)
_in_browser(
    "show_now",
    Output("device-live", "figure"),
    Output("device-live-quiet", "children"),
    Output("device-live-quiet", "hidden"),
    Output("device-live-frame", "className"),
    Output({"type": "device-gauge", "sensor": ALL}, "value"),
    Output({"type": "device-gauge", "sensor": ALL}, "state"),
    Output({"type": "device-gauge", "sensor": ALL}, "stale"),
    Output({"type": "device-flag", "sensor": ALL}, "children"),
    Output({"type": "device-flag", "sensor": ALL}, "className"),
    Input("device-live-source", "data"),
    Input("device-delta", "data"),
    State({"type": "device-gauge", "sensor": ALL}, "id"),
    State({"type": "device-flag", "sensor": ALL}, "id"),
    State("device-page", "data"),
)
_in_browser(
    "save_png",
    Output("device-saved", "data"),
    Input({"type": "device-png", "chart": ALL, "place": ALL}, "n_clicks"),
    State("device-page", "data"),
    State("device-view", "data"),
    prevent_initial_call=True,
)

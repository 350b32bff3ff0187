"""What of a device page is drawn: the live chart, gauges, the history with all that changes its range."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.components import Gauge, skeleton
from dashapp.ui.device import view as texts
from dashapp.ui.device.data import Rate
from dashapp.ui.device.view import View, when
from dashapp.ui.figures.theme import blank
from dashapp.ui.figures.value_axis import sensor_decimals
from dashapp.ui.range_control import TimeRangeControl

GRAPH = {"displayModeBar": False, "doubleClick": "autosize", "responsive": True, "scrollZoom": False, "showTips": False}


def png_button(chart: str, name: str) -> Component:
    """A small button that saves a chart as a picture."""
    return html.Button(
        "PNG",
        id={"type": "device-png", "chart": chart, "place": "card"},
        type="button",
        className="btn plain tiny",
        title=f"Save the {name} as PNG",
        **{"aria-label": f"Save the {name} as PNG"},
    )


def csv_button(graph: str, file: str, name: str) -> Component:
    """A small button that saves a chart's points, as they are drawn (`assets/98-files.js`)."""
    return html.Button(
        "CSV", type="button", className="btn plain tiny", title=f"Save the points of the {name} as CSV",
        **{"aria-label": f"Save the points of the {name} as CSV", "data-chart-csv": graph, "data-name": file},
    )  # fmt: skip


def live_card(sensor: SensorEntry, quiet: str, zone: str) -> Component:
    """The chart of the last fifteen minutes; `quiet` is said instead while there is nothing in them."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2(live_title(sensor), id="device-live-title"),
                    html.Div(
                        [
                            html.Span(texts.sensor_facts(sensor, zone), id="device-live-facts"),
                            csv_button("device-live", "Last 15 minutes", "live chart"),
                            png_button("live", "live chart"),
                        ],
                        className="card-aside",
                    ),
                ],
                className="card-head",
            ),
            html.Div(
                [
                    _graph("device-live", "device-live-title", "device-live-facts"),
                    html.P(quiet, id="device-live-quiet", className="chart-quiet", hidden=not quiet),
                ],
                id="device-live-frame",
                className="chart-frame live-frame quiet" if quiet else "chart-frame live-frame",
            ),
        ],
        className="card",
    )


def _graph(identity: str, title: str, says: str) -> Component:
    """A chart that a screen reader is told the name and the range of; what is in it stands in the tables."""
    graph = dcc.Graph(id=identity, figure=blank(), config=GRAPH, className="chart")
    return html.Div(graph, role="img", **{"aria-labelledby": title, "aria-describedby": says})


def live_title(sensor: SensorEntry) -> str:
    """`Temperature, last 15 minutes`."""
    return f"{sensor.name}, last 15 minutes"


def quiet_text(sensor: SensorEntry, last_us: int | None, zone: str) -> str:
    """What stands in the live chart while nothing comes."""
    if last_us is None:
        return f"{sensor.name} has never reported."
    return f"No reading in the last 15 minutes. The last one was at {when(last_us, zone, seconds=True)}."


def gauge_cards(device: DeviceEntry, now: dict[str, dict[str, Any]], rates: dict[int, Rate]) -> Component:
    """A gauge of every sensor. An increment's shows the last sixty minutes against the best hour of the day."""
    return html.Div(
        [
            html.Div(_gauge(sensor, now[sensor.key], rates.get(sensor.id)), className="card gauge-card")
            for sensor in device.sensors.values()
        ],
        className="gauges",
    )


def _gauge(sensor: SensorEntry, now: dict[str, Any], rate: Rate | None) -> Component:
    identity = {"type": "device-gauge", "sensor": sensor.key}
    stale = now["value"] is None
    if sensor.kind == "flag":
        return html.Div(
            [
                html.Div(sensor.name, className="gauge-label"),
                html.Div(
                    flag_word(now["value"]), className=flag_class(now), id={"type": "device-flag", "sensor": sensor.key}
                ),
            ],
            className="flag",
        )
    if sensor.kind == "increment":
        best = max(rate.best_hour if rate else 0.0, 1.0)
        return Gauge(
            id=identity, value=now["value"], unit=f"{sensor.unit or 'units'}/h", low=0, high=best, state=now["state"],
            label=f"{sensor.name}, last 60 min", decimals=0, stale=stale,
        )  # fmt: skip
    return Gauge(
        id=identity, value=now["value"], unit=sensor.unit, normal_low=sensor.normal_low, normal_high=sensor.normal_high,
        limit_low=sensor.limit_low, limit_high=sensor.limit_high, state=now["state"], label=sensor.name,
        decimals=sensor_decimals(sensor), stale=stale,
    )  # fmt: skip


def flag_word(value: float | None) -> str:
    """A flag's value as a word."""
    return "–" if value is None else "on" if value > 0 else "off"


def flag_class(now: dict[str, Any]) -> str:
    """The classes of a flag's word: its severity in colour while it is on."""
    return "flag-word" if now["state"] in ("normal", "no_data") else f"flag-word {now['state']}"


def history_card(view: View, shifts: list[str]) -> Component:
    """The chart over any range with everything that changes the range; filled by callbacks. `shifts` are the line's by name."""
    aside = html.Div(
        [html.A("CSV", id="device-csv", href="#", className="btn plain tiny"), png_button("history", "history chart")],
        className="card-aside",
    )
    return html.Section(
        [
            html.Div([html.H2(history_title(view.sensor), id="device-history-title"), aside], className="card-head"),
            TimeRangeControl(id="device-range", zone=view.zone, shifts=shifts),
            html.P(id="device-history-note", className="notice", hidden=True, role="status"),
            html.P(id="device-history-says", className="chart-says", role="status"),
            html.Div(
                [
                    _graph("device-history", "device-history-title", "device-history-says"),
                    html.Div(
                        skeleton("100%"), id="device-history-waiting", className="chart-waiting",
                        **{"data-waits-for": "device-history-source"},
                    ),
                ],
                className="chart-frame history-frame",
            ),
        ],
        className="card",
    )


def history_title(sensor: SensorEntry) -> str:
    """`Temperature, history`."""
    return f"{sensor.name}, history"

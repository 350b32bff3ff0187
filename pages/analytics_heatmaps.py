"""Heatmaps `/analytics/heatmaps`: one kind of sensor by device and hour, one sensor by weekday and hour, how sensors move together."""

from typing import Any

import dash
import numpy as np
from dash import html
from dash.development.base_component import Component

from dashapp.domain.addresses import joined
from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.analytics import heat_data as data
from dashapp.ui.analytics.addresses import HEATMAPS
from dashapp.ui.analytics.choice import Picked, Time, one_of, time_of
from dashapp.ui.analytics.parts import nothing_yet, page, range_bar, says_of, sensor_options, wire
from dashapp.ui.choices import ChoiceBar
from dashapp.ui.components import HourHeatmap, card, empty_state
from dashapp.ui.context import visible_devices
from dashapp.ui.figures.history_chart import step_text
from dashapp.ui.figures.value_axis import sensor_decimals
from dashapp.ui.parts import downloads, picture_button
from dashapp.ui.time_range import address_time
from dashapp.ui.zones import viewer_zone

dash.register_page(
    __name__, path=HEATMAPS, name="Heatmaps", title="Heatmaps" + shell.SUFFIX, order=36, nav=False, findable=True, role=Role.VIEWER,
    within="/analytics",
)  # fmt: skip
wire("heatmaps", [])


def layout(**query: Any) -> Component:
    """`sensor=MX-01:temperature` and a range."""
    devices, zone = visible_devices(), viewer_zone()
    picked = one_of(query, devices)
    if picked is None:
        return nothing_yet(HEATMAPS)
    time = time_of({"range": "7d", **query} if not query.get("from") else query, [picked], zone)
    found = data.shown(picked, devices, time)
    choose = ChoiceBar(fields=[{"name": "sensor", "label": "Sensor", "options": sensor_options(devices), "value": picked.ref}])
    top = card(
        "What and when", choose, *range_bar("heatmaps", time), html.P(says_of(time, f"Hours are those of {zone}"), className="chart-says")
    )
    return page(HEATMAPS, top, _by_device(picked, found, time), _by_week(picked, found, time), _together(picked, found, time))


def _saved(picked: Picked, time: Time, table: str, what: str) -> Component:
    ends = [("from", address_time(time.start_us)), ("to", address_time(time.end_us))]
    query = joined("", [("table", table), ("sensor", picked.ref), *ends])[1:]
    return html.Span([downloads(HEATMAPS, query, what=what), picture_button(what)], className="downloads")


def _cells(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values.tolist()]


def _heat(heat: data.Heat, picked: Picked, caption: str) -> Component:
    if np.isnan(heat.values).all():
        return empty_state("No readings in this time", "Choose a longer time, or another sensor.")
    unit = data.unit_of(picked.sensor)
    rows: Any = [{"key": name, "values": _cells(values)} for name, values in zip(heat.rows, heat.values, strict=True)]
    low = 0.0 if picked.sensor.kind != "gauge" else float(np.nanmin(heat.values))
    decimals = sensor_decimals(picked.sensor) if picked.sensor.kind == "gauge" else 0
    return HourHeatmap(rows=rows, caption=caption, unit=unit, decimals=decimals, min=low)


def _by_device(picked: Picked, found: data.Shown, time: Time) -> Component:
    title = f"{picked.sensor.name}, by device and hour of the day"
    return card(title, _heat(found.devices, picked, title), aside=_saved(picked, time, "devices", title))


def _by_week(picked: Picked, found: data.Shown, time: Time) -> Component:
    title = f"{picked.name}, by weekday and hour"
    return card(title, _heat(found.week, picked, title), aside=_saved(picked, time, "week", title))


def _together(picked: Picked, found: data.Shown, time: Time) -> Component:
    title = f"How the sensors of {picked.device.key} move together"
    if len(found.correlated) < 2:
        return card(title, empty_state("One sensor only", f"{picked.device.key} has no second sensor to compare it with."))
    names = [sensor.name for sensor in found.correlated]
    rows: Any = [{"key": name, "values": _cells(values)} for name, values in zip(names, found.correlation, strict=True)]
    table = HourHeatmap(rows=rows, hours=names, caption=title, decimals=2, max=1, signed=True, numbers=True)
    says = f"Pearson's r of means of {step_text(found.step_us)}: 1 together, −1 against one another, 0 nothing to do with one another."
    scrolls = html.Div(table, className="heatmap-scrolls", tabIndex="0", role="group", **{"aria-label": title})
    return card(title, html.P(says, className="chart-says"), scrolls, aside=_saved(picked, time, "correlation", title))
